using System.Text.Json.Serialization;
using MergeEngine.Cli.Reports.Tables;
using MergeEngine.Cli.Terminal;
using MergeEngine.Tensors.Probes;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Reports;

/// <summary>What a command that writes tensors has written; of values that are NaN or infinite, how many.</summary>
internal sealed record WrittenReport(
    string Path,
    int Samples,
    IReadOnlyList<WrittenTensor> Tensors,
    string Device,
    string Precision,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Loss = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] long NotFinite = 0,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ProfileShares? Profile = null)
{
    public void Print(TextWriter output)
    {
        var table = new TextTable("tensor", "shape");
        foreach (WrittenTensor tensor in Tensors) table.Add(Printable.Of(tensor.Name), $"[{string.Join(", ", tensor.Shape)}]");
        table.Write(output);
        output.WriteLine();
        if (Loss is { } loss) output.WriteLine(FormattableString.Invariant($"mean loss {loss:0.000000}"));
        output.WriteLine($"{Printable.Of(Path)}: {Counting.Of(Tensors.Count, "tensor")} from {Counting.Of(Samples, "sample")}");
        ProfileTable.Write(Profile, output);
    }
}

/// <summary>Name and shape.</summary>
internal sealed record WrittenTensor(string Name, long[] Shape);
