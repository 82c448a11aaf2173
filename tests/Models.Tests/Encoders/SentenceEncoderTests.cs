using System.Text.Json;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Tokenizers;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Encoders;

/// <summary>A real model: all-MiniLM-L6-v2 on 200 texts of many kinds, against sentence-transformers in float64.</summary>
/// <remarks>
/// The bound of 2e-6 on components of up to 0.41 is eight times the error of sentence-transformers itself in float32, 2.6e-7, which differs
/// by as much again between batches.
/// </remarks>
public sealed class SentenceEncoderTests
{
    private const double Bound = 2e-6;

    public static TheoryData<string> Devices() => ["cpu", CudaUnderTest.Name];

    [Theory]
    [MemberData(nameof(Devices))]
    public void Embeddings_of_200_sentences_match_float64(string deviceName)
    {
        string model = SharedFiles.Require("models/all-MiniLM-L6-v2"), fixture = SharedFiles.Require("fixtures/minilm");
        using Device device = DeviceCases.Open(deviceName);
        using var encoder = TextTransformer.Load(device, model);
        Assert.Equal(256, encoder.Config.MaxTokens);
        Assert.Equal(TextPooling.Mean, encoder.Config.Pooling);
        Assert.True(encoder.Config.NormalizesEmbeddings);
        using SafetensorsFile expected = SafetensorsFile.Open(Path.Combine(fixture, "case.safetensors"));
        int[] ids = expected.ReadInt32("input_ids"), lengths = expected.ReadInt32("lengths");
        double[] embeddings = expected.ReadFloat64("embeddings");
        TokenTable texts = Tokenize(model, Path.Combine(fixture, "sentences.json"), encoder.Config.MaxTokens);
        for (int i = 0; i < lengths.Length; i++) Assert.Equal(ids.AsSpan(i * 256, lengths[i]), texts.Ids(i));

        using TextBatch batch = encoder.CreateBatch();
        double worst = 0;
        // The emulated device takes a tenth of a second for each.
        int every = deviceName == "emulated" ? 8 : 1;
        foreach (int[] some in Enumerable.Range(0, texts.Count).Where(text => text % every == 0).Chunk(64))
        {
            batch.Fill(texts, some);
            encoder.Forward(encoder.Parameters, batch, keepForBackward: false);
            float[] actual = VisionCase.Download(encoder.Embeddings());
            for (int k = 0; k < actual.Length; k++) worst = Math.Max(worst, Math.Abs(actual[k] - embeddings[(some[k / 384] * 384) + (k % 384)]));
        }

        Assert.True(worst <= Bound, $"largest error {worst:e2}");
    }

    [Fact]
    public void The_encoder_of_minilm_has_all_parameters_of_the_file_but_the_pooler_that_no_feature_comes_from()
    {
        string model = SharedFiles.Require("models/all-MiniLM-L6-v2");
        using Device device = DeviceCases.Open("cpu");
        using var sentences = TextTransformer.Load(device, model);
        using var pooled = TextTransformer.Load(device, model, pooling: TextPooling.Pooler);
        Assert.Equal(22_713_216, pooled.Layout.ParameterCount);
        Assert.Equal(22_713_216 - (384 * 385), sentences.Layout.ParameterCount);
        // The file in the hub also has embeddings.position_ids, which is no parameter.
        Assert.Equal(103, pooled.Layout.Parameters.Count);
    }

    private static TokenTable Tokenize(string model, string file, int maxLength)
    {
        ITokenizer tokenizer = Tokenizer.Load(model);
        var options = new TokenizerOptions { MaxLength = maxLength };
        var tokens = new TokenSequence();
        var texts = new TokenTable();
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(file));
        foreach (JsonElement element in document.RootElement.EnumerateArray())
        {
            tokenizer.Encode(element.GetProperty("text").GetString(), options, tokens);
            texts.Add(tokens.Ids, tokens.TypeIds);
        }

        return texts;
    }
}
