namespace MergeEngine.Cli.Reports;

/// <summary>What <c>bench merge</c> merges.</summary>
/// <param name="Models">Models merged, the base apart.</param>
/// <param name="ModelBytes">Bytes of each.</param>
/// <param name="MemoryLimit">Bytes that the process was to stay within.</param>
internal sealed record MergeSetup(int Models, long ModelBytes, long MemoryLimit);
