using MergeEngine.Tensors;

namespace MergeEngine.Models.Encoders;

/// <summary>The activations of a vision transformer for one kind of pass, all in one arena.</summary>
internal sealed class VisionWorkspace : IDisposable
{
    public VisionWorkspace(Device device, VisionTransformerConfig config, VisionParameters layers, Retention retention)
    {
        Arena = new ActivationArena(device);
        Retention = retention;
        long width = config.Width, patchLength = (long)config.Image.Channels * config.PatchSize * config.PatchSize;
        Patches = Arena.Add(config.Patches * patchLength);
        PatchRows = Arena.Add(config.Patches * width);
        Prefix = config.RegisterTokens > 0 ? Arena.Add(config.PrefixTokens * width) : -1;
        Stack = layers.Stack.Plan(Arena, retention, config.Tokens);
        bool backward = retention == Retention.Backward;
        Embedded = config.PreNorm && backward ? Arena.Add(config.Tokens * width) : Stack.Hidden[0];
        PreNormStatistics = config.PreNorm && backward ? (Arena.Add(config.Tokens), Arena.Add(config.Tokens)) : (-1, -1);
        bool normThenMean = config.Pooling == VisionPooling.NormThenMean;
        long finalRows = normThenMean ? config.Tokens : 1;
        FinalStatistics = backward ? (Arena.Add(finalRows), Arena.Add(finalRows)) : (-1, -1);
        Normalized = normThenMean ? Arena.Add(config.Tokens * width) : -1;
        Pooled = config.Pooling == VisionPooling.MeanThenNorm ? Arena.Add(width) : -1;
        Features = Arena.Add(width);
        Projected = config.ProjectionWidth > 0 ? Arena.Add(config.ProjectionWidth) : -1;
        FeatureGradient = backward ? Arena.Add(width) : -1;
        PatchGradient = backward ? Arena.Add(config.Patches * patchLength) : -1;
    }

    public ActivationArena Arena { get; }

    public Retention Retention { get; }

    public StackSlots Stack { get; }

    /// <summary>[patches, channels·p·p]: pixels.</summary>
    public int Patches { get; }

    /// <summary>[patches, width]: projected, in the backward pass their gradient.</summary>
    public int PatchRows { get; }

    /// <summary>[prefix tokens, width]: class and register tokens side by side, in the backward pass their gradient; −1 where the class token's parameter does.</summary>
    public int Prefix { get; }

    /// <summary>[tokens, width]: before the pre-norm; the first hidden state itself where there is none or nothing is kept.</summary>
    public int Embedded { get; }

    public (int Mean, int InverseDeviation) PreNormStatistics { get; }

    public (int Mean, int InverseDeviation) FinalStatistics { get; }

    /// <summary>[tokens, width] for <see cref="VisionPooling.NormThenMean"/>.</summary>
    public int Normalized { get; }

    /// <summary>[width] for <see cref="VisionPooling.MeanThenNorm"/>.</summary>
    public int Pooled { get; }

    public int Features { get; }

    public int Projected { get; }

    public int FeatureGradient { get; }

    public int PatchGradient { get; }

    public NormStatistics Statistics((int Mean, int InverseDeviation) slots, int rows) =>
        slots.Mean < 0 ? default : new NormStatistics(Arena.Span(slots.Mean, rows), Arena.Span(slots.InverseDeviation, rows));

    public void Dispose() => Arena.Dispose();
}
