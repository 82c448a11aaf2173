using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using TensorMethodTable = MergeEngine.Merging.TensorMethods.TensorMethods;

namespace MergeEngine.Merging.Tests.TensorMethods;

/// <summary>One tensor through one method, cut into chunks.</summary>
internal static class TensorRun
{
    /// <summary>Merges on the device; every pass is cut anew, at multiples of the method's unit. Without a generator each pass is one chunk.</summary>
    public static float[] Merge(Device device, RecipeSlice slice, TensorPlace place, Shape shape, float[][] inputs, Random? cuts = null)
    {
        TensorTask task = Task(device, slice, place, shape, inputs);
        using TensorMerge merge = MethodOf(slice).Begin(task);
        DeviceBuffer[] buffers = [.. inputs.Select(x => device.Allocate<float>(x.Length))];
        using DeviceBuffer result = device.Allocate<float>(task.Length);
        for (int k = 0; k < inputs.Length; k++) device.Upload<float>(inputs[k], buffers[k].AsSpan<float>());
        while (merge.NeedsPass)
        {
            foreach ((long first, long length) in Chunks(task.Length, merge.Unit, cuts)) merge.Accumulate(new TensorChunk(first, Slices(buffers, first, length), default));
            merge.CompletePass();
        }

        foreach ((long first, long length) in Chunks(task.Length, merge.Unit, cuts))
            merge.Map(new TensorChunk(first, Slices(buffers, first, length), result.AsSpan<float>().Slice(first, length)));
        var merged = new float[task.Length];
        device.Download(result.AsSpan<float>(), merged.AsSpan());
        foreach (DeviceBuffer buffer in buffers) buffer.Dispose();
        return merged;
    }

    /// <summary>Merges in float64.</summary>
    public static double[] MergeFloat64(RecipeSlice slice, TensorPlace place, Shape shape, float[][] inputs)
    {
        using Device device = Device.Open("reference");
        return TensorMethodRun.MergeFloat64(MethodOf(slice), Task(device, slice, place, shape, inputs), inputs);
    }

    /// <summary>A recipe of two or more models and perhaps a base, for one tensor.</summary>
    public static RecipeSlice Slice(string method, string[] models, string? baseModel = null, string parameters = "", Dialect? dialect = null) => RecipeText.ReadSlice($"""
        merge_method: {method}
        {(dialect is null ? "" : $"dialect: {dialect.ToString()!.ToLowerInvariant()}")}
        {(baseModel is null ? "" : $"base_model: models/{baseModel}")}
        models:
        {string.Join('\n', models.Select(m => $"- model: models/{m.Split(' ')[0]}\n" + (m.Contains(' ', StringComparison.Ordinal) ? $"  parameters: {{{m[m.IndexOf(' ', StringComparison.Ordinal)..]}}}\n" : "")))}
        {(parameters.Length == 0 ? "" : $"parameters: {{{parameters}}}")}
        """);

    private static TensorTask Task(Device device, RecipeSlice slice, TensorPlace place, Shape shape, float[][] inputs) =>
        new(device, place.Output, shape, inputs.Length, slice.BaseIndex ?? -1, slice.At(place), 7);

    private static TensorMethod MethodOf(RecipeSlice slice) =>
        TensorMethodTable.Find(slice.Method.Name, slice.Method.Dialect) ?? throw new InvalidOperationException($"There is no method '{slice.Method.Name}'.");

    private static DeviceSpan<float>[] Slices(DeviceBuffer[] buffers, long first, long length) => [.. buffers.Select(b => b.AsSpan<float>().Slice(first, length))];

    private static IEnumerable<(long First, long Length)> Chunks(long total, long unit, Random? cuts)
    {
        for (long first = 0; first < total;)
        {
            long units = (total - first + unit - 1) / unit, taken = cuts is null ? units : cuts.NextInt64(1, Math.Min(units, (500 / unit) + 1) + 1);
            long length = Math.Min(taken * unit, total - first);
            yield return (first, length);
            first += length;
        }
    }
}
