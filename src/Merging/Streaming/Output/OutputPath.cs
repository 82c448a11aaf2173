using System.Text;
using MergeEngine.Merging.Streaming.Files;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Output;

/// <summary>Where an output directory will stand, and what may have to make room for it.</summary>
internal sealed class OutputPath
{
    private const int MostNameLength = 255;

    private const string LongestEnding = ".partial";

    private OutputPath(string given, string target, string parent)
    {
        Given = given;
        Target = target;
        Partial = Path.Combine(parent, Beside(Path.GetFileName(target), LongestEnding));
        Lock = Path.Combine(parent, Beside(Path.GetFileName(target), ".lock"));
        Parent = parent;
    }

    /// <summary>The path as it was given, for messages.</summary>
    public string Given { get; }

    /// <summary>The directory that will be written; where the path is a link, what it leads to.</summary>
    public string Target { get; }

    public string Parent { get; }

    /// <summary>The nearest directory above the target that is there already.</summary>
    public string Holder
    {
        get
        {
            string holder = Parent;
            while (!Directory.Exists(holder) && Path.GetDirectoryName(holder) is { } above) holder = above;
            return holder;
        }
    }

    /// <summary>The temporary directory: beside the target, on the same file system, with the journal and <see cref="Model"/>.</summary>
    public string Partial { get; }

    /// <summary>What one writer at a time holds from its first look at <see cref="Partial"/> to its last.</summary>
    public string Lock { get; }

    public string Journal => Path.Combine(Partial, OutputJournal.FileName);

    /// <summary>What will be renamed to the target.</summary>
    public string Model => Path.Combine(Partial, "model");

    /// <summary>Works out where an output goes, whatever is there.</summary>
    /// <exception cref="SafetensorsException">No directory can be written there.</exception>
    public static OutputPath Of(string path)
    {
        if (path.Length == 0) throw new SafetensorsException("The output has an empty path, expected a directory to write.");
        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (new FileInfo(target) is { LinkTarget: not null } link)
        {
            target = link.ResolveLinkTarget(returnFinalTarget: true) is { } end && Directory.Exists(end.FullName)
                ? Path.TrimEndingDirectorySeparator(end.FullName)
                : throw new SafetensorsException($"{path}: is a link that leads to no directory, expected a directory to write.");
        }

        if (Path.GetDirectoryName(target) is not { } parent) throw new SafetensorsException($"{path}: is the root of a file system, expected a directory to write.");
        RequireShort(path, Path.GetFileName(target));
        if (File.Exists(target)) throw new SafetensorsException($"{path}: is a file, expected the name of a directory to write.");
        for (string? above = parent; above is not null && !Directory.Exists(above); above = Path.GetDirectoryName(above))
        {
            if (File.Exists(above)) throw new SafetensorsException($"{path}: cannot be written because {above} is a file.");
        }

        return new OutputPath(path, target, parent);
    }

    /// <summary>The names beside the target have to fit too: file systems have 255 bytes for a name, NTFS as many UTF-16 units.</summary>
    private static void RequireShort(string path, string name)
    {
        int most = MostNameLength - Beside(name, LongestEnding).Length + name.Length;
        int length = OperatingSystem.IsWindows() ? name.Length : Encoding.UTF8.GetByteCount(name);
        if (length <= most) return;
        throw new SafetensorsException($"{path}: cannot be written because the last part of its name has {length} {(OperatingSystem.IsWindows() ? "characters" : "bytes")}, expected at most {most}, so that there is room for the names of what is made beside it.");
    }

    private static string Beside(string name, string ending) => $".{name}.merge-engine{ending}";

    /// <summary>As <see cref="Of"/>, where nothing stands that may not be replaced.</summary>
    /// <exception cref="SafetensorsException">Nothing can be written there, or what is there may not be replaced.</exception>
    public static OutputPath Require(string path, bool overwrite)
    {
        OutputPath place = Of(path);
        place.RequireReplaceable(overwrite);
        return place;
    }

    /// <summary>Looks again at what stands there.</summary>
    /// <exception cref="SafetensorsException">It may not be replaced.</exception>
    public void RequireReplaceable(bool overwrite)
    {
        if (Directory.Exists(Target)) OlderOutput.RequireReplaceable(Given, Target, overwrite);
    }

    /// <summary>A model that is read is not replaced: it would be gone, and the merge could not be made again.</summary>
    /// <param name="path">The directory to write.</param>
    /// <param name="inputs">Files that are read.</param>
    /// <param name="reader">What reads them, for the message.</param>
    /// <exception cref="SafetensorsException">A file stands in that directory, by whatever links it was given.</exception>
    public static void RequireApart(string path, IEnumerable<string> inputs, string reader = "merge")
    {
        if (!Directory.Exists(path) || RealPath.Of(path) is not { } target) return;
        foreach (string directory in inputs.Select(i => Path.GetDirectoryName(Path.GetFullPath(i))!).Distinct(StringComparer.Ordinal))
        {
            if (RealPath.Of(directory) == target) throw new SafetensorsException($"{path}: is a model that this {reader} reads, expected another directory to write.");
        }
    }

    /// <summary>Says that an output would stand within something that is whole as it is; empty where it does not.</summary>
    /// <param name="path">The directory to write.</param>
    /// <param name="inputs">Files that are read.</param>
    public static IEnumerable<string> NotesOnPlace(string path, IEnumerable<string> inputs)
    {
        if (RealPath.Of(path) is not { } target) yield break;
        HashSet<string?> models = [.. inputs.Select(i => Path.GetDirectoryName(Path.GetFullPath(i))!).Distinct(StringComparer.Ordinal).Where(IsModel).Select(RealPath.Of)];
        for (string? above = Path.GetDirectoryName(target); above is not null; above = Path.GetDirectoryName(above))
        {
            string? what = models.Contains(above) ? "a model that is read" : File.Exists(Path.Combine(above, MergeManifest.FileName)) ? "a finished merge" : null;
            if (what is null) continue;
            yield return $"{path}: lies within {above}, {what}: a copy of that directory takes the output along, and a merge that is to replace that directory itself is refused.";
            yield break;
        }
    }

    /// <summary>Not so a directory that a lone file happens to lie in.</summary>
    private static bool IsModel(string directory) =>
        new[] { "config.json", "adapter_config.json", "model.safetensors", ShardedIndex.FileName }.Any(name => File.Exists(Path.Combine(directory, name)));

    /// <summary>The finished model takes its place. There is no moment in which neither the older nor the new one is there, where the system can do that.</summary>
    public void Publish()
    {
        if (Directory.Exists(Target)) OutputTarget.ExchangeDirectories(Model, Target);
        else Directory.Move(Model, Target);
        OutputTarget.SyncDirectory(Partial);
        OutputTarget.SyncDirectory(Parent);
    }
}
