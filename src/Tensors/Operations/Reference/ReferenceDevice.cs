namespace MergeEngine.Tensors.Operations.Reference;

/// <summary>The slow, plain device that every other is compared with: storage is float32, all arithmetic inside an operation is float64.</summary>
public sealed class ReferenceDevice : HostDevice
{
    public ReferenceDevice() => OwnOperations = new ReferenceOperations(this);

    public override string Name => "reference";

    public override string Description => "plain loops in float64, for tests";

    protected override OperationSet OwnOperations { get; }
}
