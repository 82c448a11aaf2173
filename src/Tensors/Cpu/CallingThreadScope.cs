using MergeEngine.Tensors.Cpu.Threads;

namespace MergeEngine.Tensors.Cpu;

/// <summary>While it lasts, operations of a device run on the calling thread alone; made by <see cref="CpuDevice.OnCallingThread"/>.</summary>
public readonly ref struct CallingThreadScope
{
    private readonly (WorkerPool? Pool, int Worker) _outer;

    internal CallingThreadScope(WorkerPool pool) => _outer = pool.Enter();

    public void Dispose() => WorkerPool.Leave(_outer);
}
