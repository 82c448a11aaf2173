using System.Diagnostics.CodeAnalysis;
using MergeEngine.Merging.Adapters;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Planning;

/// <summary>The tensors of one checkpoint under the names that the merge gives them.</summary>
internal sealed class ModelTensors
{
    private readonly IReadOnlyDictionary<string, string> _stored;
    private readonly AdaptedModel? _adapted;
    private readonly HashSet<string> _modules;
    private readonly Dictionary<IReadOnlyList<string>, string?> _standIns = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<string, int> _layers;

    /// <param name="title">How messages call the model.</param>
    /// <param name="checkpoint">Its file.</param>
    /// <param name="stored">The name in the file of every name in the merge.</param>
    /// <param name="finder">Finds layers.</param>
    /// <param name="adapted">What an adapter makes of it; null without one.</param>
    /// <param name="others">Models that may have the very same names, which then stand in memory once.</param>
    public ModelTensors(string title, Checkpoint checkpoint, IReadOnlyDictionary<string, string> stored, LayerFinder finder, AdaptedModel? adapted = null, IEnumerable<ModelTensors>? others = null)
    {
        (Title, Checkpoint, _stored, _adapted) = (title, checkpoint, stored, adapted);
        if (adapted is null && others?.FirstOrDefault(m => m._adapted is null && ReferenceEquals(m._stored, stored)) is { } like)
        {
            (Names, _modules, _layers) = (like.Names, like._modules, like._layers);
            return;
        }

        (_modules, _layers) = (new HashSet<string>(StringComparer.Ordinal), new Dictionary<string, int>(StringComparer.Ordinal));
        string[] names = [.. stored.Keys, .. adapted?.Added.Keys ?? []];
        Array.Sort(names, StringComparer.Ordinal);
        Names = names;
        // Looked up by parts of names: of a hundred thousand only a few are new.
        var modules = _modules.GetAlternateLookup<ReadOnlySpan<char>>();
        var layers = _layers.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (string name in names)
        {
            modules.Add(name.AsSpan(0, NameAliases.FirstPartLength(name)));
            if (!finder.TryFind(name, out ReadOnlySpan<char> stack, out int number)) continue;
            if (!layers.TryGetValue(stack, out int count) || count <= number) layers[stack] = number + 1;
        }
    }

    public string Title { get; }

    public Checkpoint Checkpoint { get; }

    /// <summary>Names in the merge, sorted.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>First parts of its names.</summary>
    public IReadOnlyCollection<string> Modules => _modules;

    public bool TryGet(string name, [NotNullWhen(true)] out TensorEntry? entry)
    {
        entry = null;
        return _stored.TryGetValue(name, out string? stored) ? Checkpoint.TryGet(stored, out entry) : _adapted?.Added.TryGetValue(name, out entry) ?? false;
    }

    /// <summary>Where the values of a tensor come from.</summary>
    /// <param name="entry">What <see cref="TryGet"/> found.</param>
    /// <param name="read">What they are rounded to.</param>
    public TensorSource SourceOf(TensorEntry entry, DType read) => _adapted is null ? new TensorSource(Checkpoint, entry.Name, read)
        : Checkpoint.TryGet(entry.Name, out TensorEntry? own) && ReferenceEquals(own, entry) ? new TensorSource(Checkpoint, entry.Name, read) { Transform = _adapted.TransformOf(entry) }
        : new TensorSource(_adapted.Adapter.Weights, entry.Name, read);

    /// <summary>The tensor that stands in for one that the model lacks; null if there is none.</summary>
    public string? StandInFor(string name)
    {
        IReadOnlyList<string> ends = TensorRoles.StandInsFor(name);
        if (ends.Count == 0) return null;
        // The answer is the same for all names of one end; without this, a file with nothing but heads would take quadratic time.
        if (!_standIns.TryGetValue(ends, out string? found))
            _standIns.Add(ends, found = ends.SelectMany(e => Names.Where(n => TensorRoles.EndsWithPart(n, e))).FirstOrDefault());
        return found;
    }

    /// <summary>Layers of a stack: the highest number and one; 0 if the model has no such stack.</summary>
    public int LayersOf(ReadOnlySpan<char> stack) => _layers.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(stack, out int layers) ? layers : 0;
}
