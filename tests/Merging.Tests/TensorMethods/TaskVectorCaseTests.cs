using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Merging.TensorMethods.TaskVectors;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.TensorMethods;

/// <summary>mergekit's own outputs, tensor by tensor, in random chunks, on every kind of device.</summary>
public sealed class TaskVectorCaseTests
{
    private const string Small = "mergekit-task-vectors";

    /// <summary>
    /// Cases that ask for more than a method: another tokenizer, an adapter, cut or tied or renamed tensors, slices, an error, random masks (tested by statistics).
    /// </summary>
    private static readonly string[] s_others = ["tokenizer-", "lora-", "unsafe-", "tied-", "unknown-", "slices-", "modules-", "multi", "random-"];

    private static readonly string[] s_methods =
        ["task_arithmetic", "ties", "dare_linear", "dare_ties", "breadcrumbs", "breadcrumbs_ties", "della", "della_linear", "sce", "ram", "ramplus_tl"];

    public static TheoryData<string, string> FullOnDevices() => new(
        from file in Directory.GetFiles(FixtureFiles.PathOf("mergekit-recipes"), "*.yml").Order(StringComparer.Ordinal)
        let name = Path.GetFileNameWithoutExtension(file)
        where !s_others.Any(o => name.StartsWith(o, StringComparison.Ordinal)) && s_methods.Contains(MergekitCases.Recipe(name).Method.Name)
        from device in DeviceCases.Kinds
        select (name, device));

    public static TheoryData<string, string> SmallOnDevices() => new(
        from name in File.ReadAllText(FixtureFiles.PathOf($"{Small}/float64_max_abs.json")).Split('"').Where((_, i) => i % 2 == 1)
        from device in DeviceCases.Kinds
        select (name, device));

    [Theory]
    [MemberData(nameof(FullOnDevices))]
    public void A_case_gives_mergekits_values_within_its_own_rounding(string name, string device)
    {
        using MergekitCases cases = MergekitCases.OpenFull();
        using Device opened = DeviceCases.Open(device, 2);
        double worst = cases.Check(name, opened);
        TestContext.Current.TestOutputHelper!.WriteLine($"{name}: {worst:f3} of the bound");
    }

    [Theory]
    [MemberData(nameof(SmallOnDevices))]
    public void Tensors_cut_out_of_a_case_are_merged_like_the_whole(string name, string device)
    {
        using MergekitCases cases = MergekitCases.OpenSmall(Small);
        using Device opened = DeviceCases.Open(device, 2);
        cases.Check(name, opened);
    }

    /// <summary>
    /// Kept shares over all tensors of a model of 16 000 elements, of which at least 15 000 differ from the base: six standard deviations of such a share are 0.025. Scales
    /// are those of L1 norms; without rescale they are 1 exactly, but for the rounding of the output.
    /// </summary>
    [Theory]
    [InlineData("random-dare-linear", 0.5, true)]
    [InlineData("random-dare-linear-plain", 0.5, false)]
    [InlineData("random-della-linear", 0.5, false)]
    [InlineData("random-dare-bf16", 0.3, true)]
    public void A_random_case_keeps_the_share_and_the_scale_that_mergekit_keeps(string name, double density, bool rescaled)
    {
        using MergekitCases cases = MergekitCases.OpenFull();
        using Device device = DeviceCases.Open("cpu", 2);
        Recipe recipe = MergekitCases.Recipe(name);
        RecipeSlice slice = recipe.Modules[0].Slices[0];
        TensorMethod method = MergekitCases.MethodOf(recipe);
        long differing = 0, kept = 0, low = 0, lowKept = 0, high = 0, highKept = 0;
        foreach (string tensor in cases.TensorsOf(slice))
        {
            (var task, float[][] inputs) = cases.Task(recipe, slice, tensor, device);
            float[] merged = TensorMethodRun.Merge(method, task, inputs, new Random(1)), x = inputs[0], b = inputs[slice.BaseIndex!.Value];
            double before = 0, after = 0;
            int columns = (int)(task.Shape.Rank < 2 ? task.Length : task.Length / task.Shape[0]);
            for (int row = 0; row < merged.Length; row += columns)
            {
                int[] order = [.. Enumerable.Range(row, columns).OrderBy(i => Math.Abs(x[i] - b[i]))];
                for (int rank = 0; rank < columns; rank++)
                {
                    int i = order[rank];
                    double d = (double)x[i] - b[i], m = (double)merged[i] - b[i];
                    before += Math.Abs(d);
                    after += Math.Abs(m);
                    if (d == 0) continue;
                    int one = m != 0 ? 1 : 0;
                    (differing, kept) = (differing + 1, kept + one);
                    if (rank < columns / 3) (low, lowKept) = (low + 1, lowKept + one);
                    if (rank >= columns - (columns / 3)) (high, highKept) = (high + 1, highKept + one);
                    if (!rescaled && one == 1) Assert.Equal(d, m, 1.2e-7);
                }
            }

            // An element's rounding is at most half a unit of a number below 2.
            if (rescaled && after > 0) Assert.Equal(before, after, 6e-8 * merged.Length);
        }

        Assert.True(differing > 15_000, $"{differing} elements differ.");
        Assert.Equal(density, (double)kept / differing, 0.025);
        if (name.Contains("della", StringComparison.Ordinal))
        {
            // Thirds of the ranks between 0.3 and 0.7 have mean probabilities of 0.3667 and 0.6333; a third has 5000 elements.
            Assert.Equal(0.3667, (double)lowKept / low, 0.045);
            Assert.Equal(0.6333, (double)highKept / high, 0.045);
        }
        else
        {
            Assert.Equal(density, (double)lowKept / low, 0.045);
            Assert.Equal(density, (double)highKept / high, 0.045);
        }
    }

    /// <summary>Two models with masks of their own: an element of the outcome is the base's, one model's, the other's or the elected combination of both.</summary>
    [Theory]
    [InlineData("random-dare-ties")]
    [InlineData("random-della")]
    public void Two_models_have_masks_of_their_own(string name)
    {
        using MergekitCases cases = MergekitCases.OpenFull();
        using Device device = DeviceCases.Open("cpu", 2);
        Recipe recipe = MergekitCases.Recipe(name);
        RecipeSlice slice = recipe.Modules[0].Slices[0];
        TensorMethod method = MergekitCases.MethodOf(recipe);
        (var task, float[][] inputs) = cases.Task(recipe, slice, "model.embed_tokens.weight", device);
        double p = task.Parameters.Number("density", 0);
        float[] merged = TensorMethodRun.Merge(method, task, inputs), b = inputs[slice.BaseIndex!.Value];
        int[] both = [.. Enumerable.Range(0, merged.Length).Where(i => inputs[0][i] != b[i] && inputs[1][i] != b[i])];
        Assert.True(both.Length > 500, $"{both.Length} elements differ in both models.");

        // Dropped by both where the masks do not know each other: (1 − p)²; at 500 elements six standard deviations are 0.12.
        Assert.Equal((1 - p) * (1 - p), both.Count(i => merged[i] == b[i]) / (double)both.Length, 0.12);
        Assert.NotEqual(RandomThinning.KeyOf(task, 0), RandomThinning.KeyOf(task, 1));
        Assert.NotEqual(RandomThinning.KeyOf(task, 0), RandomThinning.KeyOf(task with { Name = "other" }, 0));
        Assert.NotEqual(RandomThinning.KeyOf(task, 0), RandomThinning.KeyOf(task with { Seed = 43 }, 0));
        Assert.NotEqual(merged, TensorMethodRun.Merge(method, task with { Seed = 43 }, inputs));
    }
}
