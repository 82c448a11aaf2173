using System.IO.Compression;
using System.Text.Json;
using MergeEngine.Models.Tokenizers;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Tokenizers;

/// <summary>The reference's tokenizers and what it made of hostile strings (tests/Fixtures/tokenizers).</summary>
internal static class TokenizerFixtures
{
    /// <summary>The tokenizers whose tokenizer.json and strings are there.</summary>
    public static TheoryData<string> Names => new("wordpiece-minilm", "wordpiece-cased", "bytebpe-roberta", "bytebpe-clip");

    public static ITokenizer Load(string name)
    {
        using TemporaryDirectory directory = Unpack(name);
        return Tokenizer.Load(directory.Path);
    }

    /// <summary>A tokenizer's files, without those whose names begin with a word of <paramref name="without"/>.</summary>
    public static TemporaryDirectory Unpack(string name, params string[] without)
    {
        var directory = new TemporaryDirectory();
        foreach (string packed in Directory.GetFiles(FixtureFiles.PathOf($"tokenizers/{name}"), "*.gz"))
        {
            string file = Path.GetFileNameWithoutExtension(packed);
            if (without.Any(word => file.StartsWith(word, StringComparison.Ordinal))) continue;
            using Stream from = Open(packed);
            using FileStream to = File.Create(directory.File(file));
            from.CopyTo(to);
        }

        return directory;
    }

    /// <summary>The lines of a fixture, each a JSON object.</summary>
    public static IEnumerable<JsonElement> Lines(string name)
    {
        using var reader = new StreamReader(Open(FixtureFiles.PathOf($"tokenizers/{name}.jsonl.gz")));
        while (reader.ReadLine() is { } line)
        {
            using JsonDocument document = JsonDocument.Parse(line);
            yield return document.RootElement.Clone();
        }
    }

    public static int[] Numbers(this JsonElement line, string key) => [.. line.GetProperty(key).EnumerateArray().Select(number => number.GetInt32())];

    public static TokenOffset[] Offsets(this JsonElement line) =>
        [.. line.GetProperty("offsets").EnumerateArray().Select(pair => new TokenOffset(pair[0].GetInt32(), pair[1].GetInt32()))];

    public static string Text(this JsonElement line, string key = "text") => line.GetProperty(key).GetString()!;

    private static GZipStream Open(string path) => new(File.OpenRead(path), CompressionMode.Decompress);
}
