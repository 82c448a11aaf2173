using MergeEngine.Models.Probes;

namespace MergeEngine.Cli.Reports;

/// <summary>What <c>bench step</c> and <c>bench latency</c> measured.</summary>
internal sealed record PassReport(string Device, string Description, string Precision, PassTime Time);
