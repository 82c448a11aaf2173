using MergeEngine.Embeddings.Tests.Support;
using MergeEngine.Tensors;
using Microsoft.Extensions.AI;

namespace MergeEngine.Embeddings.Tests.Generation;

/// <summary>What users of Microsoft.Extensions.AI expect of a generator.</summary>
public sealed class TextEmbeddingGeneratorTests : IDisposable
{
    private readonly TinyTextModel _files = new();
    private readonly Device _device = Device.Open("cpu", threads: 1);

    [Fact]
    public async Task Embeddings_come_in_order_have_length_1_and_say_what_they_cost()
    {
        using TextEmbeddingGenerator generator = TextEmbeddingGenerator.Load(_device, _files.Base);
        GeneratedEmbeddings<Embedding<float>> both = await generator.GenerateAsync(["good film", "a sad text !"]);
        Assert.Equal(2, both.Count);
        // [CLS] good film [SEP] and [CLS] a sad text ! [SEP].
        Assert.Equal(10, both.Usage!.InputTokenCount);
        Assert.Equal(10, both.Usage.TotalTokenCount);
        foreach (Embedding<float> embedding in both)
        {
            Assert.Equal("base", embedding.ModelId);
            Assert.Equal(24, embedding.Dimensions);
            // Rounding of 24 squares and of the division: less than 24 half units in the last place of 1.
            Assert.Equal(1, embedding.Vector.ToArray().Sum(x => (double)x * x), 24 * 6e-8);
        }

        ReadOnlyMemory<float> second = await generator.GenerateVectorAsync("a sad text !");
        Assert.Equal(second.ToArray(), both[1].Vector.ToArray());
        Assert.NotEqual(second.ToArray(), both[0].Vector.ToArray());
    }

    [Fact]
    public async Task Without_a_normalize_module_embeddings_keep_their_length()
    {
        using var files = new TinyTextModel(normalizes: false);
        using TextEmbeddingGenerator plain = TextEmbeddingGenerator.Load(_device, files.Base), unit = TextEmbeddingGenerator.Load(_device, _files.Base);
        float[] longer = (await plain.GenerateVectorAsync("rain and sun")).ToArray(), shorter = (await unit.GenerateVectorAsync("rain and sun")).ToArray();
        double length = Math.Sqrt(longer.Sum(x => (double)x * x));
        Assert.True(Math.Abs(length - 1) > 0.1, $"length {length}");
        for (int i = 0; i < longer.Length; i++) Assert.Equal(longer[i] / length, shorter[i], 2e-7);
    }

    [Fact]
    public async Task No_texts_give_no_embeddings_and_an_empty_text_gives_one()
    {
        using TextEmbeddingGenerator generator = TextEmbeddingGenerator.Load(_device, _files.Base);
        Assert.Empty(await generator.GenerateAsync([]));
        Assert.Single(await generator.GenerateAsync([""]));
    }

    [Fact]
    public void Metadata_and_parts_are_found_where_they_are_looked_for()
    {
        using BatchedTextEncoder encoder = BatchedTextEncoder.Load(_device, _files.Base);
        using TextEmbeddingGenerator generator = new TextEmbeddingGenerator(encoder, "tiny");
        EmbeddingGeneratorMetadata metadata = generator.GetRequiredService<EmbeddingGeneratorMetadata>();
        Assert.Equal(("mergeengine", "tiny", 24), (metadata.ProviderName, metadata.DefaultModelId, metadata.DefaultModelDimensions));
        Assert.Same(generator, generator.GetService<TextEmbeddingGenerator>());
        Assert.Same(encoder, generator.GetService<BatchedTextEncoder>());
        Assert.Null(generator.GetService<Merging.Serving.TaskMixture>());
        Assert.Null(generator.GetService<TextEmbeddingGenerator>("a key"));
    }

    [Fact]
    public async Task What_cannot_be_embedded_is_refused_in_one_sentence()
    {
        using TextEmbeddingGenerator generator = TextEmbeddingGenerator.Load(_device, _files.Base);
        await Refused("Text 1 is null, expected a string.", generator, ["a", null!], null);
        await Refused("Embeddings of 8 dimensions were asked for, expected 24 as the model has.", generator, ["a"], new EmbeddingGenerationOptions { Dimensions = 8 });
        await Refused("The model 'other' was asked for, expected 'base'.", generator, ["a"], new EmbeddingGenerationOptions { ModelId = "other" });
        Assert.Single(await generator.GenerateAsync(["a"], new EmbeddingGenerationOptions { Dimensions = 24, ModelId = "base" }));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => generator.GenerateAsync(["a"], cancellationToken: new CancellationToken(canceled: true)));
    }

    [Fact]
    public async Task A_generator_disposes_the_encoder_only_if_it_owns_it()
    {
        using BatchedTextEncoder encoder = BatchedTextEncoder.Load(_device, _files.Base);
        new TextEmbeddingGenerator(encoder).Dispose();
        await encoder.RunAsync("a");
        var owner = new TextEmbeddingGenerator(encoder, ownsEncoder: true);
        owner.Dispose();
        owner.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => owner.GenerateAsync(["a"]));
        Assert.Equal(0, _device.AllocatedBytes);
    }

    public void Dispose()
    {
        _device.Dispose();
        _files.Dispose();
    }

    private static async Task Refused(
        string message, TextEmbeddingGenerator generator, string[] texts, EmbeddingGenerationOptions? options) =>
        Assert.StartsWith(message, (await Assert.ThrowsAsync<ArgumentException>(() => generator.GenerateAsync(texts, options))).Message, StringComparison.Ordinal);
}
