using MergeEngine.Merging.TensorMethods;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Merging.Yaml;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tests.Support;
using static MergeEngine.Merging.Tests.TensorMethods.TaskVectorRuns;

namespace MergeEngine.Merging.Tests.TensorMethods;

/// <summary>Tensors that are easily forgotten: tiny and empty ones, rows of one element, kernels, NaN; and tasks without a base.</summary>
public sealed class TaskVectorEdgeTests
{
    /// <summary>Where mergekit stops, zeroes or divides by nothing: scalars, one element, rows of one, an empty tensor, models like the base.</summary>
    [Theory]
    [MemberData(nameof(TaskVectorPropertyTests.Methods), MemberType = typeof(TaskVectorPropertyTests))]
    public void Tiny_and_untouched_tensors_are_merged_like_others(string method)
    {
        using Device device = DeviceCases.Open("cpu", 2);
        foreach (Shape shape in new[] { new Shape(), new Shape(1), new Shape(3, 1), new Shape(1, 1, 2), new Shape(0), new Shape(0, 5), new Shape(4, 0) })
        {
            float[] origin = [.. Enumerable.Range(0, (int)shape.ElementCount).Select(i => 1f + i)], moved = [.. origin.Select(x => x + 0.5f)];
            foreach (float x in Run(method, device, shape, [origin, moved, moved])) Assert.True(float.IsFinite(x));
            Equal(origin, Run(method, device, shape, [origin, origin, origin]));
        }
    }

    /// <summary>A density of 0.05 of one element is still that element; nothing is cut of 50 elements with a gamma of 1 %.</summary>
    [Fact]
    public void The_last_element_of_a_tensor_is_kept_and_its_largest_not_cut()
    {
        using Device device = DeviceCases.Open("cpu", 2);
        Assert.Equal([3f], Run("ties", device, new Shape(1), [[1], [3]], "density: 0.05", "lambda: 1", [1]));
        Assert.Equal([3f], Run("breadcrumbs", device, new Shape(), [[1], [3]], "density: 0.05, gamma: 0.9", "lambda: 1", [1]));
        float[] origin = new float[50], model = [.. Enumerable.Range(1, 50).Select(i => (float)i)];
        float[] merged = Run("breadcrumbs", device, new Shape(50), [origin, model], "density: 0.9", "lambda: 1", [1]);
        Assert.Equal([.. model.Select(x => x > 5 ? x : 0)], merged);
    }

    /// <summary>Nothing is kept of a density of 0, not the one element that a small density leaves.</summary>
    [Theory]
    [MemberData(nameof(TaskVectorPropertyTests.ThinningMethods), MemberType = typeof(TaskVectorPropertyTests))]
    public void A_density_of_0_keeps_the_bits_of_the_base(string method)
    {
        using Device device = DeviceCases.Open("cpu", 2);
        foreach (string shared in new[] { "", "normalize: true, rescale: true", "normalize: false, rescale: false" })
        {
            foreach (Shape shape in new[] { new Shape(), new Shape(3, 1), new Shape(40, 50) })
            {
                float[] origin = [.. Enumerable.Range(0, (int)shape.ElementCount).Select(i => 1f - i)], moved = [.. origin.Select(x => x + 0.5f)];
                Equal(origin, Run(method, device, shape, [origin, moved, moved], "density: 0", shared, [0.5, 0.5]));
            }
        }
    }

    /// <summary>mergekit's rule for the span around a density, as the table of parameters says it.</summary>
    [Theory]
    [InlineData(0.5, 0.4, true)]
    [InlineData(0.5, 0.5, false)]
    [InlineData(0.25, 0.25, false)]
    [InlineData(0.75, 0.25, false)]
    [InlineData(0.25, 0.2, true)]
    [InlineData(0.25, 0, true)]
    [InlineData(0, 1, true)]
    [InlineData(1, 0.25, true)]
    public void The_keep_probabilities_of_della_lie_between_0_and_1(double density, double epsilon, bool fits)
    {
        foreach (string method in new[] { "della", "della_linear" })
        {
            string recipe = FormattableString.Invariant($"merge_method: {method}\nbase_model: models/a\nmodels: [{{model: models/b, parameters: {{weight: 1, density: {density}, epsilon: {epsilon}}}}}]");
            IReadOnlyList<YamlException> problems = RecipeText.ProblemsOf(RecipeText.ReadFile(recipe));
            Assert.Equal(fits, problems.Count == 0);
            Assert.All(problems, problem => Assert.Contains("must lie inside (0, 1)", problem.Message, StringComparison.Ordinal));
        }
    }

    /// <summary>A row of one element has no rank: its probability is the density. Six standard deviations of 4000 draws are 0.047.</summary>
    [Fact]
    public void Rows_of_one_element_are_kept_with_the_plain_density()
    {
        using Device device = DeviceCases.Open("cpu", 2);
        float[] origin = new float[4000], model = [.. Enumerable.Repeat(1f, 4000)];
        float[] merged = Run("della_linear", device, new Shape(4000, 1), [origin, model], "density: 0.3, epsilon: 0.2", "rescale: false", [1]);
        Assert.Equal(0.3, merged.Average(x => (double)x), 0.047);
    }

    /// <summary>A kernel [2, 3, 4, 4] has two rows: with epsilon at its largest the smallest of 48 values goes and the largest stays, most of the time.</summary>
    [Fact]
    public void A_convolutions_row_is_a_whole_kernel()
    {
        using Device device = DeviceCases.Open("cpu", 2);
        var shape = new Shape(200, 3, 4, 4);
        float[] model = [.. Enumerable.Range(0, (int)shape.ElementCount).Select(i => (float)(1 + (i % 48)))];
        float[] merged = Run("della_linear", device, shape, [new float[model.Length], model], "density: 0.5, epsilon: 0.49", "rescale: false", [1]);
        double Share(int from) => Enumerable.Range(0, model.Length).Where(i => i % 48 >= from && i % 48 < from + 8).Average(i => merged[i] != 0 ? 1.0 : 0);

        // Ranks 0–7 and 40–47 of 48 have mean probabilities of 0.083 and 0.917; six standard deviations of 1600 draws are 0.042.
        Assert.Equal(0.083, Share(0), 0.042);
        Assert.Equal(0.917, Share(40), 0.042);
    }

    [Fact]
    public void A_nan_in_a_model_shows_in_the_result()
    {
        using Device device = DeviceCases.Open("cpu", 2);
        foreach (string method in new[] { "task_arithmetic", "ties", "breadcrumbs" })
            Assert.True(float.IsNaN(Run(method, device, new Shape(4), [[1, 1, 1, 1], [2, float.NaN, 3, 4]], weights: [1])[1]), method);
    }

    [Fact]
    public void A_task_without_a_base_is_refused()
    {
        using Device device = DeviceCases.Open("cpu", 1);
        foreach (TensorMethod method in Merging.TensorMethods.TensorMethods.All.Where(m => m.GetType().Namespace!.EndsWith("TaskVectors", StringComparison.Ordinal)))
        {
            TensorTask task = Task(method.Name, device, new Shape(2), 1, "", "", [1]) with { Base = -1 };
            Assert.Contains("differences from a base", Assert.Throws<ArgumentException>(() => method.Begin(task)).Message, StringComparison.Ordinal);
        }
    }
}
