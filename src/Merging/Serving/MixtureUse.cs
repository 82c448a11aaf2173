using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Serving;

/// <summary>
/// One reader's hold on a mixture, from <see cref="TaskMixture.Use"/> to its disposal, once: the vector keeps its values meanwhile, whatever coefficients are set.
/// </summary>
public readonly ref struct MixtureUse
{
    private readonly TaskMixture _mixture;
    private readonly MixtureSlot _slot;

    internal MixtureUse(TaskMixture mixture, MixtureSlot slot)
    {
        _mixture = mixture;
        _slot = slot;
    }

    /// <summary>θ, to be read alone; not to be kept.</summary>
    public ParameterVector Parameters => _slot.Parameters;

    /// <summary>The c_k that made it, in the order of the tasks.</summary>
    public ReadOnlySpan<float> Coefficients => _slot.Coefficients;

    /// <summary>0 for the mixture that it began as, one more for every switch.</summary>
    public long Version => _slot.Version;

    public void Dispose() => _mixture.Leave(_slot);
}
