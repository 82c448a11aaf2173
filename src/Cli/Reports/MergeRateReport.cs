using MergeEngine.Merging.Streaming.Probes;

namespace MergeEngine.Cli.Reports;

/// <summary>What <c>bench merge</c> measured.</summary>
/// <param name="Device">Its name.</param>
/// <param name="Description">What it is.</param>
/// <param name="Threads">Threads that read, compute and write.</param>
/// <param name="Models">Models merged, the base apart.</param>
/// <param name="ModelBytes">Bytes of each.</param>
/// <param name="MemoryLimit">Bytes that the process was to stay within.</param>
/// <param name="Merges">One for each method.</param>
internal sealed record MergeRateReport(string Device, string Description, int Threads, int Models, long ModelBytes, long MemoryLimit, IReadOnlyList<MergeRate> Merges);
