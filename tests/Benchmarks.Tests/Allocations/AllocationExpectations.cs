using System.Text.Json;

namespace MergeEngine.Benchmarks.Tests.Allocations;

/// <summary>allocations.json: managed bytes that a call may allocate in steady state, on all threads together.</summary>
internal static class AllocationExpectations
{
    private static readonly JsonElement s_document = Load();

    public static IEnumerable<string> NamesOf(string group) => s_document.GetProperty(group).EnumerateObject().Select(p => p.Name);

    /// <exception cref="KeyNotFoundException">The file does not say.</exception>
    public static long Of(string group, string name) => s_document.GetProperty(group).TryGetProperty(name, out JsonElement bytes)
        ? bytes.GetInt64()
        : throw new KeyNotFoundException($"allocations.json says nothing about '{name}' in '{group}', expected the bytes that it may allocate.");

    /// <summary>
    /// What a call allocates after warm-up, on the caller's thread and on all others. The test host allocates at times of its own choosing, so the smallest of several measurements
    /// counts: what a call allocates shows in all of them.
    /// </summary>
    public static long Measure(Action call)
    {
        for (int i = 0; i < 3; i++) call();
        long smallest = long.MaxValue;
        for (int attempt = 0; attempt < 8 && smallest > 0; attempt++)
        {
            long own = GC.GetAllocatedBytesForCurrentThread(), all = GC.GetTotalAllocatedBytes(precise: true);
            call();
            long total = GC.GetTotalAllocatedBytes(precise: true) - all;
            smallest = Math.Min(smallest, Math.Max(total, GC.GetAllocatedBytesForCurrentThread() - own));
        }

        return smallest;
    }

    private static JsonElement Load()
    {
        using Stream stream = typeof(AllocationExpectations).Assembly.GetManifestResourceStream("allocations.json")!;
        using JsonDocument document = JsonDocument.Parse(stream);
        return document.RootElement.Clone();
    }
}
