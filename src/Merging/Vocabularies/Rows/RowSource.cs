using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Vocabularies.Rows;

/// <summary>A tensor with a row per token: stored, or made of a stored one.</summary>
internal sealed class RowSource
{
    private readonly SafetensorsFile _file;
    private readonly TensorEntry _entry;
    private readonly TensorTransform? _inner;
    private readonly int _width;

    /// <param name="source">Where it is, and what is made of it before its rows are moved.</param>
    /// <param name="entry">The stored tensor.</param>
    /// <param name="width">Elements of a row.</param>
    public RowSource(TensorSource source, TensorEntry entry, int width) =>
        (Source, _file, _entry, _inner, _width) = (source, source.Checkpoint.FileOf(source.Tensor), entry, source.Transform, width);

    public TensorSource Source { get; }

    /// <summary>Bytes that a row reads from files.</summary>
    public long RowBytes => _inner is null ? _entry.DType.ByteCount(_width) : _inner.InputBytes / Math.Max(1, _entry.ElementCount / _width);

    public long WorkingBytes => _inner?.WorkingBytes ?? 0;

    /// <summary>Reads rows that follow each other.</summary>
    /// <exception cref="SafetensorsException">The file cannot be read.</exception>
    public void Read(long row, Span<float> destination)
    {
        if (_inner is not null) _inner.Read(row * _width, destination);
        else _file.ReadFloat32(_entry, row * _width, destination);
    }
}
