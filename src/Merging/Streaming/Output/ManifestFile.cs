using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using MergeEngine.Merging.Streaming.Hashing;
using MergeEngine.Merging.Streaming.Hashing.Sha2;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Output;

/// <summary>Writes and reads <c>merge-manifest.json</c>.</summary>
public static class ManifestFile
{
    /// <summary>The pieces of 100 TB take less.</summary>
    private const long MaxByteLength = 1L << 29;

    private const int DigestLength = 64;

    private static readonly string s_zeros = new('0', DigestLength);

    private static readonly ManifestJson s_json = new(new JsonSerializerOptions(ManifestJson.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    /// <summary>Reads a manifest and checks its form and its own hash, so that what it says is what was written.</summary>
    /// <exception cref="SafetensorsException">It cannot be read, is none, or was changed.</exception>
    public static MergeManifest Read(string path)
    {
        byte[] bytes = ReadBytes(path);
        MergeManifest manifest;
        try
        {
            manifest = JsonSerializer.Deserialize(bytes, s_json.MergeManifest) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            string place = e.LineNumber is { } line ? $" near its line {line + 1}" : "";
            throw new SafetensorsException($"{path}: is no merge manifest{place}, expected the JSON document that a merge writes.", e);
        }

        if (manifest.Format == "merge-engine manifest 1")
            throw new SafetensorsException($"{path}: was written by an older version, whose hashes of large files this one cannot check; merge again, or check with the version that wrote it.");
        if (manifest.Format != MergeManifest.CurrentFormat)
            throw new SafetensorsException($"{path}: the format is {Quoting.Quote(manifest.Format)}, expected \"{MergeManifest.CurrentFormat}\".");
        if (manifest.ManifestSha256 != SelfHash(bytes)) throw new SafetensorsException($"{path}: was changed after it was written: its own hash does not fit its content.");
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (ManifestOutput output in manifest.Outputs)
        {
            string? complaint = ComplaintOf(output, manifest.Hash);
            if (!seen.Add(output.Name)) complaint = "stands twice";
            if (complaint is not null) throw new SafetensorsException($"{path}: the output {Quoting.Quote(output.Name)} {complaint}.");
        }

        return manifest;
    }

    /// <summary>The document's bytes, with its own hash.</summary>
    internal static byte[] Build(MergeManifest manifest)
    {
        byte[] bytes = [.. JsonSerializer.SerializeToUtf8Bytes(manifest with { ManifestSha256 = s_zeros }, s_json.MergeManifest), (byte)'\n'];
        string hash = Convert.ToHexStringLower(Sha256State.HashData(bytes));
        Encoding.ASCII.GetBytes(hash, bytes.AsSpan(bytes.AsSpan().LastIndexOf(Encoding.ASCII.GetBytes(s_zeros))));
        return bytes;
    }

    /// <summary>A file name without any way out of the directory.</summary>
    internal static bool IsPlainName(string name) =>
        name.Length > 0 && name is not ("." or "..") && !name.AsSpan().ContainsAny("/\\:") && !name.Any(char.IsControl);

    /// <summary>A plain file name, or one in a plain folder: <c>1_Pooling/config.json</c>.</summary>
    internal static bool IsOutputName(string name) =>
        name.IndexOf('/', StringComparison.Ordinal) is >= 0 and var slash ? IsPlainName(name[..slash]) && IsPlainName(name[(slash + 1)..]) : IsPlainName(name);

    /// <summary>The hash of a manifest's bytes with zeros where its own hash stands: the last value of the document.</summary>
    private static string SelfHash(byte[] bytes)
    {
        byte[] copy = [.. bytes];
        int end = copy.AsSpan().LastIndexOf((byte)'"');
        if (end >= DigestLength) Encoding.ASCII.GetBytes(s_zeros, copy.AsSpan(end - DigestLength));
        return Convert.ToHexStringLower(Sha256State.HashData(copy));
    }

    private static byte[] ReadBytes(string path)
    {
        try
        {
            if (OutputTarget.ComplaintOf(path) is { } complaint) throw new SafetensorsException($"{path}: {complaint}, expected a merge manifest.");
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1);
            if (stream.Length > MaxByteLength) throw new SafetensorsException($"{path}: is {stream.Length} bytes long, expected a merge manifest of at most {MaxByteLength}.");
            byte[] bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new SafetensorsException($"{path}: does not exist, expected the manifest that a merge writes.", e);
        }
        catch (Exception e) when (e is UnauthorizedAccessException || (e is IOException && e is not SafetensorsException))
        {
            throw new SafetensorsException($"{path}: cannot be read ({e.Message.TrimEnd('.')}), expected the manifest that a merge writes.", e);
        }
    }

    private static string? ComplaintOf(ManifestOutput output, ManifestHash? hash)
    {
        if (!IsOutputName(output.Name)) return "is no plain file name";
        if (output.Bytes < 0) return $"has {output.Bytes} bytes";
        if (hash is null) return null;
        if (hash.PieceBytes != StreamedHash.PieceBytes) return $"has hashes of pieces of {hash.PieceBytes} bytes, expected {StreamedHash.PieceBytes}";
        if (output.HeaderSha256 is { } header && !IsDigest(header)) return "has no SHA-256 of its header";
        if (FileHash.KindOf(output.Bytes) == FileHashKind.Sha256)
            return output.Sha256 is null || !IsDigest(output.Sha256) ? "has no SHA-256" : output.Blake3 is null && output.Pieces is null ? null : "has a hash of a larger file";
        if (output.Blake3 is null || !IsDigest(output.Blake3) || output.Sha256 is not null) return "has no BLAKE3";
        long pieces = (output.Bytes / hash.PieceBytes) + (output.Bytes % hash.PieceBytes == 0 ? 0 : 1);
        if (output.Pieces?.Length != pieces || !output.Pieces.All(IsDigest)) return $"has {output.Pieces?.Length ?? 0} pieces, expected {pieces}";
        return StreamedHash.Root([.. output.Pieces.Select(Convert.FromHexString)]).Text == output.Blake3 ? null : "has another BLAKE3 than its pieces";
    }

    private static bool IsDigest(string text) => text.Length == DigestLength && text.All(char.IsAsciiHexDigitLower);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, NewLine = "\n",
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(MergeManifest))]
internal sealed partial class ManifestJson : JsonSerializerContext;
