using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Adapters.Extraction;

/// <summary>
/// The tensors of an adapter while it is made: computed ones wait in a file beside the target, as their shapes are known one after the other and the header comes
/// first; stored ones are copied from where they are.
/// </summary>
internal sealed class AdapterTensors : IDisposable
{
    private readonly FileStream _waiting;
    private readonly List<TensorContent> _contents = [];

    public AdapterTensors(string directory)
    {
        string path = Path.Combine(directory, $".{Path.GetRandomFileName()}.partial");
        try
        {
            _waiting = new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1 << 16, FileOptions.DeleteOnClose);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new AdapterException($"{directory}: no file can be made in it ({e.Message.TrimEnd('.')}).", e);
        }
    }

    /// <summary>Computed values; they may be reused on return.</summary>
    public void Add(string name, Shape shape, DType type, ReadOnlySpan<float> values)
    {
        byte[] bytes = new byte[type.ByteCount(values.Length)];
        Conversion.FromSingle(values, type, bytes);
        long start = _waiting.Length, length = bytes.Length;
        _waiting.Position = start;
        _waiting.Write(bytes);
        _contents.Add(new TensorContent(name, type, shape, stream => Copy(start, length, stream)));
    }

    /// <summary>A tensor of a model as it is.</summary>
    public void AddWhole(string name, ComparedModel model, TensorEntry entry) => _contents.Add(model.ContentOf(name, entry));

    /// <summary>Writes the file; returns the number of elements.</summary>
    public long Write(string path)
    {
        SafetensorsWriter.Write(path, _contents, new Dictionary<string, string> { ["format"] = "pt" });
        return _contents.Sum(c => c.Shape.ElementCount);
    }

    public void Dispose() => _waiting.Dispose();

    private void Copy(long start, long length, Stream target)
    {
        byte[] buffer = new byte[Math.Min(length, 1 << 20)];
        _waiting.Position = start;
        for (long left = length; left > 0;)
        {
            int count = (int)Math.Min(left, buffer.Length);
            _waiting.ReadExactly(buffer, 0, count);
            target.Write(buffer, 0, count);
            left -= count;
        }
    }
}
