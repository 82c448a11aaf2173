using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Inference;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Inference;

/// <summary>What a file of features holds fits together, and the encoder is afterwards what it was.</summary>
public sealed class FeatureExtractionTests
{
    private static readonly int[][] s_texts = [[5], [1, 2, 3, 4, 5, 6, 7, 8], [9, 2], [1, 1, 1], [3]];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    public void The_last_hidden_state_is_the_sequence_and_its_mean_the_pooled_row(int batchSize)
    {
        using Device device = Device.Open("cpu", threads: 1);
        using TextTransformer encoder = Encoder(device);
        IReadOnlyList<TensorContent> tensors = FeatureExtraction.Run(encoder, null, Split(), new ExtractionOptions(batchSize) { HiddenStates = true });
        float[] sequence = Values(tensors, "sequence_output"), means = Values(tensors, "mean_pooled");
        Assert.Equal(Values(tensors, "hidden.2"), sequence);
        for (int i = 0; i < s_texts.Length; i++)
        {
            for (int k = 0; k < 16; k++)
            {
                double sum = 0;
                for (int t = 0; t < 8; t++)
                {
                    float value = sequence[(((i * 8) + t) * 16) + k];
                    if (t >= s_texts[i].Length) Assert.Equal(0, value);
                    sum += value;
                }

                // A float32 mean of eight values of about 1.
                Assert.Equal(sum / s_texts[i].Length, means[(i * 16) + k], 1e-6);
            }
        }
    }

    /// <summary>Rows of one batch are summed in the order of another; no term is above a few units.</summary>
    [Fact]
    public void A_part_of_the_samples_has_the_rows_that_they_have_in_the_whole()
    {
        using Device device = Device.Open("cpu", threads: 1);
        using TextTransformer encoder = Encoder(device);
        (DatasetSplit kept, DatasetSplit heldOut) = HeldOutSamples.Take(Split(), 0.4, "held");
        AssertRows(encoder, new FirstSamples(Split(), 2), [0, 1]);
        AssertRows(encoder, kept, [0, 1, 3]);
        AssertRows(encoder, heldOut, [2, 4]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_encoder_keeps_hidden_states_afterwards_as_it_did_before(bool kept)
    {
        using Device device = Device.Open("cpu", threads: 1);
        using TextTransformer encoder = Encoder(device);
        encoder.KeepHiddenStates = kept;
        FeatureExtraction.Run(encoder, null, Split(), new ExtractionOptions(4) { HiddenStates = !kept });
        Assert.Equal(kept, encoder.KeepHiddenStates);
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        Assert.Throws<OperationCanceledException>(() => FeatureExtraction.Run(encoder, null, Split(), new ExtractionOptions(4) { HiddenStates = !kept }, null, stop.Token));
        Assert.Equal(kept, encoder.KeepHiddenStates);
    }

    private static void AssertRows(TextTransformer encoder, DatasetSplit part, int[] samples)
    {
        var options = new ExtractionOptions(2) { HiddenStates = true };
        IReadOnlyList<TensorContent> whole = FeatureExtraction.Run(encoder, null, Split(), options), tensors = FeatureExtraction.Run(encoder, null, part, options);
        foreach (string name in whole.Select(tensor => tensor.Name))
        {
            float[] all = Values(whole, name), some = Values(tensors, name);
            int length = all.Length / s_texts.Length;
            Assert.Equal(samples.Length * length, some.Length);
            for (int i = 0; i < some.Length; i++) Assert.Equal(all[(samples[i / length] * length) + (i % length)], some[i], 1e-5f);
        }
    }

    private static TextTransformer Encoder(Device device) => TextTransformer.CreateRandom(
        device, new TextTransformerConfig { Vocabulary = 12, Positions = 8, Width = 16, Layers = 2, Heads = 2, MlpWidth = 24, Pooling = TextPooling.Mean }, 1);

    private static TextSplit Split()
    {
        var tokens = new TokenTable();
        foreach (int[] text in s_texts) tokens.Add(text);
        return new TextSplit("texts", "input", tokens, []);
    }

    private static float[] Values(IReadOnlyList<TensorContent> tensors, string name)
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("features.safetensors");
        SafetensorsWriter.Write(path, tensors.Where(tensor => tensor.Name == name));
        using SafetensorsFile file = SafetensorsFile.Open(path);
        float[] values = new float[file[name].ElementCount];
        file.ReadFloat32(file[name], 0, values);
        return values;
    }
}
