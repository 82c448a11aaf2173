namespace MergeEngine.Tensors.Operations;

/// <summary>Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101), or with the coupled decay of the original.</summary>
/// <param name="LearningRate">Step size of this step, after any schedule.</param>
/// <param name="Beta1">Decay of the first moment.</param>
/// <param name="Beta2">Decay of the second moment.</param>
/// <param name="Epsilon">Added to √v̂.</param>
/// <param name="WeightDecay">λ: p ← p·(1 − lr·λ) when decoupled, g ← g + λ·p when coupled.</param>
/// <param name="Coupled">False: AdamW. True: Adam with L2 regularisation.</param>
public readonly record struct AdamSettings(
    double LearningRate, double Beta1 = 0.9, double Beta2 = 0.999, double Epsilon = 1e-8, double WeightDecay = 0, bool Coupled = false);

/// <summary>Stochastic gradient descent with momentum in PyTorch's form: g ← g + λp; b ← μb + g (b = g at step 1); p ← p − lr·b.</summary>
public readonly record struct SgdSettings(double LearningRate, double Momentum = 0, double WeightDecay = 0, bool Nesterov = false);

/// <summary>
/// Clipping by the global norm, decided on the device without a round trip: gradients are multiplied by
/// min(1, MaxNorm / (√SquaredNorm + 1e-6)), as <c>clip_grad_norm_</c> does.
/// </summary>
/// <param name="SquaredNorm">One float64: Σ g² of all gradients. <c>default</c> switches clipping off.</param>
/// <param name="MaxNorm">Largest norm that is left alone.</param>
public readonly record struct GradientClip(DeviceSpan<double> SquaredNorm, double MaxNorm);
