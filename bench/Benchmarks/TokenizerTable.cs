using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using MergeEngine.Benchmarks.Frame;
using MergeEngine.Models;
using MergeEngine.Models.Tokenizers;
using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Benchmarks;

/// <summary>Bytes of UTF-8 that one core tokenizes in a second, measured in turn with a pass that only adds up the same text.</summary>
internal static class TokenizerTable
{
    private const int Rounds = 15;

    private static readonly string[] s_names = ["wordpiece-minilm", "bytebpe-roberta", "bytebpe-clip"];

    private sealed record Row(string Tokenizer, string Text, int Texts, double Megabytes, double MegabytesPerSecond, double PassMegabytesPerSecond, double AllocatedBytesPerText);

    /// <summary>The fixtures' tokenizers and strings, or <c>--model</c> and a text of one sample a line, <c>--text</c>.</summary>
    public static void Run(SuiteOptions options)
    {
        string? model = options.Text("--model"), file = options.Text("--text");
        ITokenizer? given = model is null ? null : Given(model);
        string[]? lines = file is null ? null : Lines(file);
        using var device = new CpuDevice(1);
        var table = new ResultTable<Row>(
            "tokenizers", options.Directory, device,
            $"Tokenizers on one core, ids, types and offsets, special tokens added. Medians of {Rounds} rounds; MB of UTF-8. The pass beside them adds up the same UTF-16 texts, one after the other. A round takes a million characters at least.",
            "tokenizer", "texts", "MB/s", "pass MB/s", "bytes allocated a text");
        string fixtures = Path.Combine(Repository.Root, "tests", "Fixtures", "tokenizers");
        foreach (string name in model is null ? s_names : [model])
        {
            ITokenizer tokenizer = given ?? Load(Path.Combine(fixtures, name));
            foreach ((string kind, string[] texts) in lines is null ? Strings(Path.Combine(fixtures, $"{(model is null ? name : s_names[0])}.jsonl.gz")) : [(Path.GetFileName(file!), lines)])
            {
                Row row = Measure(tokenizer, Path.GetFileName(name.TrimEnd('/')), kind, texts);
                table.Add(row, $"{row.Tokenizer}", $"{row.Texts} {row.Text}", $"{row.MegabytesPerSecond:F0}", $"{row.PassMegabytesPerSecond:F0}", $"{row.AllocatedBytesPerText:F2}");
            }
        }

        table.Save();
    }

    private static ITokenizer Given(string model)
    {
        try
        {
            return Tokenizer.Load(model);
        }
        catch (ModelException e)
        {
            throw new FormatException($"--model: {e.Message}", e);
        }
    }

    private static string[] Lines(string file)
    {
        try
        {
            string[] lines = File.ReadAllLines(file);
            return lines.Any(line => line.Length > 0) ? lines : throw new FormatException($"--text: {file} is empty, expected a text on each line.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FormatException($"--text: {file} could not be read, expected a file with a text on each line: {e.Message}", e);
        }
    }

    private static Row Measure(ITokenizer tokenizer, string name, string kind, string[] texts)
    {
        var tokens = new TokenSequence();
        int repeats = Math.Max(1, 1_000_000 / texts.Sum(text => text.Length));
        double bytes = (double)repeats * texts.Sum(text => Encoding.UTF8.GetByteCount(text));
        var encode = new double[Rounds];
        var pass = new double[Rounds];
        long allocated = 0, sum = 0;
        for (int round = -3; round < Rounds; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread(), start = Stopwatch.GetTimestamp();
            for (int i = 0; i < repeats; i++)
            {
                foreach (string text in texts)
                {
                    tokenizer.Encode(text, TokenizerOptions.Default, tokens);
                    sum += tokens.Count;
                }
            }

            double time = Stopwatch.GetElapsedTime(start).TotalSeconds;
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            start = Stopwatch.GetTimestamp();
            for (int i = 0; i < repeats; i++)
            {
                foreach (string text in texts)
                {
                    foreach (char unit in text) sum += unit;
                }
            }

            double alone = Stopwatch.GetElapsedTime(start).TotalSeconds;
            if (round >= 0) (encode[round], pass[round]) = (time, alone);
        }

        Array.Sort(encode);
        Array.Sort(pass);
        if (sum == 0) throw new InvalidOperationException("nothing was encoded");
        return new Row(name, kind, texts.Length, bytes / 1e6, bytes / 1e6 / encode[Rounds / 2], bytes / 1e6 / pass[Rounds / 2], allocated / ((double)repeats * texts.Length));
    }

    private static IEnumerable<(string Kind, string[] Texts)> Strings(string packed)
    {
        var english = new List<string>();
        var all = new List<string>();
        using var reader = new StreamReader(new GZipStream(File.OpenRead(packed), CompressionMode.Decompress));
        while (reader.ReadLine() is { } line)
        {
            using JsonDocument document = JsonDocument.Parse(line);
            string text = document.RootElement.GetProperty("text").GetString()!;
            all.Add(text);
            if (document.RootElement.GetProperty("kind").GetString() == "english") english.Add(text);
        }

        yield return ("English sentences", [.. english]);
        yield return ("hostile strings", [.. all]);
    }

    private static ITokenizer Load(string packed)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("merge-engine-");
        try
        {
            foreach (string file in Directory.GetFiles(packed, "*.gz"))
            {
                using var from = new GZipStream(File.OpenRead(file), CompressionMode.Decompress);
                using FileStream to = File.Create(Path.Combine(directory.FullName, Path.GetFileNameWithoutExtension(file)));
                from.CopyTo(to);
            }

            return Tokenizer.Load(directory.FullName);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }
}
