using System.Text.Json.Serialization;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Cli.Reports;

/// <summary>What <c>evaluate</c> found; the accuracy is in per cent. <paramref name="Head"/> is the file of the head, null for the checkpoint's own.</summary>
internal sealed record EvaluateReport(
    string Task, string Split, int Samples, int Correct, double Accuracy, double Loss, string Device, string Precision, string? Head,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ProfileShares? Profile = null);

/// <summary>What <c>tune</c> did; losses are means over an epoch's batches, accuracies per cent.</summary>
internal sealed record TuneReport(
    string Path, string Task, int Steps, long Examples, double Seconds, IReadOnlyList<double> EpochLosses, IReadOnlyList<EvaluateReport> Scores,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ProfileShares? Profile = null);
