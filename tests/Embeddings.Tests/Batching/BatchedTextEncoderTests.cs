using MergeEngine.Embeddings.Tests.Support;
using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Serving;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Tokenizers;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tests.Support;

namespace MergeEngine.Embeddings.Tests.Batching;

/// <summary>On a processor nobody else's texts change an answer, to the last bit; it is what a pass with this text alone gives, but for rounding.</summary>
public sealed class BatchedTextEncoderTests : IDisposable
{
    private readonly TinyTextModel _files = new();

    public static TheoryData<string> Devices() => ["cpu", CudaUnderTest.Name];

    [Theory]
    [MemberData(nameof(Devices))]
    public async Task Answers_of_many_callers_are_those_of_each_alone(string deviceName)
    {
        using Device device = DeviceCases.Open(deviceName);
        using TextTransformer encoder = TextTransformer.Load(device, _files.Base);
        using ClassificationHead head = ClassificationHead.FromSafetensors(device, _files.Head);
        ITokenizer tokenizer = Tokenizer.Load(_files.Base);
        string[] texts = TinyTextModel.Texts(120, seed: 5);
        (float[] Embedding, float[] Logits)[] direct = Alone(encoder, head, tokenizer, texts);
        using var batched = new BatchedTextEncoder(encoder, tokenizer, new BatchedTextOptions { MaxBatch = 7, QueueLength = 16 }, head);
        var alone = new TextOutput[texts.Length];
        for (int i = 0; i < texts.Length; i++)
        {
            alone[i] = await batched.RunAsync(texts[i]);
            Near(direct[i].Embedding, direct[i].Logits, alone[i]);
        }

        TextOutput[][] outputs = await Task.WhenAll(
            Enumerable.Range(0, 4).Select(caller => Task.Run(
                async () => caller == 0 ? await batched.RunAsync(texts) : [.. await Task.WhenAll(texts.Select(text => batched.RunAsync(text)))])));
        foreach (TextOutput[] one in outputs)
        {
            for (int i = 0; i < texts.Length; i++)
            {
                Near(direct[i].Embedding, direct[i].Logits, one[i]);
                // cuBLAS may sum in another order for another number of rows.
                if (device.IsHostMemory)
                {
                    Assert.Equal(alone[i].Embedding.ToArray(), one[i].Embedding.ToArray());
                    Assert.Equal(alone[i].Logits.ToArray(), one[i].Logits.ToArray());
                }

                Assert.InRange(one[i].TokenCount, 2, TinyTextModel.Config.Positions);
            }
        }
    }

    [Fact]
    public async Task Each_answer_is_of_the_mixture_whose_version_it_has()
    {
        using Device device = Device.Open("cpu", threads: 1);
        using TextTransformer encoder = TextTransformer.Load(device, _files.Base);
        using TaskVectors taskVectors = Load(encoder);
        using var mixture = new TaskMixture(taskVectors, 0.3f);
        float[][] settings = [[0.3f, 0.3f], [1, 0], [-0.5f, 2]];
        using var batched = new BatchedTextEncoder(encoder, Tokenizer.Load(_files.Base), mixture: mixture);
        for (int version = 0; version < settings.Length; version++)
        {
            if (version > 0) mixture.SetCoefficients(settings[version]);
            TextOutput output = await batched.RunAsync("the film was very good .");
            Assert.Equal(version, output.MixtureVersion);
            using ParameterVector merged = taskVectors.Merge(new TaskArithmetic(new Coefficients(settings[version][0], settings[version][1])));
            using TextTransformer other = TextTransformer.Load(device, _files.Base);
            other.Parameters.CopyFrom(merged);
            Assert.Equal(Alone(other, null, Tokenizer.Load(_files.Base), ["the film was very good ."])[0].Embedding, output.Embedding.ToArray());
        }
    }

    [Fact]
    public async Task A_batch_that_fails_is_told_to_its_callers_and_the_next_one_runs()
    {
        using Device device = Device.Open("cpu", threads: 1);
        using TextTransformer encoder = TextTransformer.Load(device, _files.Base);
        using TaskVectors taskVectors = Load(encoder);
        var mixture = new TaskMixture(taskVectors);
        using var batched = new BatchedTextEncoder(encoder, Tokenizer.Load(_files.Base), mixture: mixture);
        mixture.Dispose();
        for (int i = 0; i < 2; i++)
        {
            ObjectDisposedException e = await Assert.ThrowsAsync<ObjectDisposedException>(() => batched.RunAsync(["a", "the"]));
            Assert.StartsWith("The mixture has been disposed.", e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Callers_who_give_up_are_free_and_the_others_are_served()
    {
        using Device device = Device.Open("cpu", threads: 1);
        using BatchedTextEncoder batched = BatchedTextEncoder.Load(device, _files.Base, new BatchedTextOptions { QueueLength = 4 });
        using var stop = new CancellationTokenSource();
        Task<TextOutput>[] all = [.. Enumerable.Range(0, 200).Select(i => batched.RunAsync("a text", i % 2 == 0 ? stop.Token : default))];
        await stop.CancelAsync();
        foreach (Task<TextOutput> one in all.Where((_, i) => i % 2 == 1)) Assert.Equal(TinyTextModel.Config.Width, (await one).Embedding.Length);
        foreach (Task<TextOutput> one in all.Where((_, i) => i % 2 == 0))
        {
            try
            {
                await one;
            }
            catch (OperationCanceledException)
            {
                // Those that were computed before have their answers.
            }
        }

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => batched.RunAsync("a", stop.Token));
    }

    [Fact]
    public async Task After_disposal_callers_are_refused_and_the_model_has_given_its_memory_back()
    {
        using Device device = Device.Open("cpu", threads: 1);
        BatchedTextEncoder batched = BatchedTextEncoder.Load(device, _files.Base);
        await batched.RunAsync("a text");
        batched.Dispose();
        batched.Dispose();
        ObjectDisposedException e = await Assert.ThrowsAsync<ObjectDisposedException>(() => batched.RunAsync("a text"));
        Assert.StartsWith("The text encoder has been disposed.", e.Message, StringComparison.Ordinal);
        Assert.Equal(0, device.AllocatedBytes);
    }

    [Fact]
    public void Parts_that_do_not_fit_are_refused()
    {
        using Device device = Device.Open("cpu", threads: 1);
        using TextTransformer encoder = TextTransformer.Load(device, _files.Base);
        using TextTransformer smaller = TextTransformer.CreateRandom(device, TinyTextModel.Config with { Vocabulary = 20 }, 1);
        using ClassificationHead head = ClassificationHead.Random(device, 3, 8, 1);
        using TaskVectors foreign = TaskVectors.FromModels("base", smaller.Parameters, [new("a", smaller.Parameters)]);
        using var mixture = new TaskMixture(foreign);
        ITokenizer tokenizer = Tokenizer.Load(_files.Base);
        Refused("The tokenizer has 32 tokens, expected at most 20, as many as the model has rows for.", () => new BatchedTextEncoder(smaller, tokenizer).Dispose());
        Refused("The head takes 8 features, expected 24 for this model.", () => new BatchedTextEncoder(encoder, tokenizer, head: head).Dispose());
        Refused(
            "The mixture has other parameters than the model: 'embeddings.word_embeddings.weight' is [20, 24], expected [32, 24].",
            () => new BatchedTextEncoder(encoder, tokenizer, mixture: mixture).Dispose());
        Refused("MaxBatch is 0, expected a positive number.", () => new BatchedTextEncoder(encoder, tokenizer, new BatchedTextOptions { MaxBatch = 0 }).Dispose());
        Refused("QueueLength is -1, expected a positive number.", () => new BatchedTextEncoder(encoder, tokenizer, new BatchedTextOptions { QueueLength = -1 }).Dispose());
        Refused(
            "MaxWait is -00:00:01, expected a time from zero to a minute.",
            () => new BatchedTextEncoder(encoder, tokenizer, new BatchedTextOptions { MaxWait = TimeSpan.FromSeconds(-1) }).Dispose());
        Refused(
            "Texts would be cut to 1 tokens, expected at least 2, as many as are put around a text.",
            () => new BatchedTextEncoder(encoder, tokenizer, new BatchedTextOptions { MaxTokens = 1 }).Dispose());
    }

    public void Dispose() => _files.Dispose();

    private static void Refused(string message, Action action) =>
        Assert.StartsWith(message, Assert.ThrowsAny<ArgumentException>(action).Message, StringComparison.Ordinal);

    /// <summary>Two dozen products of up to 32 terms lie between the same numbers rounded in two orders, each worth a few units of 6e-8 in the last place.</summary>
    private static void Near(float[] embedding, float[] logits, TextOutput actual)
    {
        for (int k = 0; k < embedding.Length; k++) Assert.Equal(embedding[k], actual.Embedding.Span[k], 2e-6f);
        for (int k = 0; k < logits.Length; k++) Assert.Equal(logits[k], actual.Logits.Span[k], 1e-5f);
    }

    private TaskVectors Load(TextTransformer encoder) => TaskVectors.TakeModels(
        "base", encoder.Parameters, [new("first", encoder.ReadParameters(_files.Tuned[0])), new("second", encoder.ReadParameters(_files.Tuned[1]))]);

    /// <summary>A pass of its own for every text.</summary>
    private static (float[] Embedding, float[] Logits)[] Alone(TextTransformer encoder, ClassificationHead? head, ITokenizer tokenizer, string[] texts)
    {
        using TextBatch batch = encoder.CreateBatch();
        var tokens = new TokenSequence();
        var results = new (float[] Embedding, float[] Logits)[texts.Length];
        for (int i = 0; i < texts.Length; i++)
        {
            var table = new TokenTable();
            tokenizer.Encode(texts[i], new TokenizerOptions { MaxLength = encoder.Config.MaxTokens }, tokens);
            table.Add(tokens.Ids, tokens.TypeIds);
            batch.Fill(table, [0]);
            Matrix features = encoder.Forward(encoder.Parameters, batch, keepForBackward: false);
            results[i] = (encoder.Embeddings().Data.ToHost(), head is null ? [] : head.Forward(features).Data.ToHost());
        }

        return results;
    }
}
