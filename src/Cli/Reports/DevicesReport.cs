using System.Text.Json.Serialization;

namespace MergeEngine.Cli.Reports;

/// <summary>What <c>devices</c> found.</summary>
internal sealed record DevicesReport(
    string Runtime, int Cores, long MemoryBytes, int[] VectorBits, int BestVectorBits, IReadOnlyList<DeviceReport> Devices);

/// <summary>One device: what it is, or why it cannot be used, or was not tried (usable is null).</summary>
internal sealed record DeviceReport(
    string Name,
    bool? Usable,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Description,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Problem);
