using System.Diagnostics;
using System.Runtime.InteropServices;
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

    [Theory]
    [InlineData("AMD EPYC", 26, 2, "AMD EPYC Zen5")]
    [InlineData("AMD EPYC", 25, 17, "AMD EPYC family 25 model 17")]
    [InlineData("AMD EPYC 9555", 26, 2, "AMD EPYC 9555")]
    public void A_name_without_a_number_is_told_apart_by_the_processors_family(string name, int family, int model, string expected)
    {
        Assert.Equal(expected, Repository.Distinct(name, (family, model)));
        Assert.Equal(name, Repository.Distinct(name, null));
    }

    [Fact]
    public void A_place_that_cannot_be_written_is_refused_before_anything_is_measured()
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("merge-engine-");
        try
        {
            string file = Path.Combine(directory.FullName, "file"), wanted = Path.Combine(directory.FullName, "new", "results");
            File.WriteAllText(file, "");
            Assert.Equal($"--save is '{file}', which is a file, expected a directory to keep tables in.", Refused(file));
            Assert.Equal($"--save is '{file}/x', where nothing can be written, expected a directory to keep tables in.", Refused($"{file}/x"));
            if (Directory.Exists("/proc")) Assert.Contains("where nothing can be written", Refused("/proc"), StringComparison.Ordinal);
            Assert.Equal(wanted, new SuiteOptions(["--save", wanted]).Directory);
            Assert.Equal([file], Directory.GetFileSystemEntries(directory.FullName));
        }
        finally
        {
            directory.Delete(recursive: true);
        }

        static string Refused(string place) => Assert.Throws<FormatException>(() => new SuiteOptions(["--save", place])).Message;
    }

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

    [Fact]
    public void Rows_are_chosen_by_a_part_of_their_name_or_by_their_size_and_none_is_refused()
    {
        SuiteOptions Options(string name, string value) => new([name, value], "--only", "--largest");
        Assert.Equal(["ties", "dare_ties"], Options("--only", "TIES").Only<string>(["linear", "ties", "dare_ties"], row => row));
        Assert.Equal(["linear"], new SuiteOptions([], "--only").Only<string>(["linear"], row => row));
        Assert.Equal(
            "--only is 'zzz', expected a part of one of these: linear; ties.", Assert.Throws<FormatException>(() => Options("--only", "zzz").Only<string>(["linear", "ties"], row => row)).Message);
        Assert.Equal([768, 1024], Options("--largest", "1024").UpTo([768, 1024, 2048], 2048, size => size));
        Assert.Equal([768], new SuiteOptions([], "--largest").UpTo([768, 1024], 1000, size => size));
        Assert.Contains("--largest is 256, expected 768 or more", Assert.Throws<FormatException>(() => Options("--largest", "256").UpTo([768, 1024], 2048, size => size)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tokenizers", "--model", "/nope")]
    [InlineData("tokenizers", "--text", "/nope")]
    [InlineData("products", "--only", "zzz")]
    [InlineData("products", "--threads", "x")]
    [InlineData("steps", "--only", "zzz")]
    [InlineData("operations", "--only", "zzz")]
    [InlineData("merges", "--only", "zzz")]
    [InlineData("spectral", "--largest", "256")]
    [InlineData("decompositions", "--largest", "255")]
    [InlineData("scaling", "--rounds", "0")]
    [InlineData("foo")]
    public async Task What_is_wrong_with_the_command_line_is_one_sentence_before_anything_is_measured(params string[] words)
    {
        var start = new ProcessStartInfo(Dotnet(), ["exec", typeof(Repository).Assembly.Location, .. words]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken), error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        string told = await error;
        Assert.Equal((2, ""), (process.ExitCode, await output));
        Assert.StartsWith("bench", told, StringComparison.Ordinal);
        Assert.Contains(words[^1], told, StringComparison.Ordinal);
        Assert.Contains("expected", told, StringComparison.Ordinal);
        Assert.Single(told.TrimEnd().Split('\n'));
    }

    /// <summary>The program that runs the runtime of these tests.</summary>
    internal static string Dotnet() => Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"));

    [Theory]
    [InlineData("0")]
    [InlineData("two")]
    public void A_number_is_above_zero(string text) =>
        Assert.Contains(text, Assert.Throws<FormatException>(() => new SuiteOptions(["--threads", text], "--threads").Number("--threads")).Message, StringComparison.Ordinal);
}
