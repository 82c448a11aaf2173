namespace MergeEngine.Tensors.Cpu.Losses;

internal static class Logarithm
{
    /// <summary>ln(1 + x) for x ≥ 0; a series where 1 + x would lose the digits of x.</summary>
    public static double OfOnePlus(double x) => x < 1e-5 ? x * (1 - (x * (0.5 - (x / 3)))) : Math.Log(1 + x);
}
