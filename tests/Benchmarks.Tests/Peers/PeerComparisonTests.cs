using System.Text.Json;
using MergeEngine.Benchmarks.Frame;

namespace MergeEngine.Benchmarks.Tests.Peers;

/// <summary>The comparison with other programs. Those are seldom installed where tests run, so programs that only print figures stand in for them.</summary>
public sealed class PeerComparisonTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("merge-engine-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public void Programs_take_turns_and_their_medians_are_compared()
    {
        string engine = Write("engine.py", "ours", "{'m': 8, 'n': 16, 'k': 32, 'median_gflops': (30, 10, 20)[turn]}", "'peak_gflops': 40,");
        string peer = Write("peer.py", "theirs", "{'m': 8, 'n': 16, 'k': 32, 'median_gflops': (10, 5, 20)[turn]}, {'m': 1, 'n': 1, 'k': 1, 'median_gflops': 1}");
        string rows = Path.Combine(_directory.FullName, "rows.json");
        (int code, string output, string error) = Compare("gemm", "--engine", engine, "--peer-command", peer, "--turns", "3", "--threads", "2", "--json", rows);
        Assert.True(code == 0, error);
        Assert.Equal("theirs ours theirs ours theirs ours", File.ReadAllText(Path.Combine(_directory.FullName, "order")).Trim());
        // Medians 20 and 10; of the ratios 3, 2 and 1 the median is 2.
        Assert.Contains("| 8 x 16 x 32 | 20 | 50 % | 10 | 25 % | 2.00 |", output, StringComparison.Ordinal);
        Assert.DoesNotContain("1 x 1 x 1", output, StringComparison.Ordinal);
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(rows));
        Assert.Equal((2, 3, 2.0), (document.RootElement.GetProperty("threads").GetInt32(), document.RootElement.GetProperty("turns").GetInt32(), document.RootElement.GetProperty("results")[0].GetProperty("ratio").GetDouble()));
    }

    [Fact]
    public void Shares_of_passes_come_from_the_operations_that_the_engine_counts()
    {
        // 100 GFLOP/s for 2 ms are 0.2 GFLOP; in 5 ms that makes 40 GFLOP/s, of a peak of 200.
        string engine = Write("engine.py", "ours", "{'model': 'minilm-8', 'batch': 1, 'median': 2, 'gflops': 100}", "'peak_gflops': 200,");
        string peer = Write("peer.py", "theirs", "{'model': 'minilm-8', 'batch': 1, 'median': 5}");
        (int code, string output, string error) = Compare("latency", "--engine", engine, "--peer-command", peer, "--turns", "1", "--model", "minilm-8");
        Assert.True(code == 0, error);
        Assert.Contains("| minilm-8 x 1 | 2 | 50 % | 5 | 20 % | 0.40 |", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_peer_that_does_not_run_ends_the_comparison_with_its_own_words()
    {
        string peer = Path.Combine(_directory.FullName, "peer.py");
        File.WriteAllText(peer, "import sys; sys.exit('no such luck')");
        (int code, string output, string error) = Compare("gemm", "--engine", peer, "--peer-command", $"{Python.Executable} {peer}", "--turns", "1");
        Assert.Equal((1, ""), (code, output));
        Assert.Contains("did not run: no such luck", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/no/such/engine", "print('{\"results\": []}')", "merge-engine did not start: /no/such/engine")]
    [InlineData(null, null, "did not start: /no/such/peer")]
    [InlineData(null, "print('nojson')", "printed 'nojson', expected the JSON document of merge-engine bench gemm --json")]
    [InlineData(null, "print('{}')", "printed JSON without a list 'results'")]
    [InlineData(null, "print('{\"suite\": \"step\", \"results\": []}')", "printed figures of 'step', expected those of 'gemm'")]
    [InlineData(null, "print('{\"results\": [{\"method\": \"ties\", \"seconds\": 1}]}')", "printed no 'm' in result 1")]
    [InlineData(null, "print('{\"results\": [{\"m\": 1, \"n\": 1, \"k\": 1, \"median_gflops\": \"fast\"}]}')", "printed 'fast' as 'median_gflops' of result 1")]
    public void What_a_program_does_wrong_is_one_sentence(string? engine, string? peer, string expected)
    {
        string program = Path.Combine(_directory.FullName, "wrong.py");
        File.WriteAllText(program, peer);
        string other = Write("engine.py", "ours", "{'m': 1, 'n': 1, 'k': 1, 'median_gflops': 1}");
        (int code, string output, string error) = Compare("gemm", "--engine", engine ?? other, "--peer-command", peer is null ? "/no/such/peer" : $"{Python.Executable} {program}");
        Assert.Equal((1, ""), (code, output));
        Assert.StartsWith("compare.py: ", error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd().Split('\n'));
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--threads", "0")]
    [InlineData("--turns", "0")]
    [InlineData("--turns", "-1")]
    [InlineData("--rounds", "many")]
    [InlineData("--shapes", "8x8", "MxNxK with numbers from 1 to 65536")]
    [InlineData("--shapes", "0x8x8", "MxNxK with numbers from 1 to 65536")]
    public void Numbers_are_refused_before_anything_runs(string option, string value, string expected = "a whole number of ")
    {
        (int code, string output, string error) = Compare("gemm", $"{option}={value}", "--peer-command", "/no/such/peer");
        Assert.Equal((2, ""), (code, output));
        Assert.Contains($"{option}: '{value}', expected {expected}", error, StringComparison.Ordinal);
        Assert.DoesNotContain("did not start", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_cannot_be_written_is_refused_before_anything_runs()
    {
        string missing = Path.Combine(_directory.FullName, "missing", "rows.json");
        (int code, string output, string error) = Compare("gemm", "--json", missing, "--peer-command", "/no/such/peer");
        Assert.Equal((2, ""), (code, output));
        Assert.Contains($"--json: '{missing}', which cannot be written: no such file or directory", error, StringComparison.Ordinal);
        Assert.DoesNotContain("Traceback", error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_engine_begins_with_its_reason_and_a_nameless_peer_is_called_by_its_command()
    {
        string result = "{'m': 8, 'n': 8, 'k': 8, 'median_gflops': (10, 20)[turn]%s}";
        // Of an even number the median is between the middle two; and each row's share is of the peak that was measured beside it.
        string engine = Write("engine.py", "ours", result.Replace("%s", ", 'peak_gflops': 30", StringComparison.Ordinal), "'peak_gflops': 60,");
        string peer = Write("peer.py", "", result.Replace("%s", "", StringComparison.Ordinal).Replace("[turn]", "[0]", StringComparison.Ordinal));
        (int code, string output, string error) = Compare("gemm", "--engine", engine, "--peer-command", peer, "--turns", "2", "--threads", "1");
        Assert.True(code == 0, error);
        Assert.Contains($"gemm, 1 thread, 2 turns; more is better, medians over turns, ratio = merge-engine / {peer}\n", output, StringComparison.Ordinal);
        Assert.Contains("| 8 x 8 x 8 | 15 | 50 % | 10 | 33 % | 1.50 |", output, StringComparison.Ordinal);

        string wrong = Path.Combine(_directory.FullName, "wrong.py");
        File.WriteAllText(wrong, "import sys; sys.exit('--shapes is wrong\\nSee --help.')");
        (code, _, error) = Compare("gemm", "--engine", $"{Python.Executable} {wrong}", "--peer-command", peer);
        Assert.Equal((1, "compare.py: merge-engine did not run: --shapes is wrong\n"), (code, error));
    }

    [Fact]
    public void Best_and_slowest_rounds_stand_beside_the_medians()
    {
        string engine = Write("engine.py", "ours", "{'model': 'minilm-8', 'batch': 1, 'best': (2, 1)[turn], 'median': 3, 'p99': (4, 6)[turn]}");
        string peer = Write("peer.py", "theirs", "{'model': 'minilm-8', 'batch': 1, 'best': 5, 'median': 6, 'p99': (7, 9)[turn]}");
        (int code, string output, string error) = Compare("latency", "--engine", engine, "--peer-command", peer, "--turns", "2", "--model", "minilm-8");
        Assert.True(code == 0, error);
        // Of all turns the best one, and of the slowest rounds the median.
        Assert.Contains("| ratio | merge-engine best | theirs best | merge-engine p99 | theirs p99 |\n", output, StringComparison.Ordinal);
        Assert.Contains("| minilm-8 x 1 | 3 |  | 6 |  | 0.50 | 1 | 5 | 5 | 8 |\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Threads_are_told_to_libraries_that_take_them_from_the_environment()
    {
        string peer = Write("peer.py", "theirs", "{'m': 1, 'n': 1, 'k': int(os.environ['OMP_NUM_THREADS']), 'median_gflops': 1}");
        string engine = Write("engine.py", "ours", "{'m': 1, 'n': 1, 'k': 3, 'median_gflops': 1}");
        (int code, string output, string error) = Compare("gemm", "--engine", engine, "--peer-command", peer, "--turns", "1", "--threads", "3");
        Assert.True(code == 0, error);
        Assert.Contains("| 1 x 1 x 3 |", output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_program_of_packages_merges_nothing_and_says_how_it_is_built()
    {
        (int code, _, string error) = Compare("merge", "--nuget");
        Assert.Equal(2, code);
        Assert.Contains("--nuget was given with merge, expected gemm, step or latency", error, StringComparison.Ordinal);
        Assert.SkipWhen(Directory.Exists(Path.Combine(Repository.Root, "artifacts", "bin", "MergeEngine.Peers")), "The program is built here.");
        (code, _, error) = Compare("gemm", "--nuget");
        Assert.Equal(1, code);
        Assert.Contains("expected the program that 'dotnet build -c Release bench/peers/nuget' makes", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_peer_of_another_suite_is_refused()
    {
        (int code, _, string error) = Compare("merge", "--peer", "torch");
        Assert.Equal(2, code);
        Assert.Contains("expected mergekit", error, StringComparison.Ordinal);
    }

    private static (int Code, string Output, string Error) Compare(params string[] arguments) => Python.Run([Path.Combine(Python.Scripts, "compare.py"), .. arguments]);

    /// <summary>A program that notes its turn and prints results; <c>turn</c> counts its own runs.</summary>
    /// <returns>Its command line.</returns>
    private string Write(string file, string who, string results, string more = "")
    {
        string path = Path.Combine(_directory.FullName, file);
        File.WriteAllText(path, $$"""
            import json, os
            order = os.path.join(os.path.dirname(os.path.abspath(__file__)), "order")
            turn = open(order).read().split().count("{{who}}") if os.path.exists(order) else 0
            open(order, "a").write("{{who}} ")
            print(json.dumps({"program": "{{who}}", {{more}} "results": [{{results}}]}))
            """);
        return $"{Python.Executable} {path}";
    }
}
