using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Encoders;

/// <summary>
/// Sizes at which a vector or a tile has nothing to fill: heads of one column, one layer, one sample, one patch, no class token, images
/// that are no square and no multiple of the patch. The fast paths are compared with the textbook loops of the reference device.
/// </summary>
public sealed class OddSizesTests
{
    public static TheoryData<string, string> Cases()
    {
        var cases = new TheoryData<string, string>();
        foreach (string device in DeviceCases.Names.Append("reference").Where(d => d != "reference"))
        {
            foreach (string size in new[] { "heads-of-one", "width-of-one", "one-patch", "patch-of-one", "no-class-token", "oblong", "projected-to-one" }) cases.Add(device, size);
        }

        return cases;
    }

    /// <summary>2e-6 of the largest value, as float32 sums of these lengths round; gradients go through twice as many.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void Features_and_gradients_are_those_of_the_reference(string device, string size)
    {
        foreach (int batch in new[] { 1, 3 })
        {
            (float[] expectedFeatures, float[] expectedSum, float[] expectedAbsolute) = Run("reference", Config(size), batch);
            (float[] features, float[] sum, float[] absolute) = Run(device, Config(size), batch);
            AssertClose(expectedFeatures, features, 2e-6);
            AssertClose(expectedSum, sum, 5e-6);
            AssertClose(expectedAbsolute, absolute, 5e-6);
        }
    }

    private static VisionTransformerConfig Config(string size)
    {
        var config = new VisionTransformerConfig
        {
            Family = VisionFamily.Timm,
            Image = new ImageShape(1, 9, 9),
            PatchSize = 3,
            Width = 6,
            Layers = 1,
            Heads = 2,
            MlpWidth = 7,
            NormEpsilon = 1e-2,
            Normalization = PixelNormalization.Half(1),
        };
        return size switch
        {
            "heads-of-one" => config with { Heads = 6 },
            "width-of-one" => config with { Width = 1, Heads = 1, MlpWidth = 1 },
            "one-patch" => config with { Image = new ImageShape(1, 5, 4) },
            "patch-of-one" => config with { Image = new ImageShape(1, 3, 2), PatchSize = 1 },
            "no-class-token" => config with { Image = new ImageShape(1, 3, 3), ClassToken = false, Pooling = VisionPooling.NormThenMean },
            "oblong" => config with { Image = new ImageShape(1, 4, 23) },
            _ => config with { Family = VisionFamily.OpenClip, PatchBias = false, PreNorm = true, ProjectionWidth = 1 },
        };
    }

    private static (float[] Features, float[] Sum, float[] Absolute) Run(string name, VisionTransformerConfig config, int count)
    {
        using Device device = DeviceCases.Open(name);
        using VisionTransformer encoder = VisionTransformer.CreateRandom(device, config, 5, 0.5f);
        using ImageBatch batch = encoder.CreateBatch();
        var random = new PhiloxStream(6, "pixels");
        batch.Prepare(count, out Span<float> images, out Span<int> labels);
        for (int i = 0; i < images.Length; i++) images[i] = random.NextGaussian();
        labels.Clear();
        batch.Commit();
        using DeviceBuffer buffer = device.Allocate<float>(count * encoder.FeatureWidth);
        float[] gradient = new float[count * encoder.FeatureWidth];
        for (int i = 0; i < gradient.Length; i++) gradient[i] = random.NextGaussian();
        float[] features = [];
        float[] Gradients(GradientReduction reduction)
        {
            using var gradients = new ParameterVector(device, encoder.Layout);
            features = VisionCase.Download(encoder.Forward(encoder.Parameters, batch, keepForBackward: true).Data);
            device.Upload<float>(gradient, buffer.AsSpan<float>());
            encoder.Backward(encoder.Parameters, gradients, new Matrix(buffer.AsSpan<float>(), count, encoder.FeatureWidth), reduction);
            return VisionCase.Download(gradients.Values);
        }

        float[] sum = Gradients(GradientReduction.Sum), absolute = Gradients(GradientReduction.AbsolutePerSample);
        return (features, sum, absolute);
    }

    private static void AssertClose(float[] expected, float[] actual, double bound)
    {
        Assert.Equal(expected.Length, actual.Length);
        double largest = expected.Max(v => Math.Abs((double)v));
        for (int i = 0; i < expected.Length; i++) Assert.InRange(Math.Abs((double)expected[i] - actual[i]), 0, bound * Math.Max(largest, 1e-3));
    }
}
