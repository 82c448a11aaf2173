namespace MergeEngine.Models.Training;

/// <summary>How the learning rate goes over the steps of a run.</summary>
public enum ScheduleKind
{
    /// <summary>The same all the time.</summary>
    Constant,

    /// <summary>½·(1 + cos(π·p)), p from 0 to 1 (Loshchilov and Hutter, arXiv 1608.03983, one period).</summary>
    Cosine,

    /// <summary>1 − p.</summary>
    Linear,
}

/// <summary>A learning-rate schedule with linear warm-up.</summary>
/// <param name="Kind">What comes after the warm-up.</param>
/// <param name="WarmupSteps">w: step t &lt; w has the factor (t + 1)/w.</param>
/// <param name="TotalSteps">T: p = (t − w)/(T − w), and no less than 0 of the rate is left beyond it. Not used by a constant rate.</param>
public readonly record struct Schedule(ScheduleKind Kind, int WarmupSteps = 0, int TotalSteps = 0)
{
    /// <summary>Factor of the learning rate at step <paramref name="step"/>, counted from 0.</summary>
    public double Factor(int step)
    {
        if (step < WarmupSteps) return (step + 1.0) / WarmupSteps;
        if (Kind == ScheduleKind.Constant) return 1;
        int length = TotalSteps - WarmupSteps;
        double progress = length <= 0 ? 1 : Math.Min(1, (step - WarmupSteps) / (double)length);
        return Kind == ScheduleKind.Cosine ? 0.5 * (1 + Math.Cos(Math.PI * progress)) : 1 - progress;
    }
}
