using System.Text.Json;
using MergeEngine.Benchmarks.Frame;

namespace MergeEngine.Benchmarks.Tests.Frame;

public sealed class ResultTableTests
{
    private sealed record Row(string What, double MedianRatio);

    [Fact]
    public void A_table_is_kept_as_text_and_in_the_frame_of_the_command_line()
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("merge-engine-");
        try
        {
            var table = new ResultTable<Row>("figures", directory.FullName, "What the columns mean.", "what", "ratio");
            table.Add(new Row("first", 0.5), "first", "0.50");
            table.Add(new Row("wrong", double.PositiveInfinity), "wrong", "∞");
            table.Save();
            string[] lines = File.ReadAllLines(Path.Combine(directory.FullName, "figures.md"));
            Assert.Contains($"{Environment.ProcessorCount} cores", lines[0], StringComparison.Ordinal);
            Assert.StartsWith("Ceilings, best (median): multiply-adds ", lines[1], StringComparison.Ordinal);
            Assert.Equal(["What the columns mean.", "", "| what | ratio |", "|---|---|", "| first | 0.50 |", "| wrong | ∞ |"], lines[2..]);
            using JsonDocument document = JsonDocument.Parse(File.ReadAllText(Path.Combine(directory.FullName, "figures.json")));
            Assert.Equal(
                ["suite", "threads", "peak_gflops", "median_peak_gflops", "copy_gbps", "median_copy_gbps", "machine", "results"], document.RootElement.EnumerateObject().Select(p => p.Name));
            Assert.Equal(0.5, document.RootElement.GetProperty("results")[0].GetProperty("median_ratio").GetDouble());
            Assert.Equal("Infinity", document.RootElement.GetProperty("results")[1].GetProperty("median_ratio").GetString());
            Assert.NotEmpty(document.RootElement.GetProperty("machine").GetProperty("runtime").GetString()!);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData("AMD EPYC 9B45 (Zen 5)", "amd-epyc-9b45-zen-5")]
    [InlineData("Intel(R) Xeon(R) Platinum", "intel-r-xeon-r-platinum")]
    public void A_machine_has_a_directory_of_its_name(string processor, string slug) => Assert.Equal(slug, Repository.Slug(processor));

    [Fact]
    public void Options_have_values_but_for_the_directory()
    {
        var options = new SuiteOptions(["--only", "a b", "--save", "--threads", "3"], "--only", "--threads");
        Assert.Equal(("a b", 3, Repository.Results), (options.Text("--only"), options.Number("--threads"), options.Directory));
        Assert.Null(new SuiteOptions([], "--only").Directory);
    }

    [Theory]
    [InlineData("--other", "1")]
    [InlineData("--threads")]
    [InlineData("--threads", "--only")]
    public void Options_that_a_table_does_not_have_are_refused(params string[] words) =>
        Assert.Contains(words[0], Assert.Throws<FormatException>(() => new SuiteOptions(words, "--threads", "--only")).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("0")]
    [InlineData("two")]
    public void A_number_is_above_zero(string text) =>
        Assert.Contains(text, Assert.Throws<FormatException>(() => new SuiteOptions(["--threads", text], "--threads").Number("--threads")).Message, StringComparison.Ordinal);
}
