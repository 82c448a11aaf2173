namespace MergeEngine.Cli.Reports;

/// <summary>What <c>verify</c> found.</summary>
internal sealed record VerifyReport(string Path, bool Intact, int Files, long Bytes, bool Hashed, IReadOnlyList<string> Differences);
