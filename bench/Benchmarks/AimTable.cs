using System.Text.Json;
using MergeEngine.Benchmarks.Frame;
using static MergeEngine.Benchmarks.Frame.KeptTable;

namespace MergeEngine.Benchmarks;

/// <summary>What the tables that were kept say about what the project aims at: one line for each aim, made from the tables alone, so that no figure stands anywhere without its source.</summary>
internal static class AimTable
{
    private sealed record Row(string What, string Aim, string Measured, string Table);

    private sealed record Line(string Table, string What, string Aim, Func<KeptTable, string?> Measure);

    private static readonly Line[] s_lines =
    [
        new("products", "matrix products, 1024 to 3072 rows, all cores", "≥ 85 % of the peak", table => Shares(table.Numbers("share", row => IsAllCores(table, row) && IsSquare(row)))),
        new("products", "the same on one core", "", table => Shares(table.Numbers("share", row => Number(row, "threads") == 1 && IsSquare(row)))),
        new("products", "layers of width 768, 8 and 32 images, all cores", "≥ 70 % of the peak", table => Shares(table.Numbers("share", row => IsAllCores(table, row) && IsLayer(row)))),
        new("skinny-products", "products of 1 to 50 rows, packed weights from memory", "the bandwidth of the weights", table => Inverse(table.Numbers("packed_share", _ => true))),
        new("skinny-products", "the same, weights as they are", "", table => Inverse(table.Numbers("weights_share", _ => true))),
        new("operations", "passes over memory, larger than the caches", "", table => Ratios(table.Numbers("ratio", row => Says(row, "unit", "GB/s")), " of the floor's time")),
        new("latencies", "training step of ViT-B/32, 32 images", "≥ 52 % of the peak (PyTorch's share × 1.2)", table => Step(table, "vit-b-32")),
        new("latencies", "training step of BERT-base, 16 × 128 tokens", "≥ 64 % of the peak (PyTorch's share × 1.2)", table => Step(table, "bert-base")),
        new("latencies", "one image through ViT-B/32, 2 threads", "≥ 59 % of the peak (the better peer's time × 0.7)", table => Sample(table, "vit-b-32")),
        new("latencies", "one text of 32 tokens through MiniLM, 2 threads", "≥ 44 % of the peak (the better peer's time × 0.7)", table => Sample(table, "minilm-32")),
        new("latencies", "one text of 8 tokens through MiniLM, 2 threads", "≥ 20 % of the peak (the better peer's time × 0.7)", table => Sample(table, "minilm-8")),
        new("latencies", "bytes that a pass or a step allocates", "0", table => table.Numbers("time.allocated_bytes", _ => true) is [.., var most] ? $"{most:0}" : null),
        new("steps", "absolute per-sample gradients of 128 images of ViT-B/32 : one backward pass over them", "≤ 1.3", table => Ratios(table.Numbers("ratio", row => Number(row, "samples") == 128), "")),
        new("gradient-reductions", "the same, weight gradients of width 768 alone, all cores", "", table => Ratios(table.Numbers("ratio", row => IsAllCores(table, row) && Number(row, "samples") == 128 && Number(row, "k") >= 768), "")),
        new("coefficients", "gradients by 8 tasks' coefficients : reading all vectors once", "one pass", table => Ratios(table.Numbers("ratio", row => Text(row, "what").StartsWith("gradient", StringComparison.Ordinal)), "")),
        new("precisions", "weights in BF16 : float32, time of a sample", "", table => Ratios(table.Numbers("median_ratio", _ => true), "")),
        new("precisions", "their relative error in the logits", "", table => table.Numbers("relative_error", _ => true) is [var least, .., var most] ? $"{least:0.0E-0} to {most:0.0E-0}" : null),
        new("merges", "ties, dare, breadcrumbs, sce, model_stock, karcher : linear, in memory", "", table => Ratios(table.Numbers("ratio_to_linear", row => IsUsual(Text(row, "method"))), "")),
        new("hashes", "BLAKE3 in the widest vectors on one core", "", table => table.Numbers("best_gigabytes", row => Text(row, "hash").EndsWith("bits", StringComparison.Ordinal)) is [.., var rate] ? $"{rate:F1} GB/s" : null),
        new("tokenizers", "WordPiece of English text on one core", "≥ 20 MB/s", table => table.Numbers("megabytes_per_second", row => Says(row, "tokenizer", "wordpiece-minilm") && Says(row, "text", "English sentences")) is [var rate] ? $"{rate:F0} MB/s" : null),
        new("scaling", "a product of 2048 rows on 2 threads : on 1", "≥ 1.85", table => SpeedUp(table, "product of 2048 rows")),
        new("scaling", "a training step of 32 images on 2 threads : on 1", "≥ 1.6", table => SpeedUp(table, "training step, 32 images")),
        new("spectral-files", "whole models merged by tsv, iso_c and iso_cts, file to file", "≥ 50 % of a float64 product's rate", table => Shares(table.Numbers("share_of_product", _ => true))),
        new("decompositions", "all singular vectors of 1024 and 2048 rows", "≥ 50 % of a float64 product's rate", table => Shares(table.Numbers("share_of_double", row => Says(row, "work", "all vectors") && Number(row, "m") is 1024 or 2048 && Number(row, "n") == Number(row, "m")))),
    ];

    /// <summary>Prints a line for every aim and keeps them as <c>summary</c> where the tables are; one whose table is missing, or does not tell, says so.</summary>
    public static void Run(SuiteOptions options)
    {
        string directory = options.Directory ?? Repository.Results;
        Dictionary<string, KeptTable?> tables = s_lines.Select(line => line.Table).Distinct().ToDictionary(name => name, name => Read(directory, name));
        if (tables.Values.All(kept => kept is null)) throw new FormatException($"{directory} holds none of the tables {string.Join(", ", tables.Keys)}; `bench --save` makes them.");
        var table = new ResultTable<Row>(
            "summary", options.Directory, "Made from the tables beside it, each with its own machine, commit and ceilings; a range is that of the rows. Best rounds, but for encoders, whose figures are medians.",
            "what", "aim", "measured", "table");
        foreach (Line line in s_lines)
        {
            bool hasText = File.Exists(Path.Combine(directory, $"{line.Table}.md"));
            string measured = tables[line.Table] is { } kept
                ? line.Measure(kept) ?? "not in the table: it was made for fewer rows, or has an older form"
                : hasText || File.Exists(Path.Combine(directory, $"{line.Table}.json")) ? "not read: the table has an older form" : "not measured: no such table is kept";
            table.Add(new Row(line.What, line.Aim, measured, line.Table), line.What, line.Aim, measured, hasText ? $"[{line.Table}]({line.Table}.md)" : line.Table);
        }

        table.Save();
    }

    private static bool IsAllCores(KeptTable table, JsonElement row) => Number(row, "threads") == table.Largest("threads");

    private static bool IsSquare(JsonElement row) => Says(row, "use", "square") && Number(row, "m") >= 1024;

    private static bool IsLayer(JsonElement row) => Number(row, "m") is 400 or 1600 || Number(row, "k") == 1600;

    private static bool IsUsual(string method) => method is "ties" or "dare_ties" or "breadcrumbs" or "sce" or "model_stock" or "karcher";

    private static string Text(JsonElement row, string name) => row.TryGetProperty(name, out JsonElement value) ? value.GetString() ?? "" : "";

    private static string? Step(KeptTable table, string model) =>
        Shares(table.Numbers("time.share", row => Says(row, "time.model", model) && Says(row, "time.pass", "step")));

    private static string? Sample(KeptTable table, string model)
    {
        bool IsRow(JsonElement row) => Says(row, "time.model", model) && Number(row, "time.batch") == 1 && Number(row, "threads") == 2;
        return table.Numbers("time.share", IsRow) is [var share] && table.Numbers("time.median", IsRow) is [var median] && table.Numbers("time.p99", IsRow) is [var p99]
            ? $"{share:P0}, {median:F2} ms, p99 {p99 / median:F2} × the median (aim ≤ 1.5)"
            : null;
    }

    private static string? SpeedUp(KeptTable table, string series)
    {
        double[] On(int threads) => table.Numbers("seconds", row => Says(row, "series", series) && Number(row, "x") == threads);
        return On(1) is [var one] && On(2) is [var two] ? $"{one / two:F2}" : null;
    }

    private static string? Shares(double[] shares) => shares switch
    {
        [] => null,
        [var one] => $"{one:P0}",
        _ => $"{100 * shares[0]:F0} to {shares[^1]:P0}",
    };

    private static string? Inverse(double[] shares) => Ratios([.. shares.Select(share => 1 / share).Order()], " of the floor's time");

    private static string? Ratios(double[] ratios, string unit) => ratios switch
    {
        [] => null,
        [var one] => $"{one:F2}{unit}",
        _ => $"{ratios[0]:F2} to {ratios[^1]:F2}{unit}, median {ratios[ratios.Length / 2]:F2}",
    };
}
