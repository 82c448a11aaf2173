using System.Runtime.InteropServices;
using System.Text.Json;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Merging;

/// <summary>The recipes that mergekit was run with, and what it wrote. The set is large and lies beside the repository, or not.</summary>
internal static class MergekitSet
{
    /// <summary>Stands for the set where it is missing, so that the tests show that they were skipped.</summary>
    public const string Missing = "the set is not here";

    private static readonly Lazy<JsonElement[]> s_cases = new(() => Read("cases.json", "cases"));
    private static readonly Lazy<JsonElement[]> s_errors = new(() => Read(Path.Combine("errors", "errors.json"), null));

    public static string Root { get; } = Path.GetFullPath(Path.Combine(Repository.Root, "..", "shared", "fixtures", "mergekit"));

    public static bool IsHere => Directory.Exists(Root);

    public static JsonElement[] Cases => IsHere ? s_cases.Value : [];

    public static JsonElement[] Errors => IsHere ? s_errors.Value : [];

    public static JsonElement Case(string name) => Cases.First(c => NameOf(c) == name);

    public static string NameOf(JsonElement entry) => entry.GetProperty("name").GetString()!;

    public static string TextOf(JsonElement entry, string property) => entry.GetProperty(property).GetString() ?? "";

    public static void Require() => Assert.SkipUnless(IsHere, "The set of mergekit's outputs is not beside the repository.");

    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>A tensor's values of any arithmetic type, without a rounding.</summary>
    public static double[] Values(Checkpoint model, string name) => model[name].DType == DType.F64
        ? MemoryMarshal.Cast<byte, double>(model.GetSpan(name)).ToArray()
        : Array.ConvertAll(model.ReadFloat32(name), x => (double)x);

    /// <summary>A model of the set.</summary>
    public static Checkpoint Model(string name) => Checkpoint.Open(PathOf("models", name));

    private static JsonElement[] Read(string file, string? property)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(PathOf(file)));
        JsonElement list = property is null ? document.RootElement : document.RootElement.GetProperty(property);
        return [.. list.EnumerateArray().Select(e => e.Clone())];
    }
}
