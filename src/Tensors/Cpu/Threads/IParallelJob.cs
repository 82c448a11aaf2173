namespace MergeEngine.Tensors.Cpu.Threads;

/// <summary>
/// Work that <see cref="WorkerPool.Run{TJob}(ref TJob, int)"/> cuts into tasks. A job is a struct that holds its arguments; every thread
/// sees the same instance. Tasks run in no particular order and on any thread, so a task may only write what no
/// other task of the job reads or writes.
/// </summary>
public interface IParallelJob
{
    /// <summary>Does one task, 0 ≤ <paramref name="task"/> &lt; the count given to Run.</summary>
    void Execute(int task);
}
