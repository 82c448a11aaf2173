using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Merging.Streaming.Output;

/// <summary>A tensor that will be written: what the plan of a merge knows of it before a value is computed.</summary>
/// <param name="Name">The key in the header.</param>
/// <param name="DType">What is stored.</param>
/// <param name="Shape">The dimensions.</param>
public readonly record struct OutputTensor(string Name, DType DType, Shape Shape)
{
    /// <exception cref="OverflowException">More bytes than a signed 64-bit number says.</exception>
    public long ByteLength => DType.ByteCount(Shape.ElementCount);
}
