namespace MergeEngine.Tensors.Probes;

/// <summary>One matrix product beside the multiply-add peak, both measured in turn.</summary>
/// <param name="M">Rows of the result.</param>
/// <param name="N">Columns of the result.</param>
/// <param name="K">Terms of each sum.</param>
/// <param name="Gflops">GFLOP/s of the best round on a CPU, of the median round on a GPU.</param>
/// <param name="MedianGflops">GFLOP/s of the median round.</param>
/// <param name="PeakGflops">The peak in the same kind of round as <paramref name="Gflops"/>.</param>
/// <param name="Share"><paramref name="Gflops"/> over <paramref name="PeakGflops"/>; 1 is all of it.</param>
/// <param name="MedianShare">Median of the shares of single rounds, each of a product and the peak beside it.</param>
/// <param name="WeightsGbps">GB of weights per second where they come from memory, a different weight for each product; null for more than <see cref="ProductShape.SkinnyRows"/> rows.</param>
/// <param name="WeightsShare">Of those products: what they need at least over their time. The weights' bytes at the rate at which the device reads memory and does nothing else, or the operations at the peak, whichever takes longer.</param>
/// <param name="PackedGbps">The same as <paramref name="WeightsGbps"/> with weights that were packed before, as inference has them; null on a device that does not pack.</param>
/// <param name="PackedShare">The same as <paramref name="WeightsShare"/> of those.</param>
public sealed record ProductRate(int M, int N, int K, double Gflops, double MedianGflops, double PeakGflops, double Share, double MedianShare, double? WeightsGbps, double? WeightsShare,
    double? PackedGbps, double? PackedShare);
