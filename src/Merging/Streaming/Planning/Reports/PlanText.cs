using System.Globalization;
using System.Text;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Planning.Reports;

/// <summary>A plan as text: the inputs, a table with a line for every output tensor, the notes, and the totals.</summary>
public static class PlanText
{
    private static readonly string[] s_columns = ["tensor", "dtype", "shape", "size", "method", "sources"];
    private static readonly string[] s_units = ["B", "KiB", "MiB", "GiB", "TiB"];

    public static void Write(PlanReport report, TextWriter to)
    {
        to.WriteLine($"{report.Method} ({report.Dialect}), {Counting.Of(report.Inputs.Count, "input")}:");
        for (int i = 0; i < report.Inputs.Count; i++)
        {
            PlannedInput input = report.Inputs[i];
            to.WriteLine($"  [{i}] {Plain(input.Path)}: {Counting.Of(input.Tensors, "tensor")} in {Counting.Of(input.Files, "file")}, {Bytes(input.Bytes)}, {Bytes(input.ReadBytes)} read");
        }

        to.WriteLine();
        WriteTable(report, to);
        if (report.Notes.Count > 0) to.WriteLine();
        foreach (string note in report.Notes) to.WriteLine($"note: {Plain(note)}");
        to.WriteLine();
        PlanTotals totals = report.Totals;
        to.WriteLine($"{Counting.Of(totals.Tensors, "tensor")}, {totals.Merged} merged and {totals.Tensors - totals.Merged} copied, {Bytes(totals.OutputBytes)} to write");
        string usual = totals.UsualPasses < totals.Passes ? $"{Counting.Of(totals.UsualPasses, "pass", "passes")} as a rule and " : "";
        string statistics = totals.Passes == 1 ? "one pass" : $"{usual}up to {totals.Passes} passes, those for statistics included, over {Bytes(totals.ReadBytes)}";
        to.WriteLine($"{Bytes(totals.AllReadBytes)} to read, {statistics}");
        to.WriteLine($"peak memory about {Bytes(totals.PeakMemory)} of {Bytes(totals.MemoryLimit)} allowed; the least that can be kept to is {Bytes(totals.LeastMemory)}");
    }

    /// <summary>A number of bytes in the unit that leaves at most four digits before the point.</summary>
    public static string Bytes(long bytes)
    {
        double value = bytes;
        int unit = 0;
        for (; value >= 1024 && unit + 1 < s_units.Length; unit++) value /= 1024;
        return unit == 0 ? $"{bytes} B" : string.Create(CultureInfo.InvariantCulture, $"{value:0.0} {s_units[unit]}");
    }

    private static void WriteTable(PlanReport report, TextWriter to)
    {
        // The last column is as long as it is. Rows are made twice, as all of a large model's would take more memory than the plan.
        int[] widths = [.. s_columns[..5].Select(TextWidth.Of)];
        foreach (TensorReport tensor in report.Tensors)
        {
            string[] row = Row(tensor);
            for (int c = 0; c < widths.Length; c++) widths[c] = Math.Max(widths[c], TextWidth.Of(row[c]));
        }

        foreach (string[] row in report.Tensors.Select(Row).Prepend(s_columns))
        {
            var line = new StringBuilder();
            for (int c = 0; c < widths.Length; c++) line.Append(c == 3 ? TextWidth.PadLeft(row[c], widths[c]) : TextWidth.PadRight(row[c], widths[c])).Append("  ");
            to.WriteLine(line.Append(row[5]).ToString().TrimEnd());
        }
    }

    private static string[] Row(TensorReport tensor)
    {
        string method = tensor.Parameters.Count == 0 ? tensor.Method : $"{tensor.Method} {Parameters(tensor.Parameters)}";
        return [Plain(tensor.Name), tensor.DType, $"[{string.Join(", ", tensor.Shape)}]", Bytes(tensor.Bytes), Plain(method), Plain(string.Join("; ", tensor.Sources.Select(s => Source(s, tensor))))];
    }

    private static string Source(SourceReport source, TensorReport tensor)
    {
        var text = new StringBuilder($"[{source.Input}]");
        if (source.Base) text.Append(" base");
        if (source.Tensor != tensor.Name) text.Append($" {source.Tensor}");
        if (source.Stored != tensor.DType || source.Read != tensor.DType) text.Append(source.Stored == source.Read ? $" {source.Stored}" : $" {source.Stored} as {source.Read}");
        if (source.Parameters.Count > 0) text.Append(' ').Append(Parameters(source.Parameters));
        return text.ToString();
    }

    private static string Parameters(IReadOnlyDictionary<string, string> parameters) => string.Join(' ', parameters.Select(p => $"{p.Key}={p.Value}"));

    // Names come from files: nothing of them may move a terminal's cursor.
    private static string Plain(string text) =>
        text.Any(c => char.IsControl(c) || char.GetUnicodeCategory(c) is UnicodeCategory.Format)
            ? string.Concat(text.Select(c => char.IsControl(c) || char.GetUnicodeCategory(c) is UnicodeCategory.Format ? '\ufffd' : c))
            : text;
}
