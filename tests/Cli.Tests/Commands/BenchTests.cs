using System.Text.Json;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Merging.Streaming.Probes;
using MergeEngine.Tensors.Probes;
using MergeEngine.Tests.Support;

namespace MergeEngine.Cli.Tests.Commands;

public sealed class BenchTests
{
    private static readonly string[] s_frame =
        ["suite", "device", "description", "precision", "threads", "peak_gflops", "median_peak_gflops", "copy_gbps", "median_copy_gbps", "machine", "results"];

    [Fact]
    public void Products_have_the_shapes_that_were_asked_for_and_the_peak_of_the_threads()
    {
        JsonElement report = Report("bench", "gemm", "--shapes", "64x96x32,3x512x768", "--rounds", "2", "--threads", "1", "--json");
        Assert.Equal(("gemm", "cpu", 1), (report.GetProperty("suite").GetString(), report.GetProperty("device").GetString(), report.GetProperty("threads").GetInt32()));
        JsonElement[] results = [.. report.GetProperty("results").EnumerateArray()];
        Assert.Equal([(64, 96, 32), (3, 512, 768)], results.Select(r => (r.GetProperty("m").GetInt32(), r.GetProperty("n").GetInt32(), r.GetProperty("k").GetInt32())));
        foreach (string name in (string[])["weights_gbps", "weights_share", "packed_gbps", "packed_share"])
            Assert.Equal([JsonValueKind.Null, JsonValueKind.Number], results.Select(r => r.GetProperty(name).ValueKind));
        Assert.True(Number(results[1], "weights_share") > 0 && Number(results[1], "packed_share") > 0);
        // Both over one floor.
        Assert.Equal(Number(results[1], "weights_share") / Number(results[1], "weights_gbps"), Number(results[1], "packed_share") / Number(results[1], "packed_gbps"), 1e-12);
        Assert.All(results, result =>
        {
            double rate = Number(result, "gflops"), peak = Number(result, "peak_gflops");
            Assert.True(rate > 0 && rate >= Number(result, "median_gflops") && Number(report, "peak_gflops") >= peak);
            Assert.Equal(rate / peak, Number(result, "share"), 1e-12);
        });
    }

    [Fact]
    public void Small_products_stand_for_all_on_the_emulated_device()
    {
        CudaUnderTest.RequireEmulator();
        Assert.Equal([64, 96], Report("bench", "gemm", "--device", "emulated", "--json").GetProperty("results").EnumerateArray().Select(r => r.GetProperty("m").GetInt32()));
    }

    [Fact]
    public void Left_to_itself_gemm_takes_squares_and_the_layers_of_models()
    {
        ProductShape[] shapes = [.. ProductShape.Squares, .. ProductShape.Models];
        Assert.Equal(shapes.Length, shapes.Distinct().Count());
        Assert.All(["512x512x512", "3072x3072x3072", "1600x3072x768", "400x768x3072", "50x768x768", "2048x3072x768", "1x768x768", "50x192x192"], name => Assert.Contains(shapes, s => $"{s}" == name));
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("emulated")]
    public void Passes_over_vectors_are_measured_beside_a_copy(string device)
    {
        if (device == "emulated") CudaUnderTest.RequireEmulator();
        JsonElement report = Report("bench", "elementwise", "--device", device, "--rounds", "1", "--threads", "2", "--json");
        Assert.Equal(14, report.GetProperty("results").GetArrayLength());
        Assert.All(report.GetProperty("results").EnumerateArray(), result =>
        {
            Assert.True(Number(result, "gbps") > 0 && Number(report, "copy_gbps") >= Number(result, "copy_gbps"));
            Assert.Equal(Number(result, "gbps") / Number(result, "copy_gbps"), Number(result, "share"), 1e-12);
        });
    }

    [Theory]
    [InlineData("step", "step", 2)]
    [InlineData("latency", "forward", 1)]
    public void Encoders_are_measured_in_the_frame_of_all_suites(string suite, string pass, int batch)
    {
        JsonElement report = Report("bench", suite, "--model", "vit-tiny", "--batch", $"{batch}", "--rounds", "3", "--threads", "1", "--json");
        JsonElement time = Assert.Single(report.GetProperty("results").EnumerateArray());
        Assert.Equal((pass, batch, 3), (time.GetProperty("pass").GetString(), time.GetProperty("batch").GetInt32(), time.GetProperty("rounds").GetInt32()));
        Assert.True(Number(time, "median") > 0 && Number(time, "p99") >= Number(time, "median") && Number(time, "gflops") > 0);
    }

    [Fact]
    public void Without_words_it_says_what_there_is()
    {
        string output = MergeEngineProcess.Run("bench").Succeeded().Output;
        Assert.All(["gemm", "elementwise", "step", "latency", "merge"], suite => Assert.Matches($@"(?m)^  bench {suite} +\w", output));
        MergeEngineProcess.Run("bench", "--json").Refused(2, "gemm");
    }

    [Fact]
    public void Merges_are_measured_beside_their_files_and_leave_none()
    {
        using var directory = new TemporaryDirectory();
        string[] command = ["bench", "merge", "--models", "2", "--parameters", "200000", "--rounds", "1", "--threads", "2", "--directory", directory.Path, "--json"];
        Outcome outcome = MergeEngineProcess.Run(command).Succeeded();
        JsonElement report = outcome.Json();
        // A width w of 32, the multiple of 16 next below √(200000 / 148.5): 3122·w in the embeddings, and 12·w² + 11·w in each of twelve blocks.
        Assert.Contains("merge-engine: note: --parameters is 200000; the models have 251584 parameters each, as their width is a multiple of 16.\n", outcome.Error, StringComparison.Ordinal);
        Assert.Equal(251584 * sizeof(float), report.GetProperty("setup").GetProperty("model_bytes").GetInt64());
        Assert.Equal(2, report.GetProperty("setup").GetProperty("models").GetInt32());
        Assert.Contains("della", report.GetProperty("results").EnumerateArray().Select(m => m.GetProperty("method").GetString()));
        Assert.All(report.GetProperty("results").EnumerateArray(), merge =>
        {
            double floor = merge.GetProperty("floor_seconds").GetDouble();
            Assert.True(floor > 0 && merge.GetProperty("peak_memory").GetInt64() > 0);
            Assert.Equal(merge.GetProperty("seconds").GetDouble() / floor, merge.GetProperty("ratio").GetDouble(), 1e-12);
        });
        Assert.Empty(Directory.GetFileSystemEntries(directory.Path));
    }

    [Fact]
    public void The_page_of_commands_names_the_methods_that_are_measured_and_the_size_that_results()
    {
        string row = Assert.Single(File.ReadLines(Path.Combine(Repository.Root, "docs", "commands.md")), line => line.StartsWith("| `bench merge ", StringComparison.Ordinal));
        Assert.Contains($"({string.Join(", ", MergeThroughput.Methods.Select(method => $"`{method}`"))};", row, StringComparison.Ordinal);
        Assert.Equal(9, MergeThroughput.Methods.Count);
        Assert.Contains($"makes {MergeThroughput.ParametersOf(87_500_000)},", row, StringComparison.Ordinal);
        Assert.Contains($"makes {MergeThroughput.ParametersOf(87_500_000)}.", MergeEngineProcess.Run("bench", "--help").Succeeded().Output.ReplaceLineEndings(" "), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("step", "cpu")]
    [InlineData("latency", "emulated")]
    public void Passes_of_an_encoder_are_profiled_operation_by_operation(string pass, string device)
    {
        if (device == "emulated") CudaUnderTest.RequireEmulator();
        string[] command = ["bench", pass, "--model", "vit-tiny", "--batch", "2", "--rounds", "3", "--device", device, "--threads", "1", "--profile"];
        JsonElement report = MergeEngineProcess.Run([.. command, "--json"]).Succeeded().Json(), profile = report.GetProperty("profile");
        Assert.Equal("vit-tiny", report.GetProperty("results")[0].GetProperty("model").GetString());
        // Two layers, and queries, keys and values are products of their own.
        JsonElement product = profile.GetProperty("operations").EnumerateArray().Single(o => o.GetProperty("name").GetString() == "LinearForward" && o.GetProperty("size").GetString() == "[64, 64]");
        Assert.Equal(3 * 2 * 4, product.GetProperty("calls").GetInt32());
        Assert.Equal("GFLOP/s", product.GetProperty("unit").GetString());
        Assert.Equal(product.GetProperty("rate").GetDouble() / profile.GetProperty("peak_gflops").GetDouble(), product.GetProperty("share").GetDouble(), 1e-12);
        Assert.True(profile.GetProperty("operation_seconds").GetDouble() <= profile.GetProperty("seconds").GetDouble());

        string table = MergeEngineProcess.Run(command).Succeeded().Output;
        Assert.Contains("outside of operations", table, StringComparison.Ordinal);
        Assert.Contains("AttentionForward", table, StringComparison.Ordinal);
    }

    [Fact]
    public void All_encoders_are_a_table_of_their_own_batches()
    {
        JsonElement report = MergeEngineProcess.Run("bench", "latency", "--model", "all", "--rounds", "1", "--json").Succeeded().Json();
        (string?, int)[] measured = [.. report.GetProperty("results").EnumerateArray().Select(r => (r.GetProperty("model").GetString(), r.GetProperty("batch").GetInt32()))];
        Assert.Equal([("minilm-8", 1), ("minilm-32", 1), ("minilm-128", 1), ("vit-b-32", 1), ("minilm-64", 32), ("minilm-mixed", 32), ("bert-base", 16)], measured);
        Assert.All(report.GetProperty("results").EnumerateArray(), r => Assert.True(r.GetProperty("peak_gflops").GetDouble() <= report.GetProperty("peak_gflops").GetDouble()));
        MergeEngineProcess.Run("bench", "latency", "--model", "all", "--batch", "2").Refused(2, "--batch", "--model all");
    }

    [Fact]
    public void A_memory_limit_that_cannot_be_kept_is_refused_before_anything_is_measured()
    {
        using var directory = new TemporaryDirectory();
        MergeEngineProcess.Run("bench", "merge", "--memory-limit-mib", "1", "--directory", directory.Path).Refused(2, "--memory-limit-mib is 1, expected 80 or more");
        Assert.Empty(Directory.GetFileSystemEntries(directory.Path));
    }

    [Fact]
    public void What_does_not_fit_is_refused_before_anything_is_written()
    {
        using var directory = new TemporaryDirectory();
        MergeEngineProcess.Run("bench", "merge", "--models", "64", "--parameters", $"{int.MaxValue}", "--directory", directory.Path).Refused(2, "64 models of 2147483647 parameters take 548863 MiB", "are free");
        Assert.Empty(Directory.GetFileSystemEntries(directory.Path));
        MergeEngineProcess.Run("bench", "step", "--batch", "8193").Refused(2, "--batch is '8193', expected 1 to 8192");
    }

    /// <summary>Three matrices of 16 GiB, each of which the system may hand out: their sum with the copy's 256 MiB is refused, whatever comes before it in the list.</summary>
    [Fact]
    public void Products_that_memory_cannot_hold_are_refused_before_any_is_measured()
    {
        Assert.SkipWhen(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes > 48L << 30, "This machine may hold them.");
        MergeEngineProcess.Run("bench", "gemm", "--shapes", "8x8x8,65536x65536x65536", "--threads", "1").Refused(1, "The host could not give 48.25 GiB for the product 65536x65536x65536: ", " are available");
    }

    [Fact]
    public void A_directory_that_is_none_is_refused_and_none_is_made()
    {
        using var directory = new TemporaryDirectory();
        string missing = Path.Combine(directory.Path, "x", "y"), file = Path.Combine(directory.Path, "file");
        File.WriteAllText(file, "");
        MergeEngineProcess.Run("bench", "merge", "--directory", missing).Refused(2, $"--directory is '{missing}', which does not exist, expected a directory");
        MergeEngineProcess.Run("bench", "merge", "--directory", file).Refused(2, $"--directory is '{file}', which is a file, expected a directory");
        Assert.Equal([file], Directory.GetFileSystemEntries(directory.Path));
        if (Directory.Exists("/proc")) MergeEngineProcess.Run("bench", "merge", "--directory", "/proc").Refused(1, "--directory /proc: cannot be written because ");
    }

    [Fact]
    public void A_profile_is_for_encoders() => MergeEngineProcess.Run("bench", "gemm", "--profile").Refused(2, "--profile", "'step' and 'latency'");

    [Fact]
    public void Options_of_merges_are_refused_elsewhere() => MergeEngineProcess.Run("bench", "gemm", "--models", "3").Refused(2, "--models", "'merge'");

    [Fact]
    public void Options_of_encoders_are_refused_elsewhere() => MergeEngineProcess.Run("bench", "merge", "--batch", "3").Refused(2, "--batch", "'step' and 'latency'");

    [Theory]
    [InlineData("64x64")]
    [InlineData("64x64x64,1x0x1")]
    [InlineData("64x64x-1")]
    [InlineData("1x2x65537")]
    public void A_shape_that_is_none_is_a_usage_error(string shapes) => MergeEngineProcess.Run("bench", "gemm", "--shapes", shapes).Refused(2, shapes.Split(',')[^1], "MxNxK");

    [Fact]
    public void The_reference_device_has_no_speed_to_measure() => MergeEngineProcess.Run("bench", "gemm", "--device", "reference").Refused(2, "reference");

    [Fact]
    public void Unknown_kernels_are_a_usage_error() => MergeEngineProcess.Run("bench", "everything").Refused(2, "everything");

    /// <summary>The document of a run, which has the frame that all suites share.</summary>
    private static JsonElement Report(params string[] arguments)
    {
        JsonElement report = MergeEngineProcess.Run(arguments).Succeeded().Json();
        Assert.Equal(s_frame, report.EnumerateObject().Select(p => p.Name).Where(name => name != "setup"));
        Assert.True(Number(report, "peak_gflops") >= Number(report, "median_peak_gflops") && Number(report, "copy_gbps") >= Number(report, "median_copy_gbps"));
        Assert.True(Number(report, "median_peak_gflops") > 0 && Number(report, "median_copy_gbps") > 0);
        Assert.All(["processor", "operating_system", "runtime", "engine"], name => Assert.NotEmpty(report.GetProperty("machine").GetProperty(name).GetString()!));
        return report;
    }

    private static double Number(JsonElement parent, string name) => parent.GetProperty(name).GetDouble();
}
