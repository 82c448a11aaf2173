using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Yaml;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Tests.Streaming.Defects;

/// <summary>Where mergekit stops, divides by nothing or drops what it should keep: what comes out here, from recipe to file.</summary>
public sealed class ArithmeticDefectTests : IDisposable
{
    private readonly WrittenModels _models = new();

    public void Dispose() => _models.Dispose();

    private static string FromBase(string method, string perModel, string shared = "", params string[] models) =>
        $"merge_method: {method}\nbase_model: models/base\n{(shared.Length == 0 ? "" : $"parameters: {{{shared}}}\n")}models:\n"
        + string.Concat((models.Length == 0 ? ["a"] : models).Select(m => $"- model: models/{m}\n  parameters: {{{perModel}}}\n"));

    [Theory]
    [InlineData(1)]
    [InlineData(50)]
    [InlineData(99)]
    public void Breadcrumbs_keeps_the_difference_of_tensors_of_fewer_than_one_over_gamma_elements(int count)
    {
        float[] values = [.. Enumerable.Range(1, count).Select(i => (float)i)];
        _models.Write("base", [count], new float[count]).Write("a", [count], values);
        float[] merged = _models.MergeOne(FromBase("breadcrumbs", "weight: 1, density: 0.9, gamma: 0.01"));
        // Nothing is cut at the top; 0.9·n of the smallest are not.
        int kept = Math.Max(1, (int)(0.9 * count));
        Assert.Equal(values.Select((v, i) => i >= count - kept ? v : 0), merged);
    }

    [Theory]
    [InlineData("")]
    [InlineData("1")]
    [InlineData("2, 2")]
    public void Ties_keeps_one_element_of_the_smallest_tensors(string shape)
    {
        long[] sizes = [.. shape.Split(", ", StringSplitOptions.RemoveEmptyEntries).Select(long.Parse)];
        int count = (int)sizes.Aggregate(1L, (a, b) => a * b);
        _models.Write("base", sizes, [.. Enumerable.Repeat(1f, count)]).Write("a", sizes, [.. Enumerable.Range(0, count).Select(i => 2f + i)]);
        float[] merged = _models.MergeOne(FromBase("ties", "weight: 1, density: 0.2"));
        Assert.Equal(Enumerable.Range(0, count).Select(i => i == count - 1 ? 2f + i : 1f), merged);
    }

    [Theory]
    [InlineData("della", "1")]
    [InlineData("della", "3, 1")]
    [InlineData("della_linear", "")]
    [InlineData("della_linear", "1, 1, 1")]
    public void Della_merges_rows_of_one_element(string method, string shape)
    {
        long[] sizes = [.. shape.Split(", ", StringSplitOptions.RemoveEmptyEntries).Select(long.Parse)];
        int count = (int)sizes.Aggregate(1L, (a, b) => a * b);
        _models.Write("base", sizes, [.. Enumerable.Repeat(1f, count)]).Write("a", sizes, [.. Enumerable.Repeat(3f, count)]);
        float[] merged = _models.MergeOne(FromBase(method, "weight: 1, density: 0.5, epsilon: 0.1", "rescale: false"));
        Assert.All(merged, v => Assert.True(v is 1 or 3, $"{v}"));
    }

    /// <summary>1/p of the paper, not a ratio of norms that is 14.5 in place of 10 for a small tensor.</summary>
    [Fact]
    public void Dare_as_published_scales_what_it_keeps_by_exactly_one_over_the_density()
    {
        _models.Write("base", [64], new float[64]).Write("a", [64], [.. Enumerable.Range(1, 64).Select(i => (float)i)]);
        float[] merged = _models.MergeOne("dialect: paper\n" + FromBase("dare_linear", "weight: 1, density: 0.125"));
        int kept = 0;
        for (int i = 0; i < 64; i++)
        {
            Assert.True(merged[i] == 0 || merged[i] == (i + 1) * 8f, $"{merged[i]} at {i}");
            kept += merged[i] != 0 ? 1 : 0;
        }

        // Six standard deviations of 64 draws around 8.
        Assert.InRange(kept, 1, 24);
    }

    [Fact]
    public void Model_stock_of_opposite_or_parting_or_tiny_differences_stays_between_base_and_mean()
    {
        _models.Write("base", [2], [1, 1]).Write("a", [2], [2, 1]).Write("b", [2], [0, 1]);
        Assert.Equal([1f, 1f], _models.MergeOne(FromBase("model_stock", "", "", "a", "b")));
        Assert.Equal([1f, 1f], _models.MergeOne("dialect: paper\n" + FromBase("model_stock", "", "", "a", "b")));

        // An angle of more than 90 degrees: mergekit's factor is negative.
        _models.Write("b", [2], [0.5f, 1.5f]);
        float[] parting = _models.MergeOne("dialect: paper\n" + FromBase("model_stock", "", "", "a", "b"));
        Assert.InRange(parting[0], 1f, 1.25f);
        Assert.InRange(parting[1], 1f, 1.25f);

        // Equal differences have an angle of nothing however small they are.
        _models.Write("base", [2], [0, 0]).Write("a", [2], [2e-4f, 0]).Write("b", [2], [2e-4f, 0]);
        Assert.Equal([2e-4f, 0f], _models.MergeOne("dialect: paper\n" + FromBase("model_stock", "", "", "a", "b")));
    }

    [Fact]
    public void Multislerp_keeps_a_tensor_that_nobody_has_touched()
    {
        _models.Write("base", [3], [1, 2, 3]).Write("a", [3], [1, 2, 3]).Write("b", [3], [1, 2, 3]).Write("c", [3], [1, 2, 3]);
        Assert.Equal([1f, 2f, 3f], _models.MergeOne(FromBase("multislerp", "weight: 1", "", "a", "b", "c")));
    }

    [Theory]
    [InlineData("slerp")]
    [InlineData("nuslerp")]
    public void Interpolation_of_opposite_vectors_and_of_a_zero_one_is_on_the_straight_line(string method)
    {
        string recipe = method == "slerp"
            ? "merge_method: slerp\nbase_model: models/a\nparameters: {t: 0.25}\nmodels:\n- model: models/b\n"
            : "merge_method: nuslerp\nmodels:\n- {model: models/a, parameters: {weight: 0.75}}\n- {model: models/b, parameters: {weight: 0.25}}\n";
        _models.Write("a", [2], [2, 4]).Write("b", [2], [-2, -4]);
        Assert.Equal([1f, 2f], _models.MergeOne(recipe));
        _models.Write("b", [2], [0, 0]);
        Assert.Equal([1.5f, 3f], _models.MergeOne(recipe));
    }

    [Fact]
    public void Nuslerp_of_exactly_opposite_differences_in_float32_is_on_the_straight_line()
    {
        // Many elements, so that the cosine in float32 is not exactly −1.
        float[] origin = [.. Enumerable.Range(0, 240).Select(i => i / 7f)], up = [.. origin.Select((x, i) => x + (((i * 37 % 11) - 5) / 16f))], down = [.. origin.Select((x, i) => x - (((i * 37 % 11) - 5) / 16f))];
        _models.Write("base", [240], origin).Write("a", [240], up).Write("b", [240], down);
        float[] merged = _models.MergeOne("merge_method: nuslerp\nbase_model: models/base\nmodels:\n- {model: models/a, parameters: {weight: 0.7}}\n- {model: models/b, parameters: {weight: 0.3}}\n");
        // Half of an ulp of 34 for the inputs' own rounding, and as much for the result's.
        for (int i = 0; i < 240; i++) Assert.Equal(origin[i] + (0.4 * ((i * 37 % 11) - 5) / 16), merged[i], 4e-6);
    }

    [Fact]
    public void Arcee_fusion_of_half_precision_stays_half_and_selects_in_float32()
    {
        var random = new Random(3);
        float[] origin = [.. Enumerable.Range(0, 900).Select(_ => (float)(BFloat16)(float)(random.NextDouble() - 0.5))], model = [.. origin.Select(x => (float)(BFloat16)(x * (1 + ((float)random.NextDouble() / 4))))];
        _models.Write("base", [30, 30], origin, DType.BF16).Write("a", [30, 30], model, DType.BF16);
        string output = _models.Merge(FromBase("arcee_fusion", ""));
        using Checkpoint half = Checkpoint.Open(output);
        Assert.Equal(DType.BF16, half["w"].DType);
        _models.Write("base", [30, 30], origin).Write("a", [30, 30], model);
        Assert.Equal(_models.MergeOne(FromBase("arcee_fusion", "")), half.ReadFloat32("w"));
    }

    [Theory]
    [InlineData("0")]
    [InlineData("0.5")]
    [InlineData("1")]
    public void Sce_keeps_the_shape_whatever_it_selects(string share)
    {
        _models.Write("base", [2, 3], new float[6]).Write("a", [2, 3], [1, 2, 3, 4, 5, 6]).Write("b", [2, 3], new float[6]);
        using Checkpoint output = Checkpoint.Open(_models.Merge(FromBase("sce", "", $"select_topk: {share}", "a", "b")));
        Assert.Equal(new Shape(2, 3), output["w"].Shape);
        if (share == "0") Assert.Equal(new float[6], output.ReadFloat32("w"));
    }

    /// <summary>mergekit's tool for models without a definition takes a weight of 0 for none, fails without parameters, and uses the first value of a gradient for all layers.</summary>
    [Fact]
    public void Models_without_a_config_take_weights_of_zero_no_parameters_and_gradients()
    {
        Written[] Layers(float value) => [.. Enumerable.Range(0, 3).Select(i => new Written($"blocks.{i}.w", [1], [value]))];
        _models.Write("base", null, Layers(0)).Write("a", null, Layers(1)).Write("b", null, Layers(8));
        float[] Merge(string recipe)
        {
            using Checkpoint output = Checkpoint.Open(_models.Merge(recipe));
            return [.. output.Names.SelectMany(n => output.ReadFloat32(n))];
        }

        Assert.Equal([1f, 1f, 1f], Merge("merge_method: task_arithmetic\nbase_model: models/base\nmodels:\n- {model: models/a, parameters: {weight: 1}}\n- {model: models/b, parameters: {weight: 0}}\n"));
        Assert.Equal([1f, 1f, 1f], Merge("merge_method: passthrough\nmodels:\n- model: models/a\n"));
        Assert.Equal([0f, 0.5f, 1f], Merge("merge_method: task_arithmetic\nbase_model: models/base\nmodels:\n- {model: models/a, parameters: {weight: [0, 1]}}\n"));
    }

    /// <summary>3072 ranks collapse to 704 values where they are held in bfloat16: with epsilon at its largest the smallest would not be dropped more often than its neighbours.</summary>
    [Fact]
    public void Della_of_half_precision_draws_the_mask_that_it_draws_of_float32()
    {
        float[] values = [.. Enumerable.Range(0, 3072).Select(i => (float)(BFloat16)(1 + (i / 3072f)))];
        _models.Write("base", [3072], new float[3072], DType.BF16).Write("a", [3072], values, DType.BF16);
        string recipe = FromBase("della_linear", "weight: 1, density: 0.5, epsilon: 0.4", "rescale: false");
        float[] half = _models.MergeOne(recipe);
        _models.Write("base", [3072], new float[3072]).Write("a", [3072], values);
        Assert.Equal(_models.MergeOne(recipe), half);
    }

    [Theory]
    [InlineData("linear")]
    [InlineData("karcher")]
    [InlineData("multislerp")]
    public void Half_precision_is_computed_in_float32_and_rounded_once(string method)
    {
        var random = new Random(5);
        foreach (DType dtype in new[] { DType.BF16, DType.F32 })
        {
            random = new Random(5);
            for (int k = 0; k < 3; k++) _models.Write($"m{k}", [8, 40], [.. Enumerable.Range(0, 320).Select(_ => (float)(BFloat16)(float)(random.NextDouble() - 0.5))], dtype);
            string recipe = $"merge_method: {method}\nmodels:\n" + string.Concat(Enumerable.Range(0, 3).Select(k => $"- {{model: models/m{k}{(method == "karcher" ? "" : ", parameters: {weight: 0.3}")}}}\n"));
            if (dtype == DType.BF16) File.WriteAllText(_models.PathOf("half"), string.Join('\n', _models.MergeOne(recipe).Select(BitConverter.SingleToUInt32Bits)));
            else Assert.Equal(File.ReadAllLines(_models.PathOf("half")).Select(uint.Parse), _models.MergeOne(recipe).Select(v => BitConverter.SingleToUInt32Bits((float)(BFloat16)v)));
        }
    }

    [Theory]
    [InlineData("merge_method: linear\nmodels:\n- {model: models/a, parameters: {weight: 1}}\n- {model: models/b, parameters: {weight: -1}}\n", "sum")]
    [InlineData("merge_method: passthrough\nslices:\n- sources: [{model: models/a, layer_range: [3, 1]}]\n", "layer_range")]
    [InlineData("merge_method: linear\nmodels:\n- {model: models/a, parameters: {wieght: 1}}\n", "wieght")]
    public void Recipes_that_would_write_infinities_negative_layers_or_something_else_than_asked_write_nothing(string recipe, string mention)
    {
        _models.Write("a", [2], [1, 2]).Write("b", [2], [3, 4]);
        Exception error = Assert.ThrowsAny<Exception>(() => _models.Merge(recipe));
        Assert.True(error is YamlException or PlanningException, error.GetType().Name);
        Assert.Contains(mention, error.Message, StringComparison.Ordinal);
        Assert.StartsWith("r.yml:", error.Message, StringComparison.Ordinal);
        Assert.Equal(["models"], Directory.GetFileSystemEntries(_models.Root).Select(e => Path.GetFileName(e)!));
    }

    [Fact]
    public void The_same_model_twice_counts_twice()
    {
        _models.Write("base", [2], [0, 0]).Write("a", [2], [4, 8]).Write("b", [2], [8, 0]);
        Assert.Equal([3f, 6f], _models.MergeOne("merge_method: task_arithmetic\nbase_model: models/base\nmodels:\n- {model: models/a, parameters: {weight: 0.25}}\n- {model: models/a, parameters: {weight: 0.5}}\n"));
        Assert.Equal([5f, 6f], _models.MergeOne("merge_method: linear\nmodels:\n- {model: models/a, parameters: {weight: 1}}\n- {model: models/b, parameters: {weight: 1}}\n- {model: models/a, parameters: {weight: 2}}\n"));
    }
}
