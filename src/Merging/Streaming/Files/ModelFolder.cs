using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Files;

/// <summary>
/// The files beside a model's weights. Its author is not trusted: names come from fixed lists, a link that leads out of the model is refused, so that nothing of this machine
/// gets into an output that is then shown to the world, and whatever is no plain file, or is too large, is left alone.
/// </summary>
internal sealed class ModelFolder
{
    /// <summary>Longest document that is read whole. The longest config known, of 21,843 named classes, has 2 MB.</summary>
    public const long MostDocumentBytes = 1 << 24;

    /// <summary>Longest file that is copied. The longest tokenizers known have 40 MB.</summary>
    public const long MostCopiedBytes = 1 << 30;

    // A folder with more was not made by anyone who writes models.
    private const int MostEntries = 10_000;

    private readonly List<string> _notes;

    private ModelFolder(string path, List<string> notes) => (Path, _notes) = (path, notes);

    public string Path { get; }

    /// <summary>The folder of a model: the directory itself, or that of an index; null for a bare file of weights.</summary>
    /// <param name="model">The path of a checkpoint.</param>
    /// <param name="notes">Is told of every file that is there and is left alone.</param>
    public static ModelFolder? Of(string model, List<string> notes) =>
        Directory.Exists(model) ? new ModelFolder(model, notes)
        : model.EndsWith(".index.json", StringComparison.Ordinal) ? new ModelFolder(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(model))!, notes) : null;

    /// <summary>The path of a file that may be copied; null if there is none.</summary>
    /// <exception cref="SafetensorsException">It is a link that leads out of the model: without its config or tokenizer the output would be none, and nobody would see why.</exception>
    public string? Find(string name, long most = MostCopiedBytes)
    {
        string path = System.IO.Path.Combine(Path, name);
        if (!File.Exists(path)) return null;
        string? complaint = OutputTarget.ComplaintOf(path);
        if (complaint is null && !StaysInside(Path, path)) throw new SafetensorsException($"{path}: is a link that leads out of the model's directory, expected a file of the model.");
        if (complaint is null && LengthOf(path) > most) complaint = $"is longer than {most >> 20} MiB";
        if (complaint is null) return path;
        _notes.Add($"{path}: {complaint}, and is left alone.");
        return null;
    }

    /// <summary>A document's bytes, without the mark of UTF-8 in front; null if there is none.</summary>
    /// <exception cref="SafetensorsException">It is there and cannot be read, or is a link that leads out of the model.</exception>
    public byte[]? Read(string name)
    {
        if (Find(name, MostDocumentBytes) is not { } path) return null;
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1);
            byte[] bytes = new byte[Math.Min(stream.Length, MostDocumentBytes)];
            stream.ReadExactly(bytes);
            return bytes is [0xEF, 0xBB, 0xBF, .. var rest] ? rest : bytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SafetensorsException($"{path}: cannot be read ({e.Message.TrimEnd('.')}), expected a document that belongs to the model.", e);
        }
    }

    /// <summary>Names of what is in the folder, or in a folder of it; sorted.</summary>
    public IReadOnlyList<string> Names(string folder = "")
    {
        string path = System.IO.Path.Combine(Path, folder);
        try
        {
            string[] names = [.. Directory.EnumerateFileSystemEntries(path).Take(MostEntries + 1).Select(e => System.IO.Path.GetFileName(e)!)];
            if (names.Length > MostEntries) _notes.Add($"{path}: holds more than {MostEntries} files, of which only the first are looked at.");
            return [.. names.Take(MostEntries).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SafetensorsException($"{path}: cannot be listed ({e.Message.TrimEnd('.')}).", e);
        }
    }

    /// <summary>Whether a name is a folder of the model, rather than a link to one.</summary>
    public bool HasFolder(string name) => new DirectoryInfo(System.IO.Path.Combine(Path, name)) is { Exists: true, LinkTarget: null };

    private static long LengthOf(string path) => (new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? new FileInfo(path)).Length;

    /// <summary>
    /// Whether a file is what its directory holds. The cache of the hub keeps every file as a link from <c>snapshots/REVISION/</c> to <c>blobs/</c> beside it, which belongs to
    /// the same model; its older clients put such links into any directory (<c>--local-dir</c>).
    /// </summary>
    internal static bool StaysInside(string folder, string path)
    {
        if (new FileInfo(path).LinkTarget is null) return true;
        if (RealPath.Of(path) is not { } target || RealPath.Of(folder) is not { } own) return false;
        if (IsBelow(target, own)) return true;
        string? snapshots = System.IO.Path.GetDirectoryName(own);
        return (System.IO.Path.GetFileName(snapshots) == "snapshots" && IsBelow(target, System.IO.Path.Combine(System.IO.Path.GetDirectoryName(snapshots)!, "blobs")))
            || IsBesideWeights(folder, target);
    }

    /// <summary>Whether a file lies where the hub keeps the weights of this very folder: <c>models--ORG--NAME/blobs/</c> of the cache, which holds nothing but that model's files.</summary>
    private static bool IsBesideWeights(string folder, string target)
    {
        string blobs = System.IO.Path.GetDirectoryName(target)!;
        return System.IO.Path.GetFileName(blobs) == "blobs"
            && System.IO.Path.GetFileName(System.IO.Path.GetDirectoryName(blobs)) is { } model && model.StartsWith("models--", StringComparison.Ordinal)
            && Directory.EnumerateFiles(folder, "*.safetensors").Take(MostEntries).Any(w => RealPath.Of(w) is { } weights && System.IO.Path.GetDirectoryName(weights) == blobs);
    }

    private static bool IsBelow(string path, string directory) => path.StartsWith(directory + System.IO.Path.DirectorySeparatorChar, StringComparison.Ordinal);
}
