using MergeEngine.Merging.Recipes;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Planning;

/// <summary>Files that parameters of models name, such as gradients, each opened once.</summary>
internal sealed class ParameterFiles : IDisposable
{
    private readonly Dictionary<string, Checkpoint> _files = new(StringComparer.Ordinal);
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
                findings.Problem(e.Message);
            }
        }

        return files;
    }

    /// <summary>The file of a path as a recipe writes it; null if it could not be opened.</summary>
    public Checkpoint? Find(string file) => _files.GetValueOrDefault(FullPath(file));

    public void Dispose()
    {
        foreach (Checkpoint checkpoint in _files.Values) checkpoint.Dispose();
    }

    private string FullPath(string file) => Path.GetFullPath(Path.Combine(_directory, file));
}
