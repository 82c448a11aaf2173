namespace MergeEngine.Tensors.Probes;

/// <summary>One kernel as a share of what the device can do, both measured in turn.</summary>
/// <param name="Name">What ran, with its size.</param>
/// <param name="Rate">Of the best round on a CPU, of the median round on a GPU, in <paramref name="Unit"/>.</param>
/// <param name="Ceiling">Multiply-adds without memory, or a plain copy, in the same unit and of the same kind of round.</param>
/// <param name="Unit"><c>GFLOP/s</c>, or <c>GB/s</c> read and written.</param>
public sealed record KernelRate(string Name, double Rate, double Ceiling, string Unit)
{
    /// <summary>Of the ceiling; 1 is all of it.</summary>
    public double Share => Rate / Ceiling;
}
