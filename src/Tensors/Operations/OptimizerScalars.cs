namespace MergeEngine.Tensors.Operations;

/// <summary>What one step of Adam needs of its settings, worked out in float64 and rounded once, so that every device computes with the same numbers.</summary>
internal readonly struct AdamScalars(in AdamSettings settings, int step)
{
    /// <summary>1 − β: how far a moment moves to its new value.</summary>
    public readonly float Gain1 = (float)(1 - settings.Beta1), Gain2 = (float)(1 - settings.Beta2);

    /// <summary>Learning rate over the first moment's bias correction.</summary>
    public readonly float Rate = (float)(settings.LearningRate / (1 - Math.Pow(settings.Beta1, step)));

    /// <summary>What corrects the bias of the second moment's root.</summary>
    public readonly float RootScale = (float)(1 / Math.Sqrt(1 - Math.Pow(settings.Beta2, step)));

    public readonly float Epsilon = (float)settings.Epsilon;

    /// <summary>λ of Adam's decay, 0 for AdamW.</summary>
    public readonly float Coupled = settings.Coupled ? (float)settings.WeightDecay : 0;

    /// <summary>Learning rate · λ of AdamW's decay, 0 for Adam.</summary>
    public readonly float Decoupled = settings.Coupled ? 0 : (float)(settings.LearningRate * settings.WeightDecay);
}
