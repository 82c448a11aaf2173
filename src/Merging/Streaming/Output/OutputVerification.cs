using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using MergeEngine.Merging.Streaming.Hashing;
using MergeEngine.Merging.Streaming.Hashing.Sha2;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Output;

/// <summary>Whether a directory is still what its manifest says: every byte of every file, no file more and none less.</summary>
/// <param name="Directory">The directory as it was given.</param>
/// <param name="Files">Files that the manifest lists.</param>
/// <param name="Bytes">Their bytes as the manifest lists them.</param>
/// <param name="Hashed">False where the merge made no hashes, so that only sizes and headers could be compared.</param>
/// <param name="Differences">What is not as it should be, a sentence each, in the order of the files; empty if all is well.</param>
public sealed record OutputVerification(string Directory, int Files, long Bytes, bool Hashed, IReadOnlyList<string> Differences)
{
    /// <summary>How often a model that is replaced meanwhile is verified again.</summary>
    private const int MostAttempts = 3;

    /// <summary>Verifies a directory.</summary>
    /// <param name="directory">A directory with a <c>merge-manifest.json</c>.</param>
    /// <param name="threads">Threads that hash; each holds 256 KiB.</param>
    /// <param name="progress">Is told the bytes that were read, now and then, from any thread.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="SafetensorsException">There is no manifest, or the manifest itself was changed, or other models are put in the place of this one again and again.</exception>
    public static OutputVerification Run(string directory, int threads, Action<long>? progress = null, CancellationToken cancellation = default)
    {
        string path = Path.Combine(directory, MergeManifest.FileName);
        for (int attempt = 0; attempt < MostAttempts; attempt++)
        {
            MergeManifest manifest = ManifestFile.Read(path);
            OutputVerification found = Run(directory, manifest, threads, progress, cancellation);
            // Files of a newer model differ from an older one's manifest.
            if (found.Differences.Count == 0 || (File.Exists(path) && ManifestFile.Read(path).ManifestSha256 == manifest.ManifestSha256)) return found;
        }

        throw new SafetensorsException($"{directory}: was replaced while it was verified, expected a model that stays as it is.");
    }

    /// <summary>As <see cref="Run(string, int, Action{long}?, CancellationToken)"/>, by a manifest that was read there.</summary>
    internal static OutputVerification Run(string directory, MergeManifest manifest, int threads, Action<long>? progress = null, CancellationToken cancellation = default)
    {
        var differences = new ConcurrentBag<(string File, long At, string Text)>();
        HashSet<string> listed = [.. manifest.Outputs.Select(o => o.Name), MergeManifest.FileName];
        HashSet<string> folders = [.. listed.Select(n => Path.GetDirectoryName(n)!).Where(f => f.Length > 0)];
        foreach (string folder in folders.Prepend(""))
        {
            string within = Path.Combine(directory, folder);
            if (!System.IO.Directory.Exists(within)) continue;
            foreach (string entry in System.IO.Directory.EnumerateFileSystemEntries(within))
            {
                string name = folder.Length == 0 ? Path.GetFileName(entry) : $"{folder}/{Path.GetFileName(entry)}";
                if (!listed.Contains(name) && !(folders.Contains(name) && new DirectoryInfo(entry).LinkTarget is null)) differences.Add((name, 0, $"{Quoting.Quote(name)} is not in the manifest."));
            }
        }

        var work = new List<Piece>();
        foreach (ManifestOutput output in manifest.Outputs)
        {
            string path = Path.Combine(directory, output.Name);
            if (Complaint(path, output) is { } complaint) differences.Add((output.Name, 0, $"{Quoting.Quote(output.Name)} {complaint}."));
            else work.AddRange(PiecesOf(path, output, manifest.Hash is not null));
        }

        long read = 0;
        var options = new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, threads), CancellationToken = cancellation };
        Parallel.ForEach(Partitioner.Create(work, EnumerablePartitionerOptions.NoBuffering), options, piece =>
        {
            if (Check(piece, cancellation) is { } text) differences.Add((piece.Output.Name, piece.First, text));
            progress?.Invoke(Interlocked.Add(ref read, piece.Length));
        });
        if (differences.IsEmpty) CheckModel(directory, differences);
        return new OutputVerification(
            directory, manifest.Outputs.Length, manifest.Outputs.Sum(o => o.Bytes), manifest.Hash is not null,
            [.. differences.OrderBy(d => d.File, StringComparer.Ordinal).ThenBy(d => d.At).ThenBy(d => d.Text, StringComparer.Ordinal).Select(d => d.Text)]);
    }

    private static string? Complaint(string path, ManifestOutput output)
    {
        if (!File.Exists(path)) return System.IO.Directory.Exists(path) ? "is a directory, expected a file" : "is missing";
        if (OutputTarget.ComplaintOf(path) is { } complaint) return $"{complaint}, expected a file";
        long length = new FileInfo(path) is var info && info.ResolveLinkTarget(returnFinalTarget: true) is FileInfo end ? end.Length : info.Length;
        return length == output.Bytes ? null : string.Create(CultureInfo.InvariantCulture, $"has {length} bytes, expected {output.Bytes}");
    }

    /// <summary>The header and the hashed pieces of a file.</summary>
    private static IEnumerable<Piece> PiecesOf(string path, ManifestOutput output, bool hashed)
    {
        if (output.HeaderSha256 is not null) yield return new Piece(path, output, -1, 0, 0, output.HeaderSha256);
        if (!hashed) yield break;
        string[] digests = output.Pieces ?? [output.Sha256!];
        for (int i = 0; i < digests.Length; i++)
            yield return new Piece(path, output, i, (long)i * StreamedHash.PieceBytes, StreamedHash.LengthOf(i, output.Bytes), digests[i]);
    }

    private static string? Check(Piece piece, CancellationToken cancellation)
    {
        string name = Quoting.Quote(piece.Output.Name);
        try
        {
            if (piece.Index < 0) return HeaderHash(piece.Path) == piece.Digest ? null : $"{name} has another header than the manifest says.";
            using var handle = File.OpenHandle(piece.Path);
            byte[] found = PieceDigest.Of((offset, bytes) => FileBytes.Fill(handle, piece.Path, offset, bytes), piece.Output.Bytes, piece.Index, cancellation);
            if (Convert.ToHexStringLower(found) == piece.Digest) return null;
            return piece.Output.Pieces is null
                ? $"{name} has another SHA-256 than the manifest says."
                : string.Create(CultureInfo.InvariantCulture, $"{name} has another BLAKE3 than the manifest says, by its bytes {piece.First} to {piece.First + piece.Length - 1}.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{name} cannot be read ({e.Message.TrimEnd('.')}).";
        }
    }

    private static string HeaderHash(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Span<byte> prefix = stackalloc byte[SafetensorsHeader.PrefixLength];
        byte[] header = file.ReadHeader();
        BinaryPrimitives.WriteInt64LittleEndian(prefix, header.Length);
        using var hash = Sha256State.Create();
        hash.Append(prefix);
        hash.Append(header);
        return Convert.ToHexStringLower(hash.Finish());
    }

    /// <summary>With every file as it was written this finds nothing, unless the merge wrote no hashes.</summary>
    private static void CheckModel(string directory, ConcurrentBag<(string File, long At, string Text)> differences)
    {
        try
        {
            using Checkpoint checkpoint = Checkpoint.Open(directory);
            foreach (string warning in checkpoint.Warnings) differences.Add(("", 0, warning));
        }
        catch (SafetensorsException e)
        {
            differences.Add(("", 0, e.Message));
        }
    }

    private sealed record Piece(string Path, ManifestOutput Output, int Index, long First, long Length, string Digest);
}
