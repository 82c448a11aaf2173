using System.Text.RegularExpressions;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Adapters.Extraction;

/// <summary>A weight whose difference is decomposed.</summary>
/// <param name="Module">The module's name.</param>
/// <param name="Model">The fine-tuned weight, [rows, columns].</param>
/// <param name="Base">What it was.</param>
/// <param name="IsEmbedding">Whether the factors are those of an embedding.</param>
/// <param name="IsTransposed">Whether it is stored [in, out].</param>
internal sealed record DecomposedWeight(string Module, TensorEntry Model, TensorEntry Base, bool IsEmbedding, bool IsTransposed);

/// <summary>A tensor that is compared, and goes into the adapter only if it differs and can.</summary>
internal sealed record ComparedTensor(string Name, TensorEntry Model, TensorEntry Base);

/// <summary>Which modules get factors, which are saved whole and which are left out: settled from headers alone.</summary>
internal sealed class ExtractionPlan
{
    private readonly LoraExtractionOptions _options;
    private readonly Regex[] _exclude;
    private readonly Regex[] _include;
    private readonly List<string> _problems = [];
    private readonly List<string> _notes = [];
    private readonly List<string> _undecomposable = [];

    /// <exception cref="AdapterException">The models do not fit, or nothing is left to decompose.</exception>
    public ExtractionPlan(ComparedModel model, ComparedModel origin, LoraExtractionOptions options)
    {
        _options = options;
        (_exclude, _include) = (Compile("--exclude-regex", options.Exclude, options.PatternTime), Compile("--include-regex", options.Include, options.PatternTime));
        var shapes = new StoredOrientation(origin.Checkpoint);
        foreach (string name in model.Names.Concat(origin.Names).Distinct().Order(StringComparer.Ordinal))
        {
            origin.TryGet(name, out TensorEntry? before);
            if (!model.TryGet(name, out TensorEntry? tuned)) _notes.Add($"{Quoting.Quote(name)} is in {origin.Title} alone and is left out.");
            else if (name.EndsWith(".weight", StringComparison.Ordinal)) PlaceWeight(name[..^".weight".Length], tuned, before, shapes);
            else if (!name.EndsWith(".bias", StringComparison.Ordinal)) PlaceOther(name, tuned, before);
        }

        // A bias follows the weight of its module, which stands behind it.
        foreach (string name in model.Names.Where(n => n.EndsWith(".bias", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            origin.TryGet(name, out TensorEntry? before);
            if (model.TryGet(name, out TensorEntry? tuned)) PlaceBias(name, tuned, before);
        }

        RequireModules(model);
        if (_undecomposable.Count > 0) _notes.Add($"{Counting.Of(_undecomposable.Count, "tensor cannot be decomposed and is left out", "tensors cannot be decomposed and are left out")}: {Quoting.QuoteSome(_undecomposable)}.");
        if (_problems.Count == 0 && Decomposed.Count == 0) _problems.Add(NothingLeft(model, origin));
        if (_problems.Count > 0) throw new AdapterException(_problems, areOfFiles: false);
    }

    public List<DecomposedWeight> Decomposed { get; } = [];

    /// <summary>Modules that are saved whole.</summary>
    public SortedSet<string> Whole { get; } = new(StringComparer.Ordinal);

    /// <summary>Their tensors.</summary>
    public List<(string Name, TensorEntry Entry)> WholeTensors { get; } = [];

    /// <summary>Biases of decomposed modules.</summary>
    public List<ComparedTensor> Biases { get; } = [];

    /// <summary>What no adapter can hold.</summary>
    public List<ComparedTensor> Others { get; } = [];

    public IReadOnlyList<string> Notes => _notes;

    /// <summary>A module that was to be saved and is none would be missed by nobody until the adapter is used.</summary>
    private void RequireModules(ComparedModel model)
    {
        string[] modules = [.. model.Names.Where(n => n.EndsWith(".weight", StringComparison.Ordinal)).Select(n => n[..^".weight".Length]).Order(StringComparer.Ordinal)];
        foreach (string wanted in _options.SaveModules.Distinct().Where(w => !modules.Any(m => IsCalled(m, w))))
            _problems.Add($"{model.Title}: no module is called {Quoting.Quote(wanted)}, as --save-module says, expected a name or last part such as {Quoting.QuoteSome([.. modules.Select(ModuleRoles.LastPart).Distinct()])}.");
    }

    /// <summary>The options that choose are named: one of them leaves nothing more often than a model has nothing.</summary>
    private string NothingLeft(ComparedModel model, ComparedModel origin)
    {
        string[] choices =
        [
            .. _options.Include.Select(i => $"--include-regex {Quoting.Quote(i)}"), .. _options.Exclude.Select(e => $"--exclude-regex {Quoting.Quote(e)}"),
            .. _options.SaveModules.Select(s => $"--save-module {Quoting.Quote(s)}"),
        ];
        string cause = choices.Length > 0 ? $" with {string.Join(", ", choices)}, expected options that leave one" : "";
        return $"{model.Title}: no module is left whose difference from {origin.Title} could be decomposed{cause}.";
    }

    private static bool IsCalled(string module, string name) => module == name || ModuleRoles.LastPart(module) == name;

    private void PlaceWeight(string module, TensorEntry tuned, TensorEntry? before, StoredOrientation shapes)
    {
        if (_options.SaveModules.Any(wanted => IsCalled(module, wanted)))
        {
            Save(module, tuned);
            return;
        }

        if (Matches("--exclude-regex", _exclude, module)) return;
        if (ModuleRoles.HasRowPerToken(module) && !_options.EmbedLora)
        {
            Save(module, tuned);
            return;
        }

        if (_include.Length > 0 && !Matches("--include-regex", _include, module)) return;
        if (before is not null && tuned.Shape.Rank == 2 && tuned.DType.IsArithmetic() && before.DType.IsArithmetic() && tuned.ElementCount > 0)
        {
            if (tuned.Shape != before.Shape)
                _problems.Add($"{_options.Model}: the tensor {Quoting.Quote(tuned.Name)} has the shape {tuned.Shape}, expected {before.Shape} as in {_options.BaseModel}.");
            else if (tuned.Shape[0] > int.MaxValue || tuned.Shape[1] > int.MaxValue || tuned.ElementCount > Array.MaxLength)
                _problems.Add($"{_options.Model}: the tensor {Quoting.Quote(tuned.Name)} has the shape {tuned.Shape}, of which no decomposition fits into memory; --exclude-regex leaves it out.");
            else
            {
                bool embedding = ModuleRoles.IsEmbedding(module);
                Decomposed.Add(new DecomposedWeight(module, tuned, before, embedding, !embedding && shapes.IsTransposed(before)));
            }
        }
        else if (!_options.SkipUndecomposable)
            Save(module, tuned);
        else
            _undecomposable.Add(tuned.Name);
    }

    private void PlaceBias(string name, TensorEntry tuned, TensorEntry? before)
    {
        string module = name[..^".bias".Length];
        if (Whole.Contains(module)) WholeTensors.Add((name, tuned));
        else if (!Decomposed.Exists(d => d.Module == module)) return;
        else if (before is null || before.Shape != tuned.Shape) _problems.Add($"{_options.Model}: the tensor {Quoting.Quote(tuned.Name)} has no counterpart of the shape {tuned.Shape} in {_options.BaseModel}.");
        else Biases.Add(new ComparedTensor(name, tuned, before));
    }

    private void PlaceOther(string name, TensorEntry tuned, TensorEntry? before)
    {
        if (before is null || before.Shape != tuned.Shape || before.DType != tuned.DType) _notes.Add($"{Quoting.Quote(name)} is no weight or bias of a module and is left out, although {_options.BaseModel} has nothing like it.");
        else Others.Add(new ComparedTensor(name, tuned, before));
    }

    private void Save(string module, TensorEntry tuned)
    {
        Whole.Add(module);
        WholeTensors.Add(($"{module}.weight", tuned));
    }

    private static bool Matches(string option, Regex[] patterns, string module)
    {
        foreach (Regex pattern in patterns)
        {
            try
            {
                if (pattern.IsMatch(module)) return true;
            }
            catch (RegexMatchTimeoutException e)
            {
                throw new AdapterException(
                    $"{option} is {Quoting.Quote(pattern.ToString())}, which takes longer than {e.MatchTimeout.TotalSeconds} s for the module {Quoting.Quote(module)}, expected an expression that needs less going back.", e, areOfFiles: false);
            }
        }

        return false;
    }

    private static Regex[] Compile(string option, IReadOnlyList<string> patterns, TimeSpan time) => [.. patterns.Select(pattern =>
    {
        try
        {
            return new Regex(pattern, RegexOptions.CultureInvariant, time);
        }
        catch (ArgumentException e)
        {
            throw new AdapterException($"{option} is {Quoting.Quote(pattern)}, which is no regular expression ({e.Message.TrimEnd('.')}).", e, areOfFiles: false);
        }
    })];
}
