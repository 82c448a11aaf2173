using System.Collections.ObjectModel;
using System.Diagnostics.CodeAnalysis;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Safetensors;

/// <summary>
/// The weights of one model, wherever they lie: a <c>.safetensors</c> file, an index with its shards, or a directory with either. Opening
/// checks every header; reading a value touches only its bytes.
/// </summary>
public sealed class Checkpoint : IDisposable
{
    /// <summary>The usual name of a model in one file.</summary>
    public const string SingleFileName = "model.safetensors";

    private const string IndexSuffix = ".safetensors.index.json";

    /// <summary>How often a model that is replaced while it is opened is opened again.</summary>
    private const int MostAttempts = 5;

    /// <summary>Of shards; a single file finds its tensors by itself.</summary>
    private readonly Dictionary<string, (SafetensorsFile File, TensorEntry Entry)>? _tensors;

    private Checkpoint(
        string path, List<SafetensorsFile> files, Dictionary<string, (SafetensorsFile File, TensorEntry Entry)>? tensors, List<string> warnings, Checkpoint? like)
    {
        Path = path;
        Files = files;
        _tensors = tensors;
        Warnings = warnings;
        IEnumerable<TensorEntry> entries = tensors is null ? files[0].Tensors : tensors.Values.Select(t => t.Entry);
        Names = like is { _tensors: null } && tensors is null && files[0].Header == like.Files[0].Header ? like.Names : Sorted(entries);
        TotalByteLength = entries.Sum(e => e.ByteLength);
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in files.SelectMany(file => file.Metadata)) metadata.TryAdd(key, value);
        Metadata = new ReadOnlyDictionary<string, string>(metadata);
    }

    /// <summary>The path as it was given.</summary>
    public string Path { get; }

    /// <summary>The files that hold the tensors; one, or the shards in the order of their names.</summary>
    public IReadOnlyList<SafetensorsFile> Files { get; }

    /// <summary>The names of all tensors in UTF-8 order, the same for one file and for shards of it.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The metadata of the files; where shards differ, the first that has a key.</summary>
    public ReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>What is odd but harmless, a sentence each: a total_size that is wrong, tensors in shards that the index does not list.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>The number of bytes of all tensors.</summary>
    public long TotalByteLength { get; }

    /// <summary>
    /// Opens a file, an index, or a directory that has <c>model.safetensors</c>, else <c>model.safetensors.index.json</c>, else exactly one
    /// other <c>.safetensors</c> file.
    /// </summary>
    /// <exception cref="SafetensorsException">There is no such checkpoint, more than one, or a file of it breaks a rule.</exception>
    public static Checkpoint Open(string path) => Open(path, null);

    /// <summary>The same, for one of several models with mostly the same names, which then stand in memory once.</summary>
    /// <param name="path">As above.</param>
    /// <param name="like">A checkpoint whose names are taken where they are the same, and whose table of a file where all of it is; null for none.</param>
    /// <inheritdoc cref="Open(string)" path="/exception"/>
    public static Checkpoint Open(string path, Checkpoint? like)
    {
        string target = Directory.Exists(path) ? FindIn(path) : path;
        // Settings beside the weights, taken for them; an index has a name of its own.
        if (target.EndsWith(".json", StringComparison.Ordinal) && !target.EndsWith(IndexSuffix, StringComparison.Ordinal) && File.Exists(target))
            throw new SafetensorsException($"{path}: is a JSON file, expected a .safetensors file, an index that ends in {IndexSuffix}, or the directory of a model.");
        return target.EndsWith(IndexSuffix, StringComparison.Ordinal) ? OpenShards(path, target, like) : OpenSingle(path, target, like);
    }

    public bool Contains(string name) => TryGet(name, out _);

    public bool TryGet(string name, [NotNullWhen(true)] out TensorEntry? entry)
    {
        if (_tensors is null) return Files[0].TryGet(name, out entry);
        bool found = _tensors.TryGetValue(name, out var tensor);
        entry = tensor.Entry;
        return found;
    }

    /// <summary>The entry of a name.</summary>
    /// <exception cref="SafetensorsException">There is no such tensor.</exception>
    public TensorEntry this[string name] => Find(name).Entry;

    /// <summary>The file that holds a tensor.</summary>
    /// <exception cref="SafetensorsException">There is no such tensor.</exception>
    public SafetensorsFile FileOf(string name) => Find(name).File;

    /// <inheritdoc cref="SafetensorsFile.GetSpan(string)"/>
    public ReadOnlySpan<byte> GetSpan(string name) => FileOf(name).GetSpan(name);

    /// <inheritdoc cref="SafetensorsFile.ReadFloat32(string)"/>
    public float[] ReadFloat32(string name) => FileOf(name).ReadFloat32(name);

    /// <inheritdoc cref="SafetensorsFile.ReadFloat32(string, Span{float})"/>
    public void ReadFloat32(string name, Span<float> destination) => FileOf(name).ReadFloat32(name, destination);

    /// <summary>A tensor of one known shape as float; the shape is checked first.</summary>
    /// <exception cref="SafetensorsException">No such tensor, another shape or dtype, or the file became shorter.</exception>
    public void ReadFloat32(string name, Shape expected, Span<float> destination)
    {
        var (file, _) = FindShaped(name, expected);
        file.ReadFloat32(name, destination);
    }

    /// <summary>A tensor of one known shape as float into a device's memory; the shape is checked first.</summary>
    /// <remarks>Piece by piece, so that tensors may be longer than an array, and a GPU copies one piece while the next is read.</remarks>
    /// <inheritdoc cref="ReadFloat32(string, Shape, Span{float})" path="/exception"/>
    /// <exception cref="OperationCanceledException">Asked for before a piece.</exception>
    public void ReadFloat32(string name, Shape expected, DeviceSpan<float> destination, CancellationToken cancellation = default)
    {
        var (file, entry) = FindShaped(name, expected);
        if (destination.Length != entry.ElementCount)
            throw new ArgumentException($"Tensor {Quoting.Quote(name)} has {entry.ElementCount} elements, the device span has {destination.Length}.", nameof(destination));
        if (destination.Length == 0) return;
        destination.Buffer.Device.Upload(destination, (file, entry, cancellation), static (piece, first, from) =>
        {
            from.cancellation.ThrowIfCancellationRequested();
            from.file.ReadFloat32(from.entry, first, piece);
        });
    }

    /// <inheritdoc cref="SafetensorsFile.ReadInt32(string)"/>
    public int[] ReadInt32(string name) => FileOf(name).ReadInt32(name);

    /// <inheritdoc cref="SafetensorsFile.ReadInt32(string, Span{int})"/>
    public void ReadInt32(string name, Span<int> destination) => FileOf(name).ReadInt32(name, destination);

    public void Dispose()
    {
        foreach (var file in Files) file.Dispose();
    }

    private (SafetensorsFile File, TensorEntry Entry) FindShaped(string name, Shape expected)
    {
        var found = Find(name);
        if (found.Entry.Shape != expected)
            throw new SafetensorsException($"{found.File.FilePath}: tensor {Quoting.Quote(name)} has the shape {found.Entry.Shape}, expected {expected}.");
        return found;
    }

    private (SafetensorsFile File, TensorEntry Entry) Find(string name)
    {
        if (_tensors is null && Files[0].TryGet(name, out TensorEntry? entry)) return (Files[0], entry);
        if (_tensors is not null && _tensors.TryGetValue(name, out var found)) return found;
        throw new SafetensorsException($"{Path}: there is no tensor {Quoting.Quote(name)} among its {Names.Count}.");
    }

    /// <summary>The name that these characters are, as it stands in memory.</summary>
    internal string? FindName(ReadOnlySpan<char> name) => _tensors is null ? Files[0].Header.FindName(name)
        : _tensors.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out string? found, out _) ? found : null;

    private static string[] Sorted(IEnumerable<TensorEntry> entries)
    {
        string[] names = [.. entries.Select(e => e.Name)];
        Array.Sort(names, Utf8Order.Instance);
        return names;
    }

    private static string FindIn(string directory)
    {
        string single = System.IO.Path.Combine(directory, SingleFileName);
        if (File.Exists(single)) return single;
        string index = System.IO.Path.Combine(directory, ShardedIndex.FileName);
        if (File.Exists(index)) return index;
        string[] found;
        try
        {
            found = [.. Directory.EnumerateFileSystemEntries(directory).Select(e => System.IO.Path.GetFileName(e)!).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SafetensorsException($"{directory}: cannot be listed ({e.Message.TrimEnd('.')}).", e);
        }

        string[] candidates = [.. found.Where(name => name.EndsWith(".safetensors", StringComparison.Ordinal))];
        if (candidates.Length == 1) return System.IO.Path.Combine(directory, candidates[0]);
        string there = found.Length == 0 ? "is empty" : $"holds {Quoting.QuoteSome(found, 20)}";
        throw new SafetensorsException(
            $"{directory}: the directory {there}, expected {SingleFileName}, {ShardedIndex.FileName} or exactly one other .safetensors file.");
    }

    private static Checkpoint OpenSingle(string path, string target, Checkpoint? like)
    {
        // As left by whoever wrote a model in one file over one in shards, or the other way round.
        string index = System.IO.Path.Combine(path, ShardedIndex.FileName);
        List<string> warnings = target == path || !File.Exists(index) || !target.EndsWith(System.IO.Path.DirectorySeparatorChar + SingleFileName, StringComparison.Ordinal) ? []
            : [$"{path}: holds {SingleFileName} and {ShardedIndex.FileName}: {SingleFileName} is read, and the index and its shards are not."];
        return new Checkpoint(path, [SafetensorsFile.Open(target, like, "a .safetensors file or the directory of a model")], null, warnings, like);
    }

    /// <summary>A model may be put in the place of an older one between two of its files: only what stood there before and after all were opened is one model.</summary>
    private static Checkpoint OpenShards(string path, string indexPath, Checkpoint? like)
    {
        for (int attempt = 1; ; attempt++)
        {
            FileStamp? stamp = FileStamp.At(indexPath);
            FileStamp?[] before = [];
            Checkpoint? opened = null;
            SafetensorsException? failure = null;
            try
            {
                var index = ShardedIndex.Open(indexPath);
                before = StampsOf(index, indexPath);
                opened = OpenShards(path, indexPath, index, like);
                if (FileStamp.At(indexPath) == stamp && StampsOf(index, indexPath).SequenceEqual(before)) return opened;
            }
            catch (SafetensorsException e)
            {
                if (FileStamp.At(indexPath) == stamp) throw;
                failure = e;
            }

            opened?.Dispose();
            if (attempt < MostAttempts) continue;
            string text = $"{path}: its files were replaced while they were opened, expected a model that stays as it is.";
            throw failure is null ? new SafetensorsException(text) : new SafetensorsException(text, failure);
        }
    }

    private static FileStamp?[] StampsOf(ShardedIndex index, string indexPath) =>
        [.. index.Shards.Select(shard => FileStamp.At(System.IO.Path.Combine(System.IO.Path.GetDirectoryName(indexPath) ?? "", shard)))];

    private static Checkpoint OpenShards(string path, string indexPath, ShardedIndex index, Checkpoint? like)
    {
        string directory = System.IO.Path.GetDirectoryName(indexPath) ?? "";
        string[] missing = [.. index.Shards.Where(shard => !File.Exists(System.IO.Path.Combine(directory, shard)))];
        if (missing.Length > 0)
            throw new SafetensorsException($"{indexPath}: {missing.Length} of {Counting.Of(index.Shards.Count, "shard")} {(missing.Length == 1 ? "is" : "are")} missing: {Quoting.QuoteSome(missing)}.");
        var files = new List<SafetensorsFile>();
        try
        {
            foreach (string shard in index.Shards) files.Add(SafetensorsFile.Open(System.IO.Path.Combine(directory, shard), like));
            List<string> warnings = [.. Unnamed(index, directory)];
            var tensors = Join(index, files, warnings);
            CheckTotalSize(index, files, tensors.Values.Sum(t => t.Entry.ByteLength), warnings);
            return new Checkpoint(path, files, tensors, warnings, like);
        }
        catch
        {
            foreach (var file in files) file.Dispose();
            throw;
        }
    }

    private static Dictionary<string, (SafetensorsFile File, TensorEntry Entry)> Join(
        ShardedIndex index, List<SafetensorsFile> files, List<string> warnings)
    {
        var tensors = new Dictionary<string, (SafetensorsFile File, TensorEntry Entry)>(StringComparer.Ordinal);
        for (int i = 0; i < files.Count; i++)
        {
            var file = files[i];
            var unlisted = new List<string>();
            foreach (var entry in file.Tensors)
            {
                if (!index.WeightMap.TryGetValue(entry.Name, out string? shard)) unlisted.Add(entry.Name);
                else if (shard == index.Shards[i]) tensors.Add(entry.Name, (file, entry));
                else
                {
                    throw new SafetensorsException(
                        $"{index.FilePath}: tensor {Quoting.Quote(entry.Name)} is in the shard {Quoting.Quote(index.Shards[i])} too, expected only in {Quoting.Quote(shard)}.");
                }
            }

            if (unlisted.Count > 0)
                warnings.Add($"{file.FilePath}: {Counting.Of(unlisted.Count, "tensor is not in the index and is", "tensors are not in the index and are")} left out: {Quoting.QuoteSome(unlisted)}.");
        }

        (string Name, string Shard)[] absent = [.. index.WeightMap.Where(t => !tensors.ContainsKey(t.Key)).Select(t => (t.Key, t.Value)).OrderBy(t => t.Key, Utf8Order.Instance)];
        if (absent is [var only])
            throw new SafetensorsException($"{index.FilePath}: tensor {Quoting.Quote(only.Name)} is not in its shard {Quoting.Quote(only.Shard)}.");
        if (absent.Length > 0)
        {
            string shards = Quoting.QuoteSome([.. absent.Select(t => t.Shard).Distinct()]);
            throw new SafetensorsException($"{index.FilePath}: {absent.Length} tensors are not in their shards {shards}: {Quoting.QuoteSome([.. absent.Select(t => t.Name)])}.");
        }

        return tensors;
    }

    /// <summary>Shards that lie beside those of the index and are called like them, such as one whose tensors the index has lost: a sentence each.</summary>
    private static string[] Unnamed(ShardedIndex index, string directory)
    {
        HashSet<string> named = [.. index.Shards];
        HashSet<(string, string)?> kinds = [.. named.Select(KindOf)];
        try
        {
            return
            [
                .. Directory.EnumerateFiles(directory.Length == 0 ? "." : directory, "*.safetensors").Select(file => System.IO.Path.GetFileName(file)!)
                    .Where(file => KindOf(file) is { } kind && kinds.Contains(kind) && !named.Contains(file)).Order(StringComparer.Ordinal)
                    .Select(file => $"{index.FilePath}: names no tensor of {Quoting.Quote(file)}, which lies beside it and is left out."),
            ];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Files in a directory that cannot be listed can still be read.
            return [];
        }
    }

    /// <summary>What stands before and after the number of a shard, as in <c>model-00001-of-00003.safetensors</c>; null for another name.</summary>
    private static (string Start, string End)? KindOf(string shard)
    {
        int end = shard.LastIndexOf("-of-", StringComparison.Ordinal), start = end < 0 ? -1 : shard.AsSpan(0, end).LastIndexOfAnyExceptInRange('0', '9') + 1;
        return start > 0 && start < end ? (shard[..start], shard[end..]) : null;
    }

    private static void CheckTotalSize(ShardedIndex index, List<SafetensorsFile> files, long tensorBytes, List<string> warnings)
    {
        // Hugging Face counts the tensors' bytes, some tools the files'. Nothing depends on the number.
        if (index.TotalSizeText is null || index.TotalSize == tensorBytes || index.TotalSize == files.Sum(f => f.FileLength)) return;
        warnings.Add($"{index.FilePath}: total_size is {Quoting.Quote(index.TotalSizeText)}, but the tensors take {tensorBytes} bytes.");
    }
}
