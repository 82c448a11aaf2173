using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Kernels;

/// <summary>
/// A kernel that is written once for every vector width: a struct that holds its arguments, and one task of its work. The device
/// chooses the width, see <c>CpuOperations.Run</c>.
/// </summary>
internal interface IVectorKernel
{
    /// <summary>Does task number <paramref name="task"/>. Tasks run in any order on any thread, and write nothing that another task reads or writes.</summary>
    void Execute<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct;
}

/// <summary>A kernel at one vector width, as the worker pool runs it.</summary>
internal struct VectorJob<TKernel, S, V>(in TKernel kernel) : IParallelJob
    where TKernel : struct, IVectorKernel
    where S : struct, ISimd<V>
    where V : struct
{
    private readonly TKernel _kernel = kernel;

    public void Execute(int task) => _kernel.Execute<S, V>(task);
}
