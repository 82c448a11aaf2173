using System.Globalization;
using System.Text.Json.Serialization;
using MergeEngine.Cli.Terminal;
using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Planning.Reports;
using MergeEngine.Merging.Streaming.Profiling;
using MergeEngine.Merging.Streaming.Runs;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Reports;

/// <summary>What <c>merge</c> has written: one entry for each document of the recipe file.</summary>
internal sealed record MergeReport(IReadOnlyList<MergedDocument> Merged)
{
    public static MergeReport From(IReadOnlyList<MergeResult> results) => new([.. results.Select(MergedDocument.From)]);

    public void Print(TextWriter output)
    {
        foreach (MergedDocument merged in Merged) merged.Print(output);
    }
}

/// <summary>One model.</summary>
internal sealed record MergedDocument(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Document,
    string Path,
    string Method,
    string Dialect,
    int Tensors,
    int Merged,
    int Copied,
    int Files,
    long Bytes,
    long ReadBytes,
    long WrittenBytes,
    long RestoredBytes,
    bool WasFinished,
    double Seconds,
    IReadOnlyList<string> Notes,
    IReadOnlyList<NonFiniteTensor> NonFinite,
    IReadOnlyList<NonFiniteOutput> NonFiniteOutputs,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] MergeProfile? Profile,
    [property: JsonIgnore] int Told)
{
    public static MergedDocument From(MergeResult result) => new(
        result.Document, result.Path, result.Method, result.Dialect, result.Tensors, result.Merged, result.Tensors - result.Merged, result.Files, result.Bytes,
        result.Moved?.ReadBytes ?? 0, result.Moved?.WrittenBytes ?? 0, result.RestoredBytes, result.WasFinished, result.Seconds, [.. result.Notes, .. result.PlaceNotes], result.Moved?.NonFinite ?? [],
        result.Moved?.NonFiniteOutputs ?? [], result.Profile, result.PlaceNotes.Count);

    public void Print(TextWriter output)
    {
        // The last ones stand on stderr.
        foreach (string note in Notes.SkipLast(Told)) output.WriteLine($"note: {Printable.Of(note)}");
        foreach (NonFiniteTensor tensor in NonFinite) output.WriteLine($"warning: {Printable.Of(tensor.Path)}: {Values(tensor)}");
        foreach (NonFiniteOutput tensor in NonFiniteOutputs) output.WriteLine($"warning: {Printable.Of(Path)}: {Values(tensor.Values, tensor.Tensor)} in {tensor.DType}");
        string path = Printable.Of(Path), tensors = Counting.Of(Tensors, "tensor"), files = Counting.Of(Files, "file");
        if (WasFinished)
        {
            output.WriteLine($"{path}: {tensors}, {PlanText.Bytes(Bytes)} in {files}: finished before, of the same recipe and inputs, every hash as it should be");
            return;
        }

        string copied = Copied == 0 ? "" : $", {Copied} of them copied";
        string restored = RestoredBytes == 0 ? "" : $", {PlanText.Bytes(RestoredBytes)} of it by an earlier run";
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{path}: {tensors}{copied}, {PlanText.Bytes(Bytes)} in {files}{restored}; {Method}, {Seconds:0.00} s"));
    }

    private static string Values(NonFiniteTensor tensor) => tensor.TooLargeFor is not { } type ? Values(tensor.Values, tensor.Tensor)
        : $"{Counting.Of(tensor.Values, "value")} of {Printable.Of(Quoting.Quote(tensor.Tensor))} {(tensor.Values == 1 ? "is" : "are")} too large for {type}, in which it is read";

    private static string Values(long count, string tensor) =>
        $"{Counting.Of(count, "value")} of {Printable.Of(Quoting.Quote(tensor))} {(count == 1 ? "is" : "are")} NaN or infinite";
}
