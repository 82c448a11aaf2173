using System.Text.Json.Serialization;

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
    public const string CurrentFormat = "merge-engine manifest 1";
}

/// <summary>How a file's hash is made.</summary>
/// <param name="Algorithm">Always <c>sha256-pieces</c>.</param>
/// <param name="PieceBytes">The length of a piece.</param>
/// <param name="Rule">The same in words.</param>
public sealed record ManifestHash(string Algorithm, int PieceBytes, string Rule)
{
    internal const string PiecesAlgorithm = "sha256-pieces";

    internal static ManifestHash Current { get; } = new(
        PiecesAlgorithm,
        StreamedHash.PieceBytes,
        "sha256 is that of the file where it is no longer than one piece; otherwise the SHA-256 of the SHA-256 digests (32 bytes each) of its pieces, in order, the last of which may be shorter");
}

/// <summary>A file that was read.</summary>
/// <param name="Path">Its path as the merge was given it.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">Its hash by <see cref="MergeManifest.Hash"/>; null where none was made.</param>
public sealed record ManifestInput(string Path, long Bytes, [property: JsonPropertyName("sha256")] string? Sha256);

/// <summary>A file that was written.</summary>
/// <param name="Name">Its name in the directory.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">Its hash by <see cref="MergeManifest.Hash"/>; null where none was made.</param>
/// <param name="HeaderSha256">Plain SHA-256 of a weight file's first bytes up to its data; null for other files.</param>
/// <param name="Pieces">The digests of its pieces where there are several.</param>
public sealed record ManifestOutput(
    string Name,
    long Bytes,
    [property: JsonPropertyName("sha256")] string? Sha256,
    [property: JsonPropertyName("header_sha256"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? HeaderSha256 = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string[]? Pieces = null);
