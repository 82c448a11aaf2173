using MergeEngine.Merging.Adapters;
using MergeEngine.Merging.Recipes;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Planning;

/// <summary>The models of a recipe, each file opened once, their tensors under common names.</summary>
internal sealed class ModelSet : IDisposable
{
    private readonly Dictionary<ModelReference, ModelTensors> _models = [];

    private readonly IReadOnlyList<Checkpoint> _opened;
    private readonly IReadOnlyCollection<LoraAdapter> _adapters;

    private ModelSet(IReadOnlyList<Checkpoint> opened, IReadOnlyCollection<LoraAdapter> adapters) => (_opened, _adapters) = (opened, adapters);

    /// <summary>All files, those of adapters last.</summary>
    public IEnumerable<Checkpoint> Checkpoints => _opened.Concat(_adapters.Select(a => a.Weights));

    public bool Has(ModelReference model) => _models.ContainsKey(model);

    public ModelTensors this[ModelReference model] => _models[model];

    public JobModel Describe(ModelReference model) => new(model, _models[model].Checkpoint.Path, _models[model].Checkpoint);

    /// <exception cref="PlanningException">Models cannot be opened; all of them are named.</exception>
    /// <exception cref="SafetensorsException">No more files can be opened, which is no fault of any model.</exception>
    public static ModelSet Open(Recipe recipe, PlanOptions options, LayerFinder finder, PlanFindings findings)
    {
        var opened = new List<Checkpoint>();
        var adapters = new Dictionary<string, LoraAdapter>(StringComparer.Ordinal);
        try
        {
            // Two spellings of one path are two models of the recipe, but one file.
            var byPath = new Dictionary<string, int>(StringComparer.Ordinal);
            var places = new List<(ModelReference Model, int Checkpoint)>();
            foreach (ModelReference model in recipe.Models)
            {
                if (PathOf(model, options, findings) is not { } path) continue;
                if (model.Adapter is { } adapter) TryOpen(AdapterPath(adapter, options), adapters, findings);
                string full = Path.GetFullPath(path);
                if (!byPath.TryGetValue(full, out int index))
                {
                    if (TryOpen(model, path, opened.FirstOrDefault(), findings) is not { } checkpoint) continue;
                    index = byPath[full] = opened.Count;
                    opened.Add(checkpoint);
                }

                places.Add((model, index));
            }

            findings.ThrowIfAny();
            Dictionary<string, string>[] stored = NameAliases.Resolve(opened);
            var set = new ModelSet(opened, adapters.Values);
            foreach ((ModelReference model, int index) in places)
            {
                AdaptedModel? adapted = model.Adapter is { } adapter ? Match(adapters[AdapterPath(adapter, options)], opened[index], stored[index], findings) : null;
                set._models[model] = new ModelTensors(model.ToString(), opened[index], stored[index], finder, adapted, set._models.Values);
                if (NameAliases.NoteOf(model.ToString(), stored[index]) is { } note) findings.Note(note);
            }

            findings.ThrowIfAny();
            foreach (string warning in opened.SelectMany(c => c.Warnings)) findings.Note(warning);
            return set;
        }
        catch
        {
            foreach (Checkpoint checkpoint in opened) checkpoint.Dispose();
            foreach (LoraAdapter adapter in adapters.Values) adapter.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (Checkpoint checkpoint in Checkpoints) checkpoint.Dispose();
    }

    private static string? PathOf(ModelReference model, PlanOptions options, PlanFindings findings)
    {
        string shown = Quoting.Quote(model.ToString());
        if ((model.Revision ?? model.Adapter?.Revision) is { } revision) findings.Problem($"The model {shown} names the revision {Quoting.Quote(revision)}, but only files on this machine are read, which have none.");
        else if (!model.IsDocument) return Path.Combine(options.WorkingDirectory, model.Path);
        else if (options.Documents.TryGetValue(model.Path, out string? result)) return Path.Combine(options.WorkingDirectory, result);
        else findings.Problem($"The model {shown} is the result of another document of the recipe, which has not been merged yet.");
        return null;
    }

    private static Checkpoint? TryOpen(ModelReference model, string path, Checkpoint? like, PlanFindings findings)
    {
        try
        {
            if (!Path.Exists(path)) findings.FileProblem($"The model {Quoting.Quote(model.ToString())} does not exist, expected a directory or a .safetensors file.");
            else if (File.Exists(Path.Combine(path, "adapter_config.json")) && !File.Exists(Path.Combine(path, "config.json")))
                findings.Problem($"The model {Quoting.Quote(model.ToString())} is an adapter, expected a whole model.");
            else return Checkpoint.Open(path, like);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException && !OpenFileLimit.IsCauseOf(e))
        {
            findings.FileProblem(e.Message);
        }

        return null;
    }

    private static string AdapterPath(AdapterReference adapter, PlanOptions options) => Path.Combine(options.WorkingDirectory, adapter.Path);

    private static void TryOpen(string path, Dictionary<string, LoraAdapter> adapters, PlanFindings findings)
    {
        try
        {
            if (!adapters.ContainsKey(path)) adapters.Add(path, LoraAdapter.Open(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException && !OpenFileLimit.IsCauseOf(e))
        {
            foreach (string problem in (e as AdapterException)?.Problems ?? [e.Message]) findings.FileProblem(problem);
        }
    }

    private static AdaptedModel? Match(LoraAdapter adapter, Checkpoint model, Dictionary<string, string> stored, PlanFindings findings)
    {
        try
        {
            return AdaptedModel.Match(adapter, model, stored);
        }
        catch (AdapterException e)
        {
            foreach (string problem in e.Problems) findings.Problem(problem);
            return null;
        }
    }
}
