using MergeEngine.Merging.Streaming.Files;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Output;

/// <summary>Where an output directory will stand, and what may have to make room for it.</summary>
internal sealed class OutputPath
{
    /// <summary>What model directories hold besides the weights. A directory with anything else in it is somebody's work and is not replaced.</summary>
    private static readonly string[] s_modelFiles =
        [".safetensors", ".json", ".jsonl", ".md", ".txt", ".model", ".jinja", ".yml", ".yaml", ".bin", ".gitattributes", ".tiktoken", ".spm"];

    /// <summary>What makes a directory a model: without one of these its texts are somebody's notes.</summary>
    private static readonly string[] s_modelMarks = [".safetensors", ".bin", "config.json", MergeManifest.FileName];

    private OutputPath(string given, string target, string parent)
    {
        Given = given;
        Target = target;
        Partial = Path.Combine(parent, $".{Path.GetFileName(target)}.merge-engine.partial");
        Parent = parent;
    }

    /// <summary>The path as it was given, for messages.</summary>
    public string Given { get; }

    /// <summary>The directory that will be written; where the path is a link, what it leads to.</summary>
    public string Target { get; }

    public string Parent { get; }

    /// <summary>The temporary directory: beside the target, on the same file system, with the journal and <see cref="Model"/>.</summary>
    public string Partial { get; }

    public string Journal => Path.Combine(Partial, OutputJournal.FileName);

    /// <summary>What will be renamed to the target.</summary>
    public string Model => Path.Combine(Partial, "model");

    /// <exception cref="SafetensorsException">Nothing can be written there, or what is there may not be replaced.</exception>
    public static OutputPath Require(string path, bool overwrite)
    {
        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (new FileInfo(target) is { LinkTarget: not null } link)
        {
            target = link.ResolveLinkTarget(returnFinalTarget: true) is { } end && Directory.Exists(end.FullName)
                ? Path.TrimEndingDirectorySeparator(end.FullName)
                : throw new SafetensorsException($"{path}: is a link that leads to no directory, expected a directory to write.");
        }

        if (Path.GetDirectoryName(target) is not { } parent) throw new SafetensorsException($"{path}: is the root of a file system, expected a directory to write.");
        if (File.Exists(target)) throw new SafetensorsException($"{path}: is a file, expected the name of a directory to write.");
        if (!Directory.Exists(target)) return new OutputPath(path, target, parent);
        string[] found = [.. Directory.EnumerateFileSystemEntries(target).Select(e => Path.GetFileName(e)!).Order(StringComparer.Ordinal)];
        if (found.Length > 0 && !overwrite) throw new SafetensorsException($"{path}: exists already and is not empty; --overwrite puts the new model in its place.");
        foreach (string name in found)
        {
            if (!(Directory.Exists(Path.Combine(target, name)) ? IsModelFolder(Path.Combine(target, name)) : IsModelFile(name)))
                throw new SafetensorsException($"{path}: holds {Quoting.Quote(name)}, which is no file of a model, so --overwrite does not replace the directory.");
        }

        if (found.Length > 0 && !found.Any(IsModelMark))
            throw new SafetensorsException($"{path}: holds {Quoting.Quote(found[0])} and neither weights nor a config.json, so it is no model and --overwrite does not replace it.");

        return new OutputPath(path, target, parent);
    }

    /// <summary>A model that is read is not replaced: it would be gone, and the merge could not be made again.</summary>
    /// <param name="path">The directory to write.</param>
    /// <param name="inputs">Files that are read.</param>
    /// <exception cref="SafetensorsException">A file stands in that directory, by whatever links it was given.</exception>
    public static void RequireApart(string path, IEnumerable<string> inputs)
    {
        if (!Directory.Exists(path) || RealPath.Of(path) is not { } target) return;
        foreach (string directory in inputs.Select(i => Path.GetDirectoryName(Path.GetFullPath(i))!).Distinct(StringComparer.Ordinal))
        {
            if (RealPath.Of(directory) == target) throw new SafetensorsException($"{path}: is a model that this merge reads, expected another directory to write.");
        }
    }

    private static bool IsModelMark(string name) => s_modelMarks.Any(mark => name.EndsWith(mark, StringComparison.OrdinalIgnoreCase));

    private static bool IsModelFile(string name) => s_modelFiles.Any(ending => name.EndsWith(ending, StringComparison.OrdinalIgnoreCase));

    /// <summary>A folder such as <c>1_Pooling</c>: numbered, with a model's files in it and no folder.</summary>
    private static bool IsModelFolder(string path) => new DirectoryInfo(path).LinkTarget is null && char.IsAsciiDigit(Path.GetFileName(path)[0])
        && Directory.EnumerateFileSystemEntries(path).All(e => !Directory.Exists(e) && IsModelFile(e));

    /// <summary>The finished model takes its place. There is no moment in which neither the older nor the new one is there, where the system can do that.</summary>
    public void Publish()
    {
        if (Directory.Exists(Target)) OutputTarget.ExchangeDirectories(Model, Target);
        else Directory.Move(Model, Target);
        OutputTarget.SyncDirectory(Partial);
        OutputTarget.SyncDirectory(Parent);
    }
}
