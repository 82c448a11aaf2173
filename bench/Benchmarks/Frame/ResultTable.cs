using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Benchmarks.Frame;

/// <summary>
/// A table of figures: where and with what they were measured, and the ceilings, which are measured before anything else; then rows, printed as they come. Kept as
/// <c>name.md</c> and, in the frame of <c>merge-engine bench --json</c>, as <c>name.json</c>.
/// </summary>
/// <typeparam name="T">A row as the JSON document has it.</typeparam>
internal sealed class ResultTable<T>
{
    // An error of infinity is what a table of checks is there to show.
    private static readonly JsonSerializerOptions s_json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    private readonly string _name;
    private readonly string? _directory;
    private readonly int _threads;
    private readonly StringBuilder _text = new();
    private readonly List<T> _rows = [];

    /// <summary>Measures the ceilings of a CPU with all cores and prints the lines above the table.</summary>
    /// <param name="name">Of the files.</param>
    /// <param name="directory">Where they go; null for nowhere.</param>
    /// <param name="about">What the columns mean.</param>
    /// <param name="columns">Their heads.</param>
    public ResultTable(string name, string? directory, string about, params string[] columns)
        : this(name, directory, null, about, columns)
    {
    }

    /// <inheritdoc cref="ResultTable{T}(string, string, string, string[])"/>
    /// <param name="name">Of the files.</param>
    /// <param name="directory">Where they go; null for nowhere.</param>
    /// <param name="device">Whose ceilings stand above the table; null for a CPU device with all cores.</param>
    /// <param name="about">What the columns mean.</param>
    /// <param name="columns">Their heads.</param>
    public ResultTable(string name, string? directory, Device? device, string about, params string[] columns)
    {
        (_name, _directory) = (name, directory);
        using CpuDevice? own = device is null ? new CpuDevice() : null;
        Device measured = device ?? own!;
        _threads = measured is CpuDevice cpu ? cpu.Threads : Environment.ProcessorCount;
        Ceilings = DeviceCeilings.Measure(measured);
        MachineDescription machine = MachineDescription.Current;
        Say($"{machine.Processor}, {machine.Cores} cores, {machine.OperatingSystem}, {machine.Runtime}, MergeEngine {machine.Engine}, {measured.Description}.");
        Say(
            $"Ceilings, best (median): multiply-adds {Ceilings.PeakGflops:F0} ({Ceilings.MedianPeakGflops:F0}) GFLOP/s, copy {Ceilings.CopyGbps:F1} ({Ceilings.MedianCopyGbps:F1}) GB/s read and written.");
        Say(about);
        Say("");
        Say($"| {string.Join(" | ", columns)} |");
        Say($"|{string.Concat(Enumerable.Repeat("---|", columns.Length))}");
    }

    public DeviceCeilings Ceilings { get; }

    /// <summary>Prints a row and keeps it.</summary>
    public void Add(T row, params ReadOnlySpan<string> cells)
    {
        Keep(row);
        Show(cells);
    }

    /// <summary>Keeps a row for the document that <see cref="Show"/> printed in lines of its own.</summary>
    public void Keep(T row) => _rows.Add(row);

    /// <summary>Prints a line.</summary>
    public void Show(params ReadOnlySpan<string> cells) => Say($"| {string.Join(" | ", cells)} |");

    /// <summary>Writes the files, if there is somewhere to write them.</summary>
    public void Save()
    {
        if (_directory is null) return;
        Directory.CreateDirectory(_directory);
        File.WriteAllText(Path.Combine(_directory, $"{_name}.md"), _text.ToString());
        var document = new
        {
            Suite = _name,
            Threads = _threads,
            Ceilings.PeakGflops,
            Ceilings.MedianPeakGflops,
            Ceilings.CopyGbps,
            Ceilings.MedianCopyGbps,
            Machine = MachineDescription.Current,
            Results = _rows,
        };
        File.WriteAllText(Path.Combine(_directory, $"{_name}.json"), JsonSerializer.Serialize(document, s_json) + "\n");
    }

    private void Say(string line)
    {
        Console.WriteLine(line);
        _text.AppendLine(line);
    }
}
