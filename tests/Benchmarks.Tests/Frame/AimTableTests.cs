using MergeEngine.Benchmarks.Frame;

namespace MergeEngine.Benchmarks.Tests.Frame;

public sealed class AimTableTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("merge-engine-");

    [Fact]
    public void Every_aim_is_a_line_of_what_its_kept_table_says_or_that_there_is_none()
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
        Keep("spectral-files", """{"method": "tsv", "share_of_product": 0.63}, {"method": "iso_c", "share_of_product": 0.42}""");
        Keep("scaling", """{"series": "product of 2048 rows", "x": 1, "seconds": 3.0}, {"series": "product of 2048 rows", "x": 2, "seconds": 1.6}""");
        File.WriteAllText(Path.Combine(_directory.FullName, "operations.md"), "| operation | µs |");
        File.WriteAllText(Path.Combine(_directory.FullName, "steps.json"), "[1, 2]");
        foreach (string name in (string[])["products", "latencies", "scaling", "spectral-files"]) File.WriteAllText(Path.Combine(_directory.FullName, $"{name}.md"), "");
        AimTable.Run(new SuiteOptions(["--save", _directory.FullName]));
        string[] all = [.. File.ReadLines(Path.Combine(_directory.FullName, "summary.md")).SkipWhile(line => !line.StartsWith("|---", StringComparison.Ordinal)).Skip(1)];
        string[] rows = [.. all.Where(row => row.Contains("](products.md)", StringComparison.Ordinal) || row.Contains("](latencies.md)", StringComparison.Ordinal) || row.Contains("](scaling.md)", StringComparison.Ordinal))];
        const string notThere = "not in the table: it was made for fewer rows, or has an older form";
        Assert.Equal(
            [
                "| matrix products, 1024 to 3072 rows, all cores | ≥ 85 % of the peak | 87 to 91 % | [products](products.md) |",
                "| the same on one core |  | 99 % | [products](products.md) |",
                $"| layers of width 768, 8 and 32 images, all cores | ≥ 70 % of the peak | {notThere} | [products](products.md) |",
                $"| training step of ViT-B/32, 32 images | ≥ 52 % of the peak (PyTorch's share × 1.2) | {notThere} | [latencies](latencies.md) |",
                $"| training step of BERT-base, 16 × 128 tokens | ≥ 64 % of the peak (PyTorch's share × 1.2) | {notThere} | [latencies](latencies.md) |",
                $"| one image through ViT-B/32, 2 threads | ≥ 59 % of the peak (the better peer's time × 0.7) | {notThere} | [latencies](latencies.md) |",
                $"| one text of 32 tokens through MiniLM, 2 threads | ≥ 44 % of the peak (the better peer's time × 0.7) | {notThere} | [latencies](latencies.md) |",
                "| one text of 8 tokens through MiniLM, 2 threads | ≥ 20 % of the peak (the better peer's time × 0.7) | 25 %, 2.00 ms, p99 1.25 × the median (aim ≤ 1.5) | [latencies](latencies.md) |",
                "| bytes that a pass or a step allocates | 0 | 32 | [latencies](latencies.md) |",
                "| a product of 2048 rows on 2 threads : on 1 | ≥ 1.85 | 1.88 | [scaling](scaling.md) |",
                $"| a training step of 32 images on 2 threads : on 1 | ≥ 1.6 | {notThere} | [scaling](scaling.md) |",
            ],
            rows);
        Assert.Equal(24, all.Length);
        Assert.Contains("| whole models merged by tsv, iso_c and iso_cts, file to file | ≥ 50 % of a float64 product's rate | 42 to 63 % | [spectral-files](spectral-files.md) |", all);
        Assert.Contains("| passes over memory, larger than the caches |  | not read: the table has an older form | [operations](operations.md) |", all);
        Assert.Contains("| absolute per-sample gradients of 128 images of ViT-B/32 : one backward pass over them | ≤ 1.3 | not read: the table has an older form | steps |", all);
        Assert.Contains("| BLAKE3 in the widest vectors on one core |  | not measured: no such table is kept | hashes |", all);
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
