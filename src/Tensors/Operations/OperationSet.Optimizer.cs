namespace MergeEngine.Tensors.Operations;

/// <content>Optimizer steps over flat vectors: one call for a whole model.</content>
public abstract partial class OperationSet
{
    /// <summary>One step of AdamW or Adam, in one pass over the four vectors.</summary>
    /// <param name="parameters">[n], updated.</param>
    /// <param name="gradients">[n], read only.</param>
    /// <param name="firstMoment">[n], updated; zero before step 1.</param>
    /// <param name="secondMoment">[n], updated; zero before step 1.</param>
    /// <param name="settings">Hyperparameters with this step's learning rate.</param>
    /// <param name="step">Number of this step, counted from 1.</param>
    /// <param name="clip">Clipping by global norm; <c>default</c> for none.</param>
    public void Adam(
        DeviceSpan<float> parameters, DeviceSpan<float> gradients, DeviceSpan<float> firstMoment, DeviceSpan<float> secondMoment, in AdamSettings settings, int step, GradientClip clip = default)
    {
        Check(parameters, parameters.Length);
        Check(gradients, parameters.Length);
        Check(firstMoment, parameters.Length);
        Check(secondMoment, parameters.Length);
        ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
        Check(clip);
        AdamCore(parameters, gradients, firstMoment, secondMoment, settings, step, clip);
    }

    /// <summary>One step of SGD with momentum.</summary>
    /// <param name="parameters">[n], updated.</param>
    /// <param name="gradients">[n], read only.</param>
    /// <param name="momentum">[n], updated; <c>default</c> when the momentum is 0.</param>
    /// <param name="settings">Hyperparameters with this step's learning rate.</param>
    /// <param name="step">Number of this step, counted from 1: the first step sets the momentum to the gradient.</param>
    /// <param name="clip">Clipping by global norm; <c>default</c> for none.</param>
    public void Sgd(DeviceSpan<float> parameters, DeviceSpan<float> gradients, DeviceSpan<float> momentum, in SgdSettings settings, int step, GradientClip clip = default)
    {
        Check(parameters, parameters.Length);
        Check(gradients, parameters.Length);
        Check(momentum, parameters.Length, optional: settings.Momentum == 0);
        ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
        Check(clip);
        SgdCore(parameters, gradients, momentum, settings, step, clip);
    }

    private void Check(GradientClip clip)
    {
        if (clip.SquaredNorm.IsNone) return;
        Check(clip.SquaredNorm, 1, name: nameof(clip));
        if (!(clip.MaxNorm >= 0)) throw new ArgumentOutOfRangeException(nameof(clip), clip.MaxNorm, "The largest norm of a gradient is not negative.");
    }

    protected abstract void AdamCore(
        DeviceSpan<float> parameters, DeviceSpan<float> gradients, DeviceSpan<float> firstMoment, DeviceSpan<float> secondMoment, in AdamSettings settings, int step, GradientClip clip);

    protected abstract void SgdCore(DeviceSpan<float> parameters, DeviceSpan<float> gradients, DeviceSpan<float> momentum, in SgdSettings settings, int step, GradientClip clip);
}
