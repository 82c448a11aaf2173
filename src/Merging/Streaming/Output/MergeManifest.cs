using System.Text.Json.Serialization;
using MergeEngine.Merging.Streaming.Hashing;

namespace MergeEngine.Merging.Streaming.Output;

/// <summary>
/// <c>merge-manifest.json</c>: what an output directory was made from and with, and what each of its files must be. Two runs of one recipe
/// over the same inputs differ in nothing but the times and the self-check.
/// </summary>
/// <param name="Format">The kind and version of this document.</param>
/// <param name="Engine">The version of the program.</param>
/// <param name="Recipe">The recipe's text.</param>
/// <param name="Dialect">Which arithmetic where there are two.</param>
/// <param name="Seed">The seed of everything random; null where nothing is.</param>
/// <param name="Options">Options of the command line that decide bytes.</param>
/// <param name="Hash">How the hashes below are made; null where none were made.</param>
/// <param name="Inputs">The files that were read.</param>
/// <param name="Outputs">Every file of the directory but this one.</param>
/// <param name="Started">When the run that finished the output began, UTC.</param>
/// <param name="Finished">When all was written, UTC.</param>
/// <param name="ManifestSha256">SHA-256 of this file's bytes with 64 zeros in place of this value.</param>
public sealed record MergeManifest(
    string Format,
    string Engine,
    string Recipe,
    string Dialect,
    ulong? Seed,
    SortedDictionary<string, string> Options,
    ManifestHash? Hash,
    ManifestInput[] Inputs,
    ManifestOutput[] Outputs,
    DateTime Started,
    DateTime Finished,
    [property: JsonPropertyName("manifest_sha256")] string ManifestSha256)
{
    public const string FileName = "merge-manifest.json";

    /// <summary>The value of <see cref="Format"/> that this version writes and reads.</summary>
    public const string CurrentFormat = "merge-engine manifest 2";
}

/// <summary>How the files' hashes are made. Each entry names its own: <c>sha256</c> or <c>blake3</c>.</summary>
/// <param name="PieceBytes">The length of a piece.</param>
/// <param name="Rule">What the entries hold, in words.</param>
public sealed record ManifestHash(int PieceBytes, string Rule)
{
    internal static ManifestHash Current { get; } = new(
        StreamedHash.PieceBytes,
        "a file of at most one piece has its SHA-256, as sha256sum prints it; a larger one its BLAKE3, as b3sum prints it, and as pieces the chaining values of the subtrees of its pieces in order");
}

/// <summary>A file that was read.</summary>
/// <param name="Path">Its path as the merge was given it.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">The SHA-256 of a file of at most <see cref="ManifestHash.PieceBytes"/>; null for a larger one, and where no hashes were made.</param>
/// <param name="Blake3">The BLAKE3 of a larger file; null for others, and where no hashes were made.</param>
public sealed record ManifestInput(
    string Path,
    long Bytes,
    [property: JsonPropertyName("sha256"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Sha256 = null,
    [property: JsonPropertyName("blake3"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Blake3 = null)
{
    internal static ManifestInput Of(string path, long bytes, FileHash? hash) =>
        new(path, bytes, hash is { Kind: FileHashKind.Sha256, Text: var sha256 } ? sha256 : null, hash is { Kind: FileHashKind.Blake3, Text: var blake3 } ? blake3 : null);
}

/// <summary>A file that was written.</summary>
/// <param name="Name">Its name in the directory.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">The SHA-256 of a file of at most <see cref="ManifestHash.PieceBytes"/>; null for a larger one, and where no hashes were made.</param>
/// <param name="HeaderSha256">Plain SHA-256 of a weight file's first bytes up to its data; null for other files.</param>
/// <param name="Blake3">The BLAKE3 of a larger file; null for others, and where no hashes were made.</param>
/// <param name="Pieces">The chaining values of a larger file's pieces, which say where it was changed.</param>
public sealed record ManifestOutput(
    string Name,
    long Bytes,
    [property: JsonPropertyName("sha256"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Sha256 = null,
    [property: JsonPropertyName("header_sha256"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? HeaderSha256 = null,
    [property: JsonPropertyName("blake3"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Blake3 = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string[]? Pieces = null)
{
    internal static ManifestOutput Of(string name, long bytes, StreamedHash? hash, string? header = null)
    {
        if (hash is null) return new ManifestOutput(name, bytes, HeaderSha256: header);
        byte[][] digests = hash.Digests();
        FileHash root = StreamedHash.Root(digests);
        return root.Kind == FileHashKind.Sha256
            ? new ManifestOutput(name, bytes, root.Text, header)
            : new ManifestOutput(name, bytes, null, header, root.Text, [.. digests.Select(Convert.ToHexStringLower)]);
    }
}
