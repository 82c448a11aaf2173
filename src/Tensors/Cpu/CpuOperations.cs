using System.Runtime.Intrinsics;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.MatrixProducts;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu;

/// <summary>The operation set on the processor.</summary>
internal sealed partial class CpuOperations : OperationSet, IDisposable
{
    private readonly CpuDevice _device;
    private readonly Leased<Workspace> _workspace;

    public CpuOperations(CpuDevice device)
        : base(device)
    {
        _device = device;
        _workspace = new Leased<Workspace>(device.Pool, () => new Workspace());
        _products = new Leased<MatrixProduct>(device.Pool, () => new MatrixProduct(device.Pool, device.Simd));
    }

    public void Dispose()
    {
        _products.Dispose();
        _workspace.Dispose();
    }

    /// <summary>Runs the tasks of a kernel at the device's vector width on its worker threads.</summary>
    private void Run<TKernel>(in TKernel kernel, int tasks)
        where TKernel : struct, IVectorKernel
    {
        switch (_device.Simd)
        {
            case SimdLevel.Vector512:
                Run<TKernel, Simd512, Vector512<float>>(kernel, tasks);
                break;
            case SimdLevel.Vector256:
                Run<TKernel, Simd256, Vector256<float>>(kernel, tasks);
                break;
            default:
                Run<TKernel, Simd128, Vector128<float>>(kernel, tasks);
                break;
        }
    }

    private void Run<TKernel, S, V>(in TKernel kernel, int tasks)
        where TKernel : struct, IVectorKernel
        where S : struct, ISimd<V>
        where V : struct
    {
        var job = new VectorJob<TKernel, S, V>(kernel);
        _device.Pool.Run(ref job, tasks);
    }
}
