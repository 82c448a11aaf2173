using System.Diagnostics.CodeAnalysis;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Adapters.Extraction;

/// <summary>One of the two models of an extraction: a checkpoint, and the adapter that is applied to it while it is read where it is given as <c>MODEL+ADAPTER</c>.</summary>
internal sealed class ComparedModel : IDisposable
{
    private const int BlockElements = 1 << 16;

    private readonly Checkpoint _checkpoint;
    private readonly LoraAdapter? _adapter;
    private IReadOnlyDictionary<string, string> _stored = new Dictionary<string, string>(StringComparer.Ordinal);
    private AdaptedModel? _adapted;

    private ComparedModel(string title, Checkpoint checkpoint, LoraAdapter? adapter) => (Title, _checkpoint, _adapter) = (title, checkpoint, adapter);

    /// <summary>The model as it was given.</summary>
    public string Title { get; }

    /// <summary>The model itself, in its own names.</summary>
    public Checkpoint Checkpoint => _checkpoint;

    public bool HasAdapter => _adapter is not null;

    /// <summary>Files that are read.</summary>
    public IEnumerable<string> Files => _checkpoint.Files.Concat(_adapter?.Weights.Files ?? []).Select(f => f.FilePath);

    /// <summary>Names of all tensors, those that the adapter adds too, as both models have them; known from <see cref="Resolve"/> on.</summary>
    public IEnumerable<string> Names => _stored.Keys.Concat(_adapted?.Added.Keys ?? []);

    /// <exception cref="AdapterException">The text names no model, or an adapter that is none.</exception>
    /// <exception cref="SafetensorsException">A file cannot be read.</exception>
    public static ComparedModel Open(string text)
    {
        if (!ModelReference.TryParse(text, Path.Exists, out ModelReference? model, out string? problem)) throw new AdapterException($"The model {Quoting.Quote(text)} {problem}", areOfFiles: false);
        if ((model!.Revision ?? model.Adapter?.Revision) is { } revision)
            throw new AdapterException($"The model {Quoting.Quote(text)} names the revision {Quoting.Quote(revision)}, but only files on this machine are read, which have none.", areOfFiles: false);
        if (File.Exists(Path.Combine(model.Path, AdapterConfigFile.Name)) && !File.Exists(Path.Combine(model.Path, "config.json")))
            throw new AdapterException($"The model {Quoting.Quote(text)} is an adapter, expected a whole model, or MODEL+ADAPTER.", areOfFiles: false);
        LoraAdapter? adapter = model.Adapter is null ? null : LoraAdapter.Open(model.Adapter.Path);
        try
        {
            return new ComparedModel(text, Checkpoint.Open(model.Path), adapter);
        }
        catch
        {
            adapter?.Dispose();
            throw;
        }
    }

    /// <summary>Finds the common names of two models, and what their adapters change.</summary>
    /// <exception cref="AdapterException">An adapter does not fit its model; everything that does not is listed.</exception>
    public static void Resolve(ComparedModel model, ComparedModel origin)
    {
        ComparedModel[] both = [model, origin];
        Dictionary<string, string>[] stored = NameAliases.Resolve([.. both.Select(m => m._checkpoint)]);
        for (int i = 0; i < both.Length; i++)
        {
            both[i]._stored = stored[i];
            if (both[i]._adapter is { } adapter) both[i]._adapted = AdaptedModel.Match(adapter, both[i]._checkpoint, stored[i]);
        }
    }

    public bool TryGet(string name, [NotNullWhen(true)] out TensorEntry? entry)
    {
        entry = null;
        return _stored.TryGetValue(name, out string? own) ? _checkpoint.TryGet(own, out entry) : _adapted?.Added.TryGetValue(name, out entry) ?? false;
    }

    /// <summary>Whether the tensor's bytes are those of a file, rather than made by the adapter.</summary>
    public bool IsStored(TensorEntry entry) => TransformOf(entry) is null;

    /// <summary>The file that holds an entry.</summary>
    public SafetensorsFile FileOf(TensorEntry entry) => (IsOwn(entry) ? _checkpoint : _adapter!.Weights).FileOf(entry.Name);

    /// <summary>Elements as float32, with what the adapter does to them, rounded to the type of the model's file.</summary>
    /// <exception cref="SafetensorsException">A file cannot be read.</exception>
    public void ReadFloat32(TensorEntry entry, long first, Span<float> destination)
    {
        if (TransformOf(entry) is { } transform) transform.Read(first, destination);
        else FileOf(entry).ReadFloat32(entry, first, destination);
    }

    /// <summary>The tensor to be written as it is, in the type that it has.</summary>
    public TensorContent ContentOf(string name, TensorEntry entry) => new(name, entry.DType, entry.Shape, stream =>
    {
        if (IsStored(entry)) SafetensorsWriter.Copy(FileOf(entry), entry, stream);
        else WriteChanged(entry, stream);
    });

    public void Dispose()
    {
        _checkpoint.Dispose();
        _adapter?.Dispose();
    }

    private TensorTransform? TransformOf(TensorEntry entry) => IsOwn(entry) ? _adapted?.TransformOf(entry) : null;

    private bool IsOwn(TensorEntry entry) => _checkpoint.TryGet(entry.Name, out TensorEntry? own) && ReferenceEquals(own, entry);

    private void WriteChanged(TensorEntry entry, Stream stream)
    {
        float[] values = new float[BlockElements];
        byte[] bytes = new byte[BlockElements * entry.DType.Bits() / 8];
        for (long at = 0; at < entry.ElementCount; at += BlockElements)
        {
            Span<float> block = values.AsSpan(0, (int)Math.Min(BlockElements, entry.ElementCount - at));
            ReadFloat32(entry, at, block);
            Span<byte> stored = bytes.AsSpan(0, block.Length * entry.DType.Bits() / 8);
            Conversion.FromSingle(block, entry.DType, stored);
            stream.Write(stored);
        }
    }
}
