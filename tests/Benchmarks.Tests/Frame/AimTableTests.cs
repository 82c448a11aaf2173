using MergeEngine.Benchmarks.Frame;

namespace MergeEngine.Benchmarks.Tests.Frame;

public sealed class AimTableTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("merge-engine-");

    [Fact]
    public void Aims_are_lines_of_what_the_kept_tables_say()
    {
        Keep("products", """
            {"use": "square", "m": 1024, "n": 1024, "k": 1024, "threads": 1, "share": 0.99},
            {"use": "square", "m": 1024, "n": 1024, "k": 1024, "threads": 4, "share": 0.87}, {"use": "square", "m": 2048, "n": 2048, "k": 2048, "threads": 4, "share": 0.91},
            {"use": "square", "m": 512, "n": 512, "k": 512, "threads": 4, "share": 0.5}
            """);
        Keep("latencies", """
            {"threads": 2, "time": {"model": "minilm-8", "pass": "forward", "batch": 1, "median": 2.0, "p99": 2.5, "share": 0.25, "allocated_bytes": 0}},
            {"threads": 4, "time": {"model": "minilm-8", "pass": "forward", "batch": 1, "median": 1.0, "p99": 9.0, "share": 0.15, "allocated_bytes": 32}}
            """);
        Keep("scaling", """{"series": "product of 2048 rows", "x": 1, "seconds": 3.0}, {"series": "product of 2048 rows", "x": 2, "seconds": 1.6}""");
        AimTable.Run(new SuiteOptions(["--save", _directory.FullName]));
        string[] rows = [.. File.ReadLines(Path.Combine(_directory.FullName, "summary.md")).SkipWhile(line => !line.StartsWith("|---", StringComparison.Ordinal)).Skip(1)];
        Assert.Equal(
            [
                "| matrix products, 1024 to 3072 rows, all cores | ≥ 85 % of the peak | 87 to 91 % | [products](products.md) |",
                "| the same on one core |  | 99 % | [products](products.md) |",
                "| one text of 8 tokens through MiniLM, 2 threads | ≥ 20 % of the peak (the better peer's time × 0.7) | 25 %, 2.00 ms, p99 1.25 × the median (aim ≤ 1.5) | [latencies](latencies.md) |",
                "| bytes that a pass or a step allocates | 0 | 32 | [latencies](latencies.md) |",
                "| a product of 2048 rows on 2 threads : on 1 | ≥ 1.85 | 1.88 | [scaling](scaling.md) |",
            ],
            rows);
        Assert.True(File.Exists(Path.Combine(_directory.FullName, "summary.json")));
    }

    [Fact]
    public void A_directory_without_tables_and_a_table_that_is_none_are_refused()
    {
        Assert.Contains("holds none of the tables products", Refused(), StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(_directory.FullName, "products.json"), "[");
        Assert.Contains("products.json is not a table of a run", Refused(), StringComparison.Ordinal);

        string Refused() => Assert.Throws<FormatException>(() => AimTable.Run(new SuiteOptions(["--save", _directory.FullName]))).Message;
    }

    public void Dispose() => _directory.Delete(recursive: true);

    private void Keep(string name, string rows) => File.WriteAllText(Path.Combine(_directory.FullName, $"{name}.json"), $$"""{"suite": "{{name}}", "results": [{{rows}}]}""");
}
