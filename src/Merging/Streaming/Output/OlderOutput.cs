using MergeEngine.Merging.Streaming.Files;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Output;

/// <summary>
/// What stands where an output is to go. Nothing but a model is replaced, and no file of somebody's goes with it: where a merge wrote the directory, its manifest tells which files
/// are the merge's own; otherwise their names must be such as models have.
/// </summary>
internal static class OlderOutput
{
    /// <summary>What model directories hold besides the weights, by their endings.</summary>
    private static readonly string[] s_endings = [".safetensors", ".json", ".jsonl", ".model", ".jinja", ".bin", ".tiktoken", ".spm"];

    /// <summary>Files with endings that anybody's notes may have, without the ending.</summary>
    private static readonly string[] s_texts = ["readme", "license", "licence", "notice", "use_policy", "model_card", "mergekit_config"];

    private static readonly string[] s_textEndings = ["", ".md", ".txt", ".yml"];

    /// <summary>What makes a directory a model: without one of these its texts are somebody's notes.</summary>
    private static readonly string[] s_marks = [".safetensors", ".bin", "config.json", MergeManifest.FileName];

    /// <exception cref="SafetensorsException">Something is there, and it may not be replaced.</exception>
    public static void RequireReplaceable(string given, string directory, bool overwrite)
    {
        string[] found = [.. Directory.EnumerateFileSystemEntries(directory).Select(e => Path.GetFileName(e)!).Order(StringComparer.Ordinal)];
        if (found.Length == 0) return;
        if (!overwrite) throw new SafetensorsException($"{given}: exists already and is not empty; --overwrite puts the new model in its place.");
        HashSet<string>? written = WrittenIn(directory);
        foreach (string name in found)
        {
            string path = Path.Combine(directory, name);
            if (Directory.Exists(path) ? IsFolder(path, written) : written?.Contains(name) ?? IsOfModel(name)) continue;
            string why = written is null ? "is no file of a model" : "the merge that wrote the directory did not write";
            throw new SafetensorsException($"{given}: holds {Quoting.Quote(name)}, which {why}, so --overwrite does not replace the directory.");
        }

        if (written is null && !found.Any(IsMark))
            throw new SafetensorsException($"{given}: holds {Quoting.Quote(found[0])} and neither weights nor a config.json, so it is no model and --overwrite does not replace it.");
    }

    /// <summary>Files that no merge wrote and that are gone when a new model takes the directory's place.</summary>
    /// <param name="directory">What will be replaced; it need not exist.</param>
    /// <param name="names">Files of the new model.</param>
    public static string[] Lost(string directory, IEnumerable<string> names)
    {
        if (!Directory.Exists(directory) || WrittenIn(directory) is not null) return [];
        HashSet<string> renewed = [.. names.Select(n => n.Split('/')[0])];
        return [.. Directory.EnumerateFileSystemEntries(directory).Select(e => Path.GetFileName(e)!).Where(n => !renewed.Contains(n)).Order(StringComparer.Ordinal)];
    }

    /// <summary>The files that the directory's manifest lists, and itself; null without one that can be read.</summary>
    private static HashSet<string>? WrittenIn(string directory)
    {
        string path = Path.Combine(directory, MergeManifest.FileName);
        if (!File.Exists(path)) return null;
        try
        {
            return [.. ManifestFile.Read(path).Outputs.Select(o => o.Name), MergeManifest.FileName, ".gitattributes"];
        }
        catch (SafetensorsException)
        {
            return null;
        }
    }

    private static bool IsMark(string name) => s_marks.Any(mark => name.EndsWith(mark, StringComparison.OrdinalIgnoreCase));

    private static bool IsOfModel(string name) =>
        s_endings.Any(ending => name.EndsWith(ending, StringComparison.OrdinalIgnoreCase)) || name == ".gitattributes" || CompanionNames.IsVocabulary(name)
        || (s_texts.Contains(Path.GetFileNameWithoutExtension(name), StringComparer.OrdinalIgnoreCase) && s_textEndings.Contains(Path.GetExtension(name), StringComparer.OrdinalIgnoreCase));

    /// <summary>A folder such as <c>1_Pooling</c>: numbered, with a model's files in it and no folder.</summary>
    private static bool IsFolder(string path, HashSet<string>? written)
    {
        string folder = Path.GetFileName(path);
        return new DirectoryInfo(path).LinkTarget is null && char.IsAsciiDigit(folder[0])
            && Directory.EnumerateFileSystemEntries(path).All(e => !Directory.Exists(e) && (written?.Contains($"{folder}/{Path.GetFileName(e)}") ?? IsOfModel(Path.GetFileName(e))));
    }
}
