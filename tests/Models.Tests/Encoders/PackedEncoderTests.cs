using System.Text.Json;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Tokenizers;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Encoders;

/// <summary>
/// Encoders whose weights are packed for inference. In float32 packing changes no bit. In BF16 a weight is off by at most 2⁻⁹ of itself, so an output, a
/// normalised sum of many such products, by some thousandths of its largest magnitude: bounds of 1 % for the small random fixtures and of 2.5e-3 for
/// MiniLM's components of up to 0.41 leave about twice what was measured.
/// </summary>
public sealed class PackedEncoderTests
{
    private const double FixtureBound = 0.01, ComponentBound = 2.5e-3, LeastCosine = 0.99995;

    public static TheoryData<string, string> Fixtures() => new()
    {
        { "vit-hf", "" }, { "vit-clip", "model.safetensors" }, { "vit-timm-gap", "" }, { "vit-timm-dino", "" },
    };

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Packed_float32_weights_change_no_bit_and_BF16_ones_little(string directory, string model)
    {
        string path = FixtureFiles.PathOf(Path.Combine(directory, model));
        using var wide = new CpuDevice(2);
        using var narrow = new CpuDevice(2, precision: Precision.BF16);
        using VisionTransformer encoder = VisionTransformer.Load(wide, path), rounded = VisionTransformer.Load(narrow, path);
        using var expected = new VisionCase(FixtureFiles.PathOf($"{directory}/case.safetensors"));
        using ImageBatch batch = expected.Batch(encoder), same = expected.Batch(rounded);
        float[] plain = VisionCase.Download(encoder.Forward(encoder.Parameters, batch, keepForBackward: false));
        encoder.Pack(encoder.Parameters);
        Assert.Equal(plain, VisionCase.Download(encoder.Forward(encoder.Parameters, batch, keepForBackward: false)));
        rounded.Forward(rounded.Parameters, same, keepForBackward: false);
        expected.AssertClose("features", VisionCase.Download(rounded.Features), 3e-6);
        rounded.Pack(rounded.Parameters);
        rounded.Forward(rounded.Parameters, same, keepForBackward: false);
        expected.AssertClose("features", VisionCase.Download(rounded.Features), FixtureBound);
        Assert.NotEqual(VisionCase.Download(encoder.Features), VisionCase.Download(rounded.Features));
    }

    [Theory]
    [InlineData(Precision.Float32, 2e-6, 0.999999)]
    [InlineData(Precision.BF16, ComponentBound, LeastCosine)]
    public void Packed_minilm_embeds_200_sentences_within_its_bound(Precision precision, double bound, double leastCosine)
    {
        string model = SharedFiles.Require("models/all-MiniLM-L6-v2"), fixture = SharedFiles.Require("fixtures/minilm");
        using var device = new CpuDevice(precision: precision);
        using var encoder = TextTransformer.Load(device, model);
        encoder.Pack(encoder.Parameters);
        using SafetensorsFile expected = SafetensorsFile.Open(Path.Combine(fixture, "case.safetensors"));
        double[] embeddings = expected.ReadFloat64("embeddings");
        ITokenizer tokenizer = Tokenizer.Load(model);
        var tokens = new TokenSequence();
        double worst = 0, cosine = 1;
        using TextBatch batch = encoder.CreateBatch();
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(Path.Combine(fixture, "sentences.json")));
        int text = 0;
        foreach (JsonElement element in document.RootElement.EnumerateArray())
        {
            var texts = new TokenTable();
            tokenizer.Encode(element.GetProperty("text").GetString(), new TokenizerOptions { MaxLength = 256 }, tokens);
            texts.Add(tokens.Ids, tokens.TypeIds);
            batch.Fill(texts, [0]);
            encoder.Forward(encoder.Parameters, batch, keepForBackward: false);
            float[] actual = VisionCase.Download(encoder.Embeddings());
            ReadOnlySpan<double> exact = embeddings.AsSpan(384 * text++, 384);
            double product = 0;
            for (int k = 0; k < exact.Length; k++)
            {
                worst = Math.Max(worst, Math.Abs(actual[k] - exact[k]));
                product += actual[k] * exact[k];
            }

            cosine = Math.Min(cosine, product);
        }

        Assert.Equal(200, text);
        Assert.True(worst <= bound && cosine >= leastCosine, $"largest error {worst:e2}, smallest cosine {cosine:f6}");
    }

    [Fact]
    public void Packed_weights_are_not_trained()
    {
        using var model = new RandomModel("cpu", 4, batch: 2);
        model.Encoder.Pack(model.Encoder.Parameters);
        string message = Assert.Throws<InvalidOperationException>(() => model.Encoder.Forward(model.Encoder.Parameters, model.Batch, keepForBackward: true)).Message;
        Assert.StartsWith("These weights are packed for inference", message, StringComparison.Ordinal);
        model.Encoder.Parameters.Unpack();
        model.Encoder.Forward(model.Encoder.Parameters, model.Batch, keepForBackward: true);
    }

    [Fact]
    public void A_device_that_packs_nothing_goes_on_as_before()
    {
        using var model = new RandomModel("reference", 5, batch: 1);
        double loss = model.Loss(model.Encoder.Parameters);
        model.Encoder.Pack(model.Encoder.Parameters);
        Assert.Null(model.Encoder.Parameters.Packed);
        Assert.Equal(loss, model.Loss(model.Encoder.Parameters));
    }

    [Fact]
    public void A_pass_with_packed_weights_allocates_nothing()
    {
        using var model = new RandomModel("cpu", 6, batch: 2);
        model.Encoder.Pack(model.Encoder.Parameters);
        for (int i = 0; i < 30; i++) model.Encoder.Forward(model.Encoder.Parameters, model.Batch, keepForBackward: false);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 30; i++) model.Encoder.Forward(model.Encoder.Parameters, model.Batch, keepForBackward: false);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
