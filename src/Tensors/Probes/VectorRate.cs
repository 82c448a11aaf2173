namespace MergeEngine.Tensors.Probes;

/// <summary>One pass over vectors beside a plain copy, both measured in turn.</summary>
/// <param name="Name">What ran.</param>
/// <param name="Gbps">GB that it must read and write per second, in the best round on a CPU and the median round on a GPU.</param>
/// <param name="MedianGbps">The same of the median round.</param>
/// <param name="CopyGbps">GB per second that the copy read and wrote, in the same kind of round as <paramref name="Gbps"/>.</param>
/// <param name="Share"><paramref name="Gbps"/> over <paramref name="CopyGbps"/>; a pass in place may exceed 1, since a copy also fetches the lines that it overwrites.</param>
/// <param name="MedianShare">Median of the shares of single rounds, each of a pass and the copy beside it.</param>
public sealed record VectorRate(string Name, double Gbps, double MedianGbps, double CopyGbps, double Share, double MedianShare);
