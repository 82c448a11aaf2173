using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Encoders;

/// <summary>A small text encoder with a configuration, weights and texts drawn from a seed, and a linear head over it.</summary>
internal sealed class TextModel : IDisposable
{
    private const int Classes = 4;

    /// <summary>Seeds from here on give a CLIP, those below a BERT or a RoBERTa.</summary>
    public const int FirstClip = 1000;

    public TextModel(string device, int seed, int texts, int lengthStep = 0)
    {
        Device = DeviceCases.Open(device);
        var random = new PhiloxStream((ulong)seed, "random text model");
        Encoder = TextTransformer.CreateRandom(Device, seed < FirstClip ? Draw(ref random) : DrawClip(ref random), (ulong)seed);
        // Norms and biases away from 1 and 0, so that a mistake in them shows.
        foreach (Parameter parameter in Encoder.Layout.Parameters)
        {
            float[] values = Encoder.Parameters.Download(parameter.Name);
            for (int i = 0; i < values.Length; i++) values[i] += 0.2f * random.NextGaussian();
            Encoder.Parameters.Upload(parameter.Name, values);
        }

        Head = ClassificationHead.Random(Device, Classes, Encoder.FeatureWidth, (ulong)seed);
        for (int i = 0; i < texts; i++) AddText(ref random);
        Labels = [.. Enumerable.Range(0, texts).Select(i => i % Classes)];
        Batch = new TextBatch(Device, Encoder.Config.Limits, lengthStep);
        Fill([.. Enumerable.Range(0, texts)]);
    }

    public Device Device { get; }

    public TextTransformer Encoder { get; }

    public ClassificationHead Head { get; }

    public TokenTable Texts { get; } = new();

    public int[] Labels { get; }

    public TextBatch Batch { get; }

    public void Fill(params int[] texts) => Batch.Fill(Texts, texts, Labels);

    public float[] Features(bool keepForBackward = false) => VisionCase.Download(Encoder.Forward(Encoder.Parameters, Batch, keepForBackward));

    /// <summary>Sum of the losses.</summary>
    public double Loss(ParameterVector parameters)
    {
        Matrix logits = Head.Forward(Encoder.Forward(parameters, Batch, keepForBackward: false));
        Device.Operations.CrossEntropy(Head.Losses, default, logits, Batch.Labels, 1);
        return VisionCase.Download(Head.Losses).Sum(l => (double)l);
    }

    /// <summary>Adds the gradients of the summed loss.</summary>
    public void Backward(GradientReduction reduction, ParameterVector gradients)
    {
        Matrix logits = Head.Forward(Encoder.Forward(Encoder.Parameters, Batch, keepForBackward: true));
        Device.Operations.CrossEntropy(Head.Losses, Head.LogitsGradient, logits, Batch.Labels, 1);
        Encoder.Backward(Encoder.Parameters, gradients, Head.Backward(null, reduction), reduction);
    }

    public void Dispose()
    {
        Batch.Dispose();
        Head.Dispose();
        Encoder.Dispose();
        Device.Dispose();
    }

    /// <summary>Lengths from one token to all positions, some with hidden tokens inside.</summary>
    private void AddText(ref PhiloxStream random)
    {
        TextTransformerConfig config = Encoder.Config;
        int length = 1 + random.NextInt(config.MaxTokens);
        int[] ids = new int[length], types = new int[length], mask = new int[length];
        for (int i = 0; i < length; i++)
        {
            // Without the padding's id, whose row the gradient leaves out.
            ids[i] = 2 + random.NextInt(config.Vocabulary - 2);
            types[i] = random.NextInt(Math.Max(1, config.TokenTypes));
            mask[i] = random.NextInt(6) == 0 ? 0 : 1;
        }

        mask[length - 1] = 1;
        if (random.NextInt(2) == 0) Array.Fill(mask, 1);
        Texts.Add(ids, types, mask);
    }

    private static TextTransformerConfig DrawClip(ref PhiloxStream random)
    {
        int heads = 1 + random.NextInt(3), vocabulary = 11 + random.NextInt(20);
        return new TextTransformerConfig
        {
            Family = random.NextInt(2) == 0 ? TextFamily.Clip : TextFamily.OpenClip,
            Vocabulary = vocabulary,
            Positions = 7 + random.NextInt(9),
            TokenTypes = 0,
            PadId = null,
            Width = heads * (8 + random.NextInt(6)),
            Layers = 1 + random.NextInt(2),
            Heads = heads,
            MlpWidth = 5 + random.NextInt(20),
            Activation = (Activation)(1 + random.NextInt(3)),
            NormEpsilon = 1e-6,
            Pooling = TextPooling.EndOfText,
            EndId = random.NextInt(2) == 0 ? null : 3 + random.NextInt(4),
            ProjectionWidth = random.NextInt(3) * 7,
        };
    }

    private static TextTransformerConfig Draw(ref PhiloxStream random)
    {
        int heads = 1 + random.NextInt(3);
        bool roberta = random.NextInt(2) == 0;
        TextPooling pooling = (TextPooling)random.NextInt(3);
        return new TextTransformerConfig
        {
            Family = roberta ? TextFamily.Roberta : TextFamily.Bert,
            Prefix = roberta ? "roberta." : "",
            OldNormNames = random.NextInt(2) == 0,
            Vocabulary = 11 + random.NextInt(20),
            Positions = 7 + random.NextInt(9),
            TokenTypes = roberta ? 1 : 2,
            PadId = roberta ? 1 : 0,
            Width = heads * (8 + random.NextInt(6)),
            Layers = 1 + random.NextInt(2),
            Heads = heads,
            MlpWidth = 5 + random.NextInt(20),
            Activation = (Activation)(1 + random.NextInt(3)),
            NormEpsilon = 1e-6,
            Pooling = pooling,
            HasPooler = pooling == TextPooling.Pooler,
        };
    }
}
