using MergeEngine.Merging.Recipes;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Planning;

/// <summary>Files that parameters of models name, such as gradients, each opened once.</summary>
internal sealed class ParameterFiles : IDisposable
{
    private readonly Dictionary<string, Checkpoint> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (int Found, List<string> Lacking)> _asked = new(StringComparer.Ordinal);
    private readonly string _directory;

    private ParameterFiles(string directory) => _directory = directory;

    public IReadOnlyCollection<Checkpoint> Checkpoints => _files.Values;

    /// <summary>Opens all files of a recipe; what cannot be opened is a problem.</summary>
    public static ParameterFiles Open(Recipe recipe, PlanOptions options, PlanFindings findings)
    {
        var files = new ParameterFiles(options.WorkingDirectory);
        foreach (string file in recipe.Modules.SelectMany(m => m.Slices).SelectMany(s => s.Sources).SelectMany(s => s.Parameters.Files()))
        {
            string path = files.FullPath(file);
            if (files._files.ContainsKey(path)) continue;
            try
            {
                files._files.Add(path, Checkpoint.Open(Path.Combine(options.WorkingDirectory, file)));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                findings.FileProblem(e.Message);
            }
        }

        return files;
    }

    /// <summary>The file of a path as a recipe writes it; null if it could not be opened.</summary>
    public Checkpoint? Find(string file) => _files.GetValueOrDefault(FullPath(file));

    /// <summary>Keeps in mind whether a file has a tensor that is merged.</summary>
    public void Ask(string file, string tensor, bool found)
    {
        if (!_asked.TryGetValue(file, out (int Found, List<string> Lacking) counts)) counts = (0, []);
        if (!found) counts.Lacking.Add(tensor);
        _asked[file] = (counts.Found + (found ? 1 : 0), counts.Lacking);
    }

    /// <summary>Tells of tensors that files lack, whose merge is another then. A file without any is one of another model.</summary>
    public void Report(PlanFindings findings)
    {
        foreach ((string file, (int found, List<string> lacking)) in _asked)
        {
            if (found == 0) findings.Problem($"{file}: has {(lacking.Count == 1 ? "not the one tensor that is merged," : $"none of the {lacking.Count} tensors that are merged, such as")} {Quoting.Quote(lacking[0])}, expected a file for this model.");
            else if (lacking.Count > 0) findings.Note($"{file}: {lacking.Count} of {lacking.Count + found} tensors that are merged {(lacking.Count == 1 ? "is" : "are")} not in the file: {Quoting.QuoteSome(lacking)}.");
        }
    }

    public void Dispose()
    {
        foreach (Checkpoint checkpoint in _files.Values) checkpoint.Dispose();
    }

    private string FullPath(string file) => Path.GetFullPath(Path.Combine(_directory, file));
}
