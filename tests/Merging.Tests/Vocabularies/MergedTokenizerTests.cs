using System.IO.Compression;
using System.Text;
using System.Text.Json;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Models.Tokenizers;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Vocabularies;

/// <summary>Tokenizers that merges write, beside the ids that a reader of other people's making gives with them.</summary>
public sealed class MergedTokenizerTests
{
    private const string Recipe = """
        merge_method: task_arithmetic
        base_model: models/base
        models: [{model: models/base, parameters: {weight: 1}}, {model: models/a, parameters: {weight: 1}}, {model: models/c, parameters: {weight: 1}}]
        tokenizer_source: union
        """;

    [Theory]
    [InlineData("wordpiece-cased")]
    [InlineData("bytebpe-roberta")]
    [InlineData("bytebpe-clip")]
    public void Texts_have_the_ids_that_another_reader_gives_them(string family)
    {
        using var models = new TokenModels();
        foreach ((string name, string path) in (ReadOnlySpan<(string, string)>)[("base", $"tokenizers/{family}/tokenizer.json.gz"), ("a", $"tokenizers-merged/{family}/a.json.gz"), ("c", $"tokenizers-merged/{family}/c.json.gz")])
        {
            string tokenizer = Read(path);
            models.Write(name, 0, TokenTable.Read(Encoding.UTF8.GetBytes(tokenizer)).Values.Max() + 1, tokenizer);
        }

        using MergeJob job = models.Plan(Recipe);
        string output = models.File("output");
        Directory.CreateDirectory(output);
        foreach ((string name, ReadOnlyMemory<byte> bytes) in job.Vocabulary!.Files) File.WriteAllBytes(Path.Combine(output, name), bytes.ToArray());
        ITokenizer tokenizerOfUnion = Tokenizer.Load(output);
        var ids = new TokenSequence();
        int texts = 0;
        foreach (string line in Read($"tokenizers-merged/{family}/union.jsonl.gz").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            using JsonDocument document = JsonDocument.Parse(line);
            string text = document.RootElement.GetProperty("text").GetString()!;
            tokenizerOfUnion.Encode(text, new TokenizerOptions(), ids);
            int[] expected = [.. document.RootElement.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
            Assert.True(expected.AsSpan().SequenceEqual(ids.Ids), $"{text}: {string.Join(' ', ids.Ids.ToArray())}, expected {string.Join(' ', expected)}");
            texts++;
        }

        Assert.InRange(texts, 150, 300);
    }

    private static string Read(string fixture)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(FixtureFiles.PathOf(fixture)), CompressionMode.Decompress));
        return reader.ReadToEnd();
    }
}
