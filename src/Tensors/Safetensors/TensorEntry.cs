using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Safetensors;

/// <summary>One tensor of a header: what it is called, what it holds, and where its bytes stand.</summary>
public sealed class TensorEntry
{
    internal TensorEntry(string name, DType dtype, Shape shape, long begin, long end)
    {
        Name = name;
        DType = dtype;
        Shape = shape;
        Begin = begin;
        End = end;
    }

    /// <summary>The key of the header. It is only a key: whatever it looks like, it is never used as a path.</summary>
    public string Name { get; }

    public DType DType { get; }

    public Shape Shape { get; }

    /// <summary>The first byte, counted from the end of the header.</summary>
    public long Begin { get; }

    /// <summary>One past the last byte, counted from the end of the header.</summary>
    public long End { get; }

    /// <summary>The number of bytes.</summary>
    public long ByteLength => End - Begin;

    /// <summary>The number of elements.</summary>
    public long ElementCount => Shape.ElementCount;

    public override string ToString() => $"{Quoting.Quote(Name)} {DType.Name()} {Shape}";
}
