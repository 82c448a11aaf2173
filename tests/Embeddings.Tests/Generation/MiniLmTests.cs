using System.Text.Json;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;
using Microsoft.Extensions.AI;

namespace MergeEngine.Embeddings.Tests.Generation;

/// <summary>A real model, all-MiniLM-L6-v2, asked by several callers at once, against sentence-transformers in float64.</summary>
/// <remarks>The bound of 2e-6 on components of up to 0.41 is eight times the error of sentence-transformers itself in float32, 2.6e-7.</remarks>
public sealed class MiniLmTests
{
    [Fact]
    public async Task Embeddings_of_200_sentences_match_float64_and_do_not_depend_on_the_batch()
    {
        string model = SharedFiles.Require("models/all-MiniLM-L6-v2"), fixture = SharedFiles.Require("fixtures/minilm");
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(fixture, "case.safetensors"));
        double[] expected = file.ReadFloat64("embeddings");
        using JsonDocument document = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(fixture, "sentences.json")));
        string[] texts = [.. document.RootElement.EnumerateArray().Select(element => element.GetProperty("text").GetString()!)];
        Assert.Equal(200, texts.Length);

        using Device device = Device.Open("cpu");
        using TextEmbeddingGenerator generator = TextEmbeddingGenerator.Load(device, model);
        Assert.Equal("all-MiniLM-L6-v2", generator.GetRequiredService<EmbeddingGeneratorMetadata>().DefaultModelId);
        GeneratedEmbeddings<Embedding<float>>[] parts = await Task.WhenAll(texts.Chunk(25).Select(some => Task.Run(() => generator.GenerateAsync(some))));
        float[][] actual = [.. parts.SelectMany(part => part).Select(embedding => embedding.Vector.ToArray())];
        double worst = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            for (int k = 0; k < 384; k++) worst = Math.Max(worst, Math.Abs(actual[i][k] - expected[(i * 384) + k]));
        }

        Assert.True(worst <= 2e-6, $"largest error {worst:e2}");
        // Short and long ones, each now in a batch of its own.
        for (int i = 0; i < actual.Length; i += 9) Assert.Equal(actual[i], (await generator.GenerateVectorAsync(texts[i])).ToArray());
    }
}
