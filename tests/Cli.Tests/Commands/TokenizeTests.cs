using System.Diagnostics;
using System.IO.Compression;
using System.Text.Json;
using MergeEngine.Cli.Tests.Support;

namespace MergeEngine.Cli.Tests.Commands;

public sealed class TokenizeTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("wordpiece-cased")]
    [InlineData("bytebpe-roberta")]
    [InlineData("bytebpe-clip")]
    public void Each_line_of_text_becomes_the_references_ids_and_offsets(string name)
    {
        JsonElement[] lines = [.. Lines(name)];
        Outcome outcome = Run(string.Concat(lines.Select(line => $"{line.GetProperty("text").GetRawText()}\n")), Model(name), "--no-special").Succeeded();
        string[] expected = [.. lines.Select(line => $"{{\"ids\":{line.GetProperty("ids").GetRawText()},\"type_ids\":[{Zeros(line.GetProperty("ids"))}],\"offsets\":{line.GetProperty("offsets").GetRawText()}}}\n")];
        Assert.Equal(string.Concat(expected), outcome.Output);
        Assert.InRange(lines.Length, 2000, int.MaxValue);
    }

    [Theory]
    [InlineData("wordpiece-cased")]
    [InlineData("bytebpe-roberta")]
    public void Each_pair_is_cut_longest_first(string name)
    {
        JsonElement[] lines = [.. Lines($"pairs-{name}")];
        string input = string.Concat(lines.Select(line => line.GetProperty("b").ValueKind == JsonValueKind.Null
            ? $"{line.GetProperty("a").GetRawText()}\n"
            : $"[{line.GetProperty("a").GetRawText()}, {line.GetProperty("b").GetRawText()}]\r\n"));
        string[] expected = [.. lines.Select(line => line.GetProperty("truncated")).Select(line =>
            $"{{\"ids\":{line.GetProperty("ids").GetRawText()},\"type_ids\":{line.GetProperty("type_ids").GetRawText()},\"offsets\":{line.GetProperty("offsets").GetRawText()}}}\n")];
        Assert.Equal(string.Concat(expected), Run(input, Model(name), "--max-length", "16").Succeeded().Output);
    }

    [Theory]
    [InlineData("1")]
    [InlineData("4")]
    public void Every_number_of_threads_gives_the_same_lines_in_the_same_order(string threads)
    {
        string model = Model("wordpiece-cased");
        string[] texts = [.. Enumerable.Range(0, 20_000).Select(i => $"\"{new string('a', i % 50)} line {i}\"")];
        string[] output = Run(string.Join('\n', texts), model, "--threads", threads).Succeeded().Output.Split('\n');
        Assert.Equal(texts.Length + 1, output.Length);
        // Alone, each line is what it is among all.
        foreach (int i in (int[])[0, 7777, 19_999]) Assert.Equal(Run(texts[i], model).Succeeded().Output, $"{output[i]}\n");
    }

    [Theory]
    [InlineData("5", "is a number")]
    [InlineData("null", "is null")]
    [InlineData("{}", "is an object")]
    [InlineData("[]", "is an array of fewer than two")]
    [InlineData("[\"a\"]", "is an array of fewer than two")]
    [InlineData("[\"a\",1]", "is an array of something else than strings")]
    [InlineData("[\"a\",\"b\",\"c\"]", "is an array of more than two")]
    [InlineData("\"a\" \"b\"", "is not JSON")]
    [InlineData("\"a", "is not JSON")]
    [InlineData("", "is not JSON")]
    [InlineData("\"\\udc00\"", "is not Unicode")]
    public void A_line_that_is_no_text_is_named_after_the_answers_to_those_before_it(string line, string sentence)
    {
        Outcome outcome = Run($"\"a\"\n\"b\"\n{line}\n\"c\"\n", Model("wordpiece-cased"));
        Assert.Equal(1, outcome.Code);
        Assert.Equal(2, outcome.Output.Count(c => c == '\n'));
        Assert.StartsWith($"merge-engine: line 3 {sentence}, expected", outcome.Error, StringComparison.Ordinal);
        Assert.Single(outcome.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void A_length_without_room_for_the_special_tokens_is_refused()
    {
        string model = Model("wordpiece-cased");
        Run("\"a\"\n", model, "--max-length", "1").Refused(2, "--max-length is 1, expected at least 2");
        Run("[\"a\",\"b\"]\n", model, "--max-length", "2").Refused(1, "line 1 is a pair, which gets 3 special tokens");
        Assert.Contains("\"ids\":[]", Run("\"\"\n", model, "--max-length", "1", "--no-special").Succeeded().Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_without_a_tokenizer_is_refused() => Run("", _directory.Path).Refused(1, "holds no tokenizer");

    [Fact]
    public void No_lines_give_none() => Assert.Equal("", Run("", Model("wordpiece-cased")).Succeeded().Output);

    [Fact]
    public void A_line_is_answered_before_the_next_one_is_there()
    {
        using Process process = MergeEngineProcess.Start(_directory.Path, "tokenize", Model("wordpiece-cased"));
        for (int i = 0; i < 3; i++)
        {
            process.StandardInput.Write("\"a\"\n");
            process.StandardInput.Flush();
            Assert.StartsWith("{\"ids\":[2,", process.StandardOutput.ReadLine(), StringComparison.Ordinal);
        }

        process.StandardInput.Close();
        Assert.True(process.WaitForExit(TimeSpan.FromMinutes(1)));
        Assert.Equal(0, process.ExitCode);
    }

    private Outcome Run(string input, string model, params string[] options)
    {
        using Process process = MergeEngineProcess.Start(_directory.Path, ["tokenize", model, .. options]);
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        try
        {
            process.StandardInput.Write(input);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It has refused its arguments and reads no more.
        }

        Assert.True(process.WaitForExit(TimeSpan.FromMinutes(3)));
        return new Outcome(process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
    }

    private string Model(string name)
    {
        string directory = Path.Combine(_directory.Path, name);
        Directory.CreateDirectory(directory);
        foreach (string packed in Directory.GetFiles(Path.Combine(Repository.Root, "tests", "Fixtures", "tokenizers", name), "*.gz"))
        {
            using var from = new GZipStream(File.OpenRead(packed), CompressionMode.Decompress);
            using FileStream to = File.Create(Path.Combine(directory, Path.GetFileNameWithoutExtension(packed)));
            from.CopyTo(to);
        }

        return directory;
    }

    private static IEnumerable<JsonElement> Lines(string name)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(Path.Combine(Repository.Root, "tests", "Fixtures", "tokenizers", $"{name}.jsonl.gz")), CompressionMode.Decompress));
        while (reader.ReadLine() is { } line)
        {
            using JsonDocument document = JsonDocument.Parse(line);
            yield return document.RootElement.Clone();
        }
    }

    private static string Zeros(JsonElement ids) => string.Join(',', Enumerable.Repeat(0, ids.GetArrayLength()));
}
