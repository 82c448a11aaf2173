using MergeEngine.Merging.Experiments;

namespace MergeEngine.Cli.Reports;

/// <summary>What <c>pretrain</c> made.</summary>
internal sealed record PretrainReport(string Path, IReadOnlyList<PretrainedTask> Tasks);
