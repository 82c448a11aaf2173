using System.Runtime.Intrinsics;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>The shared driver: cuts a pass into fixed blocks, one task each, and picks the body of the device's vector width.</summary>
internal struct VectorPass<TKernel> : IParallelJob
    where TKernel : struct, IRangeKernel
{
    public TKernel Kernel;
    private readonly long _length;
    private readonly SimdLevel _simd;
    private readonly int _block;

    private VectorPass(in TKernel kernel, long length, int block, SimdLevel simd)
    {
        Kernel = kernel;
        _length = length;
        _block = block;
        _simd = simd;
    }

    /// <summary>
    /// Runs <paramref name="kernel"/> over [0, <paramref name="length"/>). Blocks do not depend on the number of threads; a vector of one
    /// block stays on the calling thread.
    /// </summary>
    /// <returns>The kernel as the tasks have left it, for those that count.</returns>
    public static TKernel Run(CpuDevice device, in TKernel kernel, long length, int block = Ranges.Length)
    {
        if (length <= 0) return kernel;
        var pass = new VectorPass<TKernel>(kernel, length, block, device.Simd);
        device.Pool.Run(ref pass, checked((int)((length + block - 1) / block)));
        return pass.Kernel;
    }

    public void Execute(int task)
    {
        long start = (long)task * _block;
        int count = (int)Math.Min(_block, _length - start);
        switch (_simd)
        {
            case SimdLevel.Vector512: Kernel.Run<Simd512, Vector512<float>, Vector512<double>>(start, count); break;
            case SimdLevel.Vector256: Kernel.Run<Simd256, Vector256<float>, Vector256<double>>(start, count); break;
            default: Kernel.Run<Simd128, Vector128<float>, Vector128<double>>(start, count); break;
        }
    }
}
