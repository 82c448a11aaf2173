using MergeEngine.Embeddings.Batching;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;

namespace MergeEngine.Embeddings.Tests.Batching;

/// <summary>
/// The bits of an answer with sizes at which products are cut into blocks, shared out to threads, and multiplied by packed weights: those of a text alone,
/// whatever else is in its batch.
/// </summary>
public sealed class BatchRunnerTests
{
    private static readonly TextTransformerConfig s_config = new()
    {
        Vocabulary = 100,
        Positions = 128,
        Width = 192,
        Layers = 2,
        Heads = 6,
        MlpWidth = 768,
        Pooling = TextPooling.Mean,
        IsSentenceEncoder = true,
        NormalizesEmbeddings = true,
    };

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void An_answer_has_the_same_bits_alone_and_among_others(int threads)
    {
        using Device device = Device.Open("cpu", threads);
        using TextTransformer encoder = TextTransformer.CreateRandom(device, s_config, 1);
        using ClassificationHead head = ClassificationHead.Random(device, 5, encoder.FeatureWidth, 2);
        encoder.Pack(encoder.Parameters);
        using var runner = new BatchRunner(encoder, head, null);
        var random = new Random(3);
        int[][] texts = [.. Enumerable.Range(0, 48).Select(i => Enumerable.Range(0, i < 8 ? i + 1 : random.Next(1, 129)).Select(_ => random.Next(100)).ToArray())];
        TextOutput[] alone = [.. texts.Select(text => Run(runner, [text])[0])];
        for (int first = 0, size = 2; first < texts.Length; first += size, size = random.Next(2, 20))
        {
            int[] order = [.. Enumerable.Range(first, Math.Min(size, texts.Length - first)).OrderBy(_ => random.Next())];
            TextOutput[] among = Run(runner, [.. order.Select(i => texts[i])]);
            for (int i = 0; i < order.Length; i++)
            {
                Assert.Equal(alone[order[i]].Embedding.ToArray(), among[i].Embedding.ToArray());
                Assert.Equal(alone[order[i]].Logits.ToArray(), among[i].Logits.ToArray());
                Assert.Equal(texts[order[i]].Length, among[i].TokenCount);
            }
        }
    }

    private static TextOutput[] Run(BatchRunner runner, int[][] texts)
    {
        TextRequest[] requests = [.. texts.Select(text => new TextRequest(text, new int[text.Length]))];
        runner.Run(requests);
        // The runner has answered when it returns: nothing is waited for.
        return [.. requests.Select(request => request.Task.IsCompletedSuccessfully ? request.Task.Result : throw new InvalidOperationException("A text has no answer.", request.Task.Exception))];
    }
}
