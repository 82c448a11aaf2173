using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Encoders;

/// <summary>A small vision transformer with a configuration, weights and a batch drawn from a seed, and a linear head over it.</summary>
internal sealed class RandomModel : IDisposable
{
    private const int Classes = 5;
    private readonly float[] _pixels;
    private readonly int[] _labels;

    public RandomModel(string device, int seed, int batch)
    {
        Device = DeviceCases.Open(device);
        var random = new PhiloxStream((ulong)seed, "random model");
        Encoder = VisionTransformer.CreateRandom(Device, Draw(ref random), (ulong)seed);
        // Norms and biases away from 1 and 0, so that a mistake in them shows.
        foreach (Parameter parameter in Encoder.Layout.Parameters)
        {
            float[] values = Encoder.Parameters.Download(parameter.Name);
            for (int i = 0; i < values.Length; i++) values[i] += 0.2f * random.NextGaussian();
            Encoder.Parameters.Upload(parameter.Name, values);
        }

        Head = ClassificationHead.Random(Device, Classes, Encoder.FeatureWidth, (ulong)seed);
        Batch = Encoder.CreateBatch();
        _pixels = new float[batch * Encoder.Config.Image.Length];
        _labels = new int[batch];
        for (int i = 0; i < _pixels.Length; i++) _pixels[i] = random.NextGaussian();
        for (int i = 0; i < batch; i++) _labels[i] = random.NextInt(Classes);
        Fill(0, batch);
    }

    public Device Device { get; }

    public VisionTransformer Encoder { get; }

    public ClassificationHead Head { get; }

    public ImageBatch Batch { get; }

    /// <summary>Sum of the losses.</summary>
    public double Loss(ParameterVector parameters)
    {
        Matrix logits = Head.Forward(Encoder.Forward(parameters, Batch, keepForBackward: false));
        Device.Operations.CrossEntropy(Head.Losses, default, logits, Batch.Labels, 1);
        return VisionCase.Download(Head.Losses).Sum(l => (double)l);
    }

    /// <summary>Adds the gradients of the summed loss.</summary>
    public void Backward(GradientReduction reduction, ParameterVector gradients, DeviceSpan<float> imageGradient = default)
    {
        Matrix logits = Head.Forward(Encoder.Forward(Encoder.Parameters, Batch, keepForBackward: true));
        Device.Operations.CrossEntropy(Head.Losses, Head.LogitsGradient, logits, Batch.Labels, 1);
        Encoder.Backward(Encoder.Parameters, gradients, Head.Backward(null, reduction), reduction, imageGradient);
    }

    /// <summary>Runs something with one sample in the batch.</summary>
    public void Only(int sample, Action action)
    {
        Fill(sample, 1);
        action();
        Fill(0, _labels.Length);
    }

    public void Dispose()
    {
        Batch.Dispose();
        Head.Dispose();
        Encoder.Dispose();
        Device.Dispose();
    }

    private void Fill(int first, int count)
    {
        Batch.Prepare(count, out Span<float> images, out Span<int> labels);
        int length = Encoder.Config.Image.Length;
        _pixels.AsSpan(first * length, count * length).CopyTo(images);
        _labels.AsSpan(first, count).CopyTo(labels);
        Batch.Commit();
    }

    /// <summary>Every switch of timm's layout, or of open_clip's with its transposed projection, or of Hugging Face's with separate q, k and v.</summary>
    private static VisionTransformerConfig Draw(ref PhiloxStream random)
    {
        int heads = 1 + random.NextInt(3), channels = 1 + random.NextInt(3), patch = 2 + random.NextInt(3);
        var config = new VisionTransformerConfig
        {
            // Not a multiple of the patch: pixels at the edge are in no patch.
            Image = new ImageShape(channels, (patch * (1 + random.NextInt(3))) + random.NextInt(patch), patch * (2 + random.NextInt(2))),
            PatchSize = patch,
            Width = heads * (8 + random.NextInt(6)),
            Layers = 1 + random.NextInt(2),
            Heads = heads,
            MlpWidth = 5 + random.NextInt(20),
            Activation = (Activation)(1 + random.NextInt(3)),
            NormEpsilon = 1e-6,
            Normalization = PixelNormalization.Half(channels),
        };
        switch (random.NextInt(3))
        {
            case 0:
                return config with { Family = VisionFamily.HuggingFaceVit, QkvBias = random.NextInt(2) == 0 };
            case 1:
                return config with
                {
                    Family = VisionFamily.OpenClip,
                    PatchBias = false,
                    PreNorm = random.NextInt(2) == 0,
                    LayerScale = random.NextInt(2) == 0,
                    ProjectionWidth = 4 * random.NextInt(3),
                    Pooling = (VisionPooling)random.NextInt(3),
                };
            default:
                VisionPooling pooling = (VisionPooling)random.NextInt(3);
                return config with
                {
                    Family = VisionFamily.Timm,
                    ClassToken = pooling == VisionPooling.ClassToken || random.NextInt(2) == 0,
                    RegisterTokens = random.NextInt(3),
                    PositionsCoverPrefix = random.NextInt(2) == 0,
                    PatchBias = random.NextInt(2) == 0,
                    PreNorm = random.NextInt(2) == 0,
                    QkvBias = random.NextInt(2) == 0,
                    LayerScale = random.NextInt(2) == 0,
                    Pooling = pooling,
                };
        }
    }
}
