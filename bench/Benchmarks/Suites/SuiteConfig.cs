using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Perfolizer.Horology;

namespace MergeEngine.Benchmarks.Suites;

/// <summary>How BenchmarkDotNet runs the suites: in this process, whose worker threads and floors they share, with any job that the command line names; in minutes, not hours.</summary>
internal static class SuiteConfig
{
    public static IConfig Create() => ManualConfig.Create(DefaultConfig.Instance)
        .AddJob(new Job()
            .WithToolchain(InProcessEmitToolchain.Instance)
            .WithIterationTime(TimeInterval.FromMilliseconds(100))
            .WithMaxWarmupCount(10)
            .WithMaxIterationCount(20)
            .AsMutator())
        .WithSummaryStyle(SummaryStyle.Default.WithMaxParameterColumnWidth(60))
        .AddDiagnoser(MemoryDiagnoser.Default)
        .AddColumn(new FloorColumn(isRatio: false), new FloorColumn(isRatio: true));
}
