using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using MergeEngine.Embeddings.Tests.Support;
using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Serving;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Tokenizers;
using MergeEngine.Tensors;
using MergeEngine.Tests.Support;
using Microsoft.Extensions.AI;

namespace MergeEngine.Embeddings.Tests.Documentation;

/// <summary>The C# in docs/embedding.md, and its first part in README.md, is the code below, and it runs, on small models in the places that it names: alone, because it uses the working directory.</summary>
[Collection(nameof(AloneCollection))]
public sealed class EmbeddingPageTests : IDisposable
{
    private static readonly string s_root = Path.GetFullPath(Path.Combine(FixtureFiles.PathOf(""), "..", ".."));

    private readonly TinyTextModel _files = new();
    private readonly string _before = Environment.CurrentDirectory;

    public EmbeddingPageTests()
    {
        Directory.Move(_files.Base, Path.Combine(_files.Root, "all-MiniLM-L6-v2"));
        Directory.Move(_files.Tuned[0], Path.Combine(_files.Root, "tuned", "sentiment"));
        Directory.Move(_files.Tuned[1], Path.Combine(_files.Root, "tuned", "topic"));
        Environment.CurrentDirectory = _files.Root;
    }

    [Fact]
    public async Task A_generator_embeds_texts()
    {
        double similarity = await GenerateAsync();
        Assert.InRange(similarity, -1.000001, 1.000001);
    }

    [Fact]
    public async Task A_mixture_changes_what_a_text_is()
    {
        (ReadOnlyMemory<float> before, ReadOnlyMemory<float> after) = await MixAsync();
        Assert.NotEqual(before.ToArray(), after.ToArray());
    }

    /// <summary>Packed into BF16, a loop of one's own gives what the generator gives in float32, but for the roundings of weights (relative 2⁻⁹ each).</summary>
    [Fact]
    public async Task A_loop_of_ones_own_packs_and_reads_embeddings()
    {
        float[] own = EmbedPacked();
        using Device device = Device.Open("cpu");
        using TextEmbeddingGenerator generator = TextEmbeddingGenerator.Load(device, "all-MiniLM-L6-v2");
        ReadOnlyMemory<float> expected = await generator.GenerateVectorAsync("a text", cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(expected.Length, own.Length);
        Assert.NotEqual(expected.ToArray(), own);
        Assert.InRange(TensorPrimitives.CosineSimilarity(expected.Span, own), 0.9999, 1.000001);
    }

    [Theory]
    [InlineData("packed", "docs/embedding.md")]
    [InlineData("generator", "docs/embedding.md")]
    [InlineData("generator", "README.md")]
    [InlineData("mixture", "docs/embedding.md")]
    [InlineData("reader", "docs/embedding.md")]
    public void The_snippets_stand_on_the_pages_as_they_are_here(string name, string page)
    {
        string[] lines = File.ReadAllText(ThisFile()).Split($"// {name} begin\n")[^1].Split($"// {name} end")[0].TrimEnd().Split('\n');
        string snippet = string.Join('\n', lines.Select(line => line.Length > 8 ? line[8..] : line.Trim()));
        Assert.Contains($"```csharp\n{snippet}\n```", File.ReadAllText(Path.Combine(s_root, page)), StringComparison.Ordinal);
    }

    public void Dispose()
    {
        Environment.CurrentDirectory = _before;
        _files.Dispose();
    }

    private static string ThisFile([CallerFilePath] string path = "") =>
        Path.Combine(s_root, "tests", "Embeddings.Tests", "Documentation", Path.GetFileName(path));

    private static async Task<double> GenerateAsync()
    {
        // generator begin
        using Device device = Device.Open("cpu");                        // or "cuda:0"
        using TextEmbeddingGenerator generator = TextEmbeddingGenerator.Load(device, "all-MiniLM-L6-v2");
        GeneratedEmbeddings<Embedding<float>> embeddings = await generator.GenerateAsync(["a text", "another text"]);
        float similarity = TensorPrimitives.CosineSimilarity(embeddings[0].Vector.Span, embeddings[1].Vector.Span);

        // generator end
        return similarity;
    }

    private static float[] EmbedPacked()
    {
        // packed begin
        using Device device = Device.Open("cpu", threads: 1, precision: Precision.BF16);
        using TextTransformer encoder = TextTransformer.Load(device, "all-MiniLM-L6-v2");
        encoder.Pack(encoder.Parameters);                                // once; again after the values have changed
        ITokenizer tokenizer = Tokenizer.Load("all-MiniLM-L6-v2");
        var tokens = new TokenSequence();
        tokenizer.Encode("a text", TokenizerOptions.Default, tokens);
        var table = new TokenTable();
        table.Add(tokens.Ids);

        using TextBatch batch = encoder.CreateBatch();
        batch.Fill(table, [0]);
        encoder.Forward(encoder.Parameters, batch, keepForBackward: false);
        Matrix rows = encoder.Embeddings();                              // on the device, valid until the next pass
        float[] embedding = new float[rows.Rows * rows.Columns];
        device.Download(rows.Data, embedding);

        // packed end
        return embedding;
    }

    private static async Task<(ReadOnlyMemory<float> Before, ReadOnlyMemory<float> After)> MixAsync()
    {
        // mixture begin
        using Device device = Device.Open("cpu");
        using TextTransformer encoder = TextTransformer.Load(device, "all-MiniLM-L6-v2");
        using TaskVectors taskVectors = TaskVectors.TakeModels(
            "all-MiniLM-L6-v2",
            encoder.Parameters,
            [new NamedModel("sentiment", encoder.ReadParameters("tuned/sentiment")), new NamedModel("topic", encoder.ReadParameters("tuned/topic"))]);
        using var mixture = new TaskMixture(taskVectors, 0.3f);          // live: mixes anew on the device while it serves
        using var texts = new BatchedTextEncoder(encoder, Tokenizer.Load("all-MiniLM-L6-v2"), mixture: mixture);
        using var generator = new TextEmbeddingGenerator(texts);

        ReadOnlyMemory<float> before = await generator.GenerateVectorAsync("a text");
        mixture.SetCoefficients([0.3f, 0.6f]);                           // sentiment and topic, from any thread
        ReadOnlyMemory<float> after = await generator.GenerateVectorAsync("a text");

        // mixture end
        texts.Dispose();
        Assert.Equal(2, Read(mixture, encoder));
        return (before, after);
    }

    private static int Read(TaskMixture mixture, TextTransformer encoder)
    {
        using TextBatch batch = encoder.CreateBatch();
        var tokens = new TokenTable();
        tokens.Add([2, 5, 3]);
        tokens.Add([2, 5, 8, 3]);
        batch.Fill(tokens, [0, 1]);
        Matrix features = default;

        // reader begin
        using (MixtureUse use = mixture.Use())
        {
            features = encoder.Forward(use.Parameters, batch, keepForBackward: false);
        }

        // reader end
        return features.Rows;
    }
}
