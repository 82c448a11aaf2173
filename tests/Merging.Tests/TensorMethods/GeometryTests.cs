using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Tensors;
using MergeEngine.Tests.Support;
using static MergeEngine.Merging.Tests.TensorMethods.GeometryRuns;

namespace MergeEngine.Merging.Tests.TensorMethods;

/// <summary>What holds for averages and spherical merges whatever the numbers.</summary>
public sealed class GeometryTests
{
    /// <summary>Every method in every form, over models of which the base, if there is one, is the last input.</summary>
    private static readonly Dictionary<string, RecipeSlice> s_slices = new()
    {
        ["linear"] = TensorRun.Slice("linear", ["a weight: 0.3", "b weight: 1.1", "c weight: -0.2"]),
        ["passthrough"] = TensorRun.Slice("passthrough", ["a scale: 0.7"]),
        ["slerp"] = TensorRun.Slice("slerp", ["a"], "c", "t: 0.3"),
        ["nuslerp"] = TensorRun.Slice("nuslerp", ["a weight: 0.4", "b weight: 0.7"]),
        ["nuslerp by rows"] = TensorRun.Slice("nuslerp", ["a weight: 0.4", "b weight: 0.7"], null, "nuslerp_flatten: false"),
        ["nuslerp by columns"] = TensorRun.Slice("nuslerp", ["a weight: 0.4", "b weight: 0.7"], null, "nuslerp_flatten: false, nuslerp_row_wise: true"),
        ["nuslerp from a base"] = TensorRun.Slice("nuslerp", ["a weight: 0.4", "b weight: 0.7"], "c"),
        ["nuslerp by rows from a base"] = TensorRun.Slice("nuslerp", ["a weight: 0.4", "b weight: 0.7"], "c", "nuslerp_flatten: false"),
        ["nuslerp by columns from a base"] = TensorRun.Slice("nuslerp", ["a weight: 0.4", "b weight: 0.7"], "c", "nuslerp_flatten: false, nuslerp_row_wise: true"),
        ["multislerp"] = TensorRun.Slice("multislerp", ["a weight: 0.4", "b weight: 0.7", "d weight: 0.2"]),
        ["multislerp from a base"] = TensorRun.Slice("multislerp", ["a weight: 0.4", "b weight: 0.7"], "c"),
        ["karcher"] = TensorRun.Slice("karcher", ["a", "b", "c"], null, "max_iter: 50, tol: 1e-12"),
        ["model_stock"] = TensorRun.Slice("model_stock", ["a", "b"], "c"),
        ["model_stock by rows"] = TensorRun.Slice("model_stock", ["a", "b"], "c", "filter_wise: true"),
        ["model_stock of the paper"] = TensorRun.Slice("model_stock", ["a", "b", "d"], "c", "", Dialect.Paper),
        ["nearswap"] = TensorRun.Slice("nearswap", ["a"], "c", "t: 0.01"),
        ["arcee_fusion"] = TensorRun.Slice("arcee_fusion", ["a"], "c"),
    };

    public static TheoryData<string> Methods { get; } = new(s_slices.Keys);

    public static TheoryData<string, string> OnDevices { get; } = new(from method in s_slices.Keys from device in DeviceCases.Kinds select (method, device));

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void Any_chunks_give_the_same_bits(string method, string deviceName)
    {
        using Device device = DeviceCases.Open(deviceName);
        RecipeSlice slice = s_slices[method];
        float[][] inputs = Draw(1, slice.Sources.Count);
        uint[] whole = Bits(TensorRun.Merge(device, slice, Place, Shape, inputs));
        int runs = DeviceCases.IsCuda(deviceName) ? 2 : 8;
        for (int seed = 0; seed < runs; seed++) Assert.Equal(whole, Bits(TensorRun.Merge(device, slice, Place, Shape, inputs, new System.Random(seed))));
        Assert.Equal(0, device.AllocatedBytes);
    }

    /// <summary>The reference takes the exponentials of arcee_fusion from the framework: the importance of an element may lie within a rounding of the threshold there and not elsewhere.</summary>
    [Theory]
    [MemberData(nameof(Methods))]
    public void Every_device_gives_the_same_bits(string method)
    {
        RecipeSlice slice = s_slices[method];
        float[][] inputs = Draw(2, slice.Sources.Count);
        using Device reference = Device.Open(method == "arcee_fusion" ? "cpu" : "reference");
        uint[] expected = Bits(TensorRun.Merge(reference, slice, Place, Shape, inputs));
        foreach (string name in DeviceCases.Names.Where(n => !DeviceCases.IsCuda(n) || CudaUnderTest.IsHere))
        {
            using Device device = DeviceCases.Open(name);
            Assert.Equal(expected, Bits(TensorRun.Merge(device, slice, Place, Shape, inputs)));
        }
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Identical_models_merge_to_themselves(string method) => Check((seed, device) =>
    {
        if (method == "passthrough") return;
        float[] x = Draw(seed, 1)[0];
        Assert.Equal(x, TensorRun.Merge(device, s_slices[method], Place, Shape, [.. s_slices[method].Sources.Select(_ => x)]));
    });

    /// <summary>A power of two scales every input exactly, so it must scale the result exactly; nearswap and arcee_fusion have magnitudes of their own, and mergekit's model_stock a least product of lengths, which these do not reach.</summary>
    [Theory]
    [MemberData(nameof(Methods))]
    public void Scaled_models_give_the_scaled_merge(string method) => Check((seed, device) =>
    {
        if (method is "nearswap" or "arcee_fusion" || method.StartsWith("multislerp", StringComparison.Ordinal)) return;
        float[][] inputs = Draw(seed, s_slices[method].Sources.Count);
        float[] once = TensorRun.Merge(device, s_slices[method], Place, Shape, inputs);
        Assert.Equal(once.Select(v => v * 8), TensorRun.Merge(device, s_slices[method], Place, Shape, [.. inputs.Select(x => x.Select(v => v * 8).ToArray())]));
    });

    /// <summary>Sums in another order differ in their last bits, 2⁻²³ of values below 1 after rounding.</summary>
    [Fact]
    public void The_order_of_models_does_not_matter() => Check((seed, device) =>
    {
        float[][] x = Draw(seed, 4);
        foreach ((string method, bool hasBase) in new[] { ("karcher", false), ("model_stock", true) })
        {
            string[] names = ["a", "b", "d"];
            string? origin = hasBase ? "c" : null;
            float[] one = TensorRun.Merge(device, TensorRun.Slice(method, names, origin), Place, Shape, hasBase ? x : x[..3]);
            float[] other = TensorRun.Merge(device, TensorRun.Slice(method, names, origin), Place, Shape, hasBase ? [x[2], x[0], x[1], x[3]] : [x[2], x[0], x[1]]);
            Near(Array.ConvertAll(one, v => (double)v), other);
        }
    });
}
