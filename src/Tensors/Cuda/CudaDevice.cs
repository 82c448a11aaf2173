using MergeEngine.Tensors.Cuda.Kernels;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cuda;

/// <summary>An NVIDIA GPU, or the emulated one, through the CUDA driver API.</summary>
public sealed class CudaDevice : Device
{
    internal CudaDevice(string name, Precision precision)
    {
        Name = name;
        Precision = precision;
        Operations = new CudaOperations(this);
    }

    public override string Name { get; }

    public override string Description => throw new NotSupportedException();

    public override bool IsHostMemory => false;

    public override OperationSet Operations { get; }

    /// <summary>Held while an operation is put on the stream, so that the launches of two threads do not mix.</summary>
    internal Lock Gate { get; } = new();

    public override void Upload<T>(ReadOnlySpan<T> source, DeviceSpan<T> destination) => throw new NotSupportedException();

    public override void Download<T>(DeviceSpan<T> source, Span<T> destination) => throw new NotSupportedException();

    public override void Synchronize() => throw new NotSupportedException();

    internal void Launch<TArguments>(Kernel<TArguments> kernel, Grid grid, in TArguments arguments, int sharedBytes = 0)
        where TArguments : unmanaged => throw new NotSupportedException();

    internal nint Scratch(long bytes) => throw new NotSupportedException();

    protected override DeviceBuffer AllocateCore(long bytes) => throw new NotSupportedException();
}
