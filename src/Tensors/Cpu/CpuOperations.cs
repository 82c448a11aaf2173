using MergeEngine.Tensors.Operations.Reference;

namespace MergeEngine.Tensors.Cpu;

/// <summary>The operation set on the processor.</summary>
internal sealed partial class CpuOperations : ReferenceOperations, IDisposable
{
    private readonly CpuDevice _device;

    public CpuOperations(CpuDevice device)
        : base(device) => _device = device;

    public void Dispose() => _products?.Dispose();
}
