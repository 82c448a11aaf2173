using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace MergeEngine.Benchmarks.Suites;

/// <summary>A benchmark's floor, or its mean over its floor; see <see cref="Floors"/>.</summary>
internal sealed class FloorColumn(bool isRatio) : IColumn
{
    public string Id => ColumnName;

    public string ColumnName => isRatio ? "Mean/Floor" : "Floor";

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Statistics;

    public int PriorityInCategory => isRatio ? 1001 : 1000;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public string Legend => isRatio ? "How often the floor goes into the mean" : "Operations at the peak of multiply-adds, or bytes at the bandwidth of a copy, both measured when the benchmark was set up";

    public bool IsAvailable(Summary summary) => true;

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase)
    {
        string[] parameters = [.. benchmarkCase.Parameters.Items.Select(item => $"{item.Value}")];
        if (Floors.Of(Floors.NameOf(benchmarkCase.Descriptor.Type.Name, benchmarkCase.Descriptor.WorkloadMethod.Name, parameters)) is not { } floor) return "?";
        if (!isRatio) return FormattableString.Invariant($"{1e6 * floor:N2} us");
        return summary[benchmarkCase]?.ResultStatistics is { } statistics ? FormattableString.Invariant($"{statistics.Mean / (1e9 * floor):F2}") : "?";
    }

    public override string ToString() => ColumnName;
}
