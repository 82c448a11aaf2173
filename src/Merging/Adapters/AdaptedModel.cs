using System.Diagnostics.CodeAnalysis;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Adapters;

/// <summary>What an adapter makes of a model: which tensors it changes and how, and which it adds. Settled from headers alone.</summary>
internal sealed class AdaptedModel
{
    // Of a factor, in elements: no network comes near it, and indices stay within 32 bits.
    private const long MostInMemory = 1L << 29;

    private readonly Dictionary<TensorEntry, TensorTransform> _changed = [];
    private readonly Dictionary<string, TensorEntry> _added = new(StringComparer.Ordinal);

    private AdaptedModel(LoraAdapter adapter) => Adapter = adapter;

    public LoraAdapter Adapter { get; }

    /// <summary>Tensors that only the adapter has, such as a new head, by their names in the model.</summary>
    public IReadOnlyDictionary<string, TensorEntry> Added => _added;

    /// <summary>How a tensor of the model is read; null for as it is.</summary>
    public TensorTransform? TransformOf(TensorEntry entry) => _changed.GetValueOrDefault(entry);

    /// <summary>Finds the tensors of the model that an adapter changes.</summary>
    /// <param name="adapter">The adapter; stays the caller's.</param>
    /// <param name="model">The model's file.</param>
    /// <param name="stored">The name in the file of every name in the merge.</param>
    /// <exception cref="AdapterException">Names fit nothing, or shapes do not fit; all are listed.</exception>
    public static AdaptedModel Match(LoraAdapter adapter, Checkpoint model, IReadOnlyDictionary<string, string> stored)
    {
        var matched = new AdaptedModel(adapter);
        var names = new ModelNames(model, stored);
        var problems = new List<string>();
        var unknown = new List<string>();
        var whole = new Dictionary<TensorEntry, TensorEntry>();
        foreach ((string name, TensorEntry entry) in adapter.Whole)
        {
            if (names.TryFind(name, out TensorEntry? target))
            {
                if (target.Shape != entry.Shape) problems.Add(WrongShape(adapter, entry.Name, entry.Shape, target.Shape.ToString(), target, model));
                else if (!target.DType.IsArithmetic() || !entry.DType.IsArithmetic()) problems.Add(NotArithmetic(adapter, entry, target, model));
                else if (!whole.TryAdd(target, entry)) unknown.Add(entry.Name);
                else matched._changed[target] = new WholeReplacement(adapter.Weights, entry, target.DType);
            }
            else if (entry.DType.IsArithmetic() && adapter.Config.WholeModules.Any(m => IsInside(name, m)))
                matched._added.Add(name, entry);
            else
                unknown.Add(entry.Name);
        }

        var updated = new HashSet<TensorEntry>();
        foreach (LoraModule module in adapter.Modules)
        {
            if (!names.TryFind($"{module.Name}.weight", out TensorEntry? target) || !updated.Add(target))
            {
                unknown.AddRange(new[] { module.A, module.B, module.Bias }.OfType<TensorEntry>().Select(e => e.Name));
                continue;
            }

            if (matched.Update(module, target, names, model, whole.GetValueOrDefault(target)) is { } problem) problems.Add(problem);
            if (module.Bias is { } bias && matched.UpdateBias(module, bias, names, model, whole) is { } complaint) problems.Add(complaint);
        }

        if (unknown.Count > 0)
            problems.Insert(0, $"{adapter.Weights.Path}: {unknown.Count} of {Counting.Of(adapter.Weights.Names.Count, "tensor")} {(unknown.Count == 1 ? "fits" : "fit")} nothing in {model.Path}, or something that another has changed: {Quoting.QuoteSome(unknown)}.");
        return problems.Count == 0 ? matched : throw new AdapterException(problems, areOfFiles: false);
    }

    private static bool IsInside(string name, string module) => $".{name}".Contains($".{module}.", StringComparison.Ordinal);

    private string? Update(LoraModule module, TensorEntry target, ModelNames names, Checkpoint model, TensorEntry? replaced)
    {
        TensorEntry a = module.A!, b = module.B!;
        if (!target.DType.IsArithmetic()) return $"{model.Path}: the tensor {Quoting.Quote(target.Name)} is {target.DType.Name()}, to which no adapter can be added, expected F32, F16, BF16 or F64.";
        bool plain = !module.IsEmbedding && target.Shape.Rank == a.Shape.Rank && target.Shape[0] == b.Shape[0] && target.Shape.Dimensions[1..].SequenceEqual(a.Shape.Dimensions[1..]);
        bool transposed = target.Shape.Rank == 2 && a.Shape.Rank == 2 && target.Shape[0] == a.Shape[1] && target.Shape[1] == b.Shape[0];
        if (!plain && !transposed)
        {
            string expected = module.IsEmbedding ? $"{new Shape(a.Shape[1], b.Shape[0])}" : $"{new Shape([b.Shape[0], .. a.Shape.Dimensions[1..]])}";
            return $"{Adapter.Weights.Path}: the module {Quoting.Quote(module.Name)} is for a weight of the shape {expected}, and {Quoting.Quote(target.Name)} in {model.Path} has {target.Shape}.";
        }

        if (a.Shape[0] > MostInMemory || LowRankUpdate.Elements(a.Shape[0], target.Shape[0] == 0 ? 0 : target.ElementCount / target.Shape[0]) > MostInMemory)
            return $"{Adapter.Weights.Path}: the module {Quoting.Quote(module.Name)} has the rank {a.Shape[0]}, whose factor of {target.Shape} does not fit into memory.";
        bool columns = plain && transposed ? names.Orientation.OfNamesakes(module.Name) ?? Adapter.Config.IsTransposed : transposed;
        (Checkpoint file, TensorEntry entry) = replaced is null ? (model, target) : (Adapter.Weights, replaced);
        _changed[target] = new LowRankUpdate(file, entry, target.DType, Adapter.Weights, a, b, module.IsEmbedding || columns, Adapter.Config.ScaleOf(module.Name, a.Shape[0]));
        return null;
    }

    private string? UpdateBias(LoraModule module, TensorEntry bias, ModelNames names, Checkpoint model, Dictionary<TensorEntry, TensorEntry> whole)
    {
        if (!names.TryFind($"{module.Name}.bias", out TensorEntry? target)) return $"{Adapter.Weights.Path}: the tensor {Quoting.Quote(bias.Name)} is added to a bias, and the module has none in {model.Path}.";
        if (target.Shape != bias.Shape) return WrongShape(Adapter, bias.Name, bias.Shape, target.Shape.ToString(), target, model);
        (Checkpoint file, TensorEntry entry) = whole.GetValueOrDefault(target) is { } replaced ? (Adapter.Weights, replaced) : (model, target);
        _changed[target] = new BiasUpdate(file, entry, target.DType, Adapter.Weights, bias, Adapter.Config.ScaleOf(module.Name, module.A!.Shape[0]));
        return null;
    }

    private static string NotArithmetic(LoraAdapter adapter, TensorEntry entry, TensorEntry target, Checkpoint model) =>
        $"{adapter.Weights.Path}: the tensor {Quoting.Quote(entry.Name)} is {entry.DType.Name()} and takes the place of {Quoting.Quote(target.Name)} in {model.Path}, which is {target.DType.Name()}; both are expected to be F32, F16, BF16 or F64.";

    private static string WrongShape(LoraAdapter adapter, string name, Shape shape, string expected, TensorEntry target, Checkpoint model) =>
        $"{adapter.Weights.Path}: the tensor {Quoting.Quote(name)} has the shape {shape}, expected {expected} as {Quoting.Quote(target.Name)} in {model.Path}.";

    /// <summary>The tensors of a model by every name that an adapter may have for them: of the file, of the merge, and with or without the name of the whole encoder in front.</summary>
    private sealed class ModelNames
    {
        private readonly Checkpoint _model;
        private readonly Dictionary<string, string> _stored;
        private readonly Dictionary<string, string?> _shortened = new(StringComparer.Ordinal);

        public ModelNames(Checkpoint model, IReadOnlyDictionary<string, string> stored)
        {
            (_model, Orientation) = (model, new StoredOrientation(model));
            _stored = new Dictionary<string, string>(stored, StringComparer.Ordinal);
            foreach (string name in model.Names) _stored.TryAdd(name, name);
            foreach ((string name, string inFile) in _stored)
            {
                if (WithoutFirst(name) is not { } rest) continue;
                // What two tensors are called is the name of neither.
                if (!_shortened.TryAdd(rest, inFile) && _shortened[rest] != inFile) _shortened[rest] = null;
            }
        }

        public StoredOrientation Orientation { get; }

        public bool TryFind(string name, [NotNullWhen(true)] out TensorEntry? entry)
        {
            entry = null;
            string? inFile = _stored.GetValueOrDefault(name) ?? _shortened.GetValueOrDefault(name) ?? (WithoutFirst(name) is { } rest ? _stored.GetValueOrDefault(rest) : null);
            return inFile is not null && _model.TryGet(inFile, out entry);
        }

        private static string? WithoutFirst(string name) => name.IndexOf('.', StringComparison.Ordinal) is >= 0 and var dot ? name[(dot + 1)..] : null;
    }
}
