using System.Globalization;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.TensorMethods;

/// <summary>
/// Methods that look at whole models against plain float64 loops, over models full of equal magnitudes, exact cancellations and zeros. Differences of such numbers are exact in float32 and sums
/// nearly so in float64, so one rounding of the result is all that may differ.
/// </summary>
public sealed class WholeModelTests
{
    private static readonly double[] s_weights = [0.5, 1, 0.75, 0.25];

    /// <summary>Recipes of every method that looks at whole models, and of what is published for one tensor at a time.</summary>
    private static readonly Dictionary<string, (string Recipe, string PerModel)> s_recipes = new()
    {
        ["tatr"] = ("merge_method: tatr\nparameters: {lambda: 0.7, rho: 0.8}", "gradients: g"),
        ["tatr, zero-shot"] = ("merge_method: tatr\nparameters: {lambda: 0.7, rho: 0.6}", ""),
        ["ties"] = ("merge_method: ties\ndialect: paper\nparameters: {lambda: 1.25}", "density: 0.3"),
        ["dare_linear"] = ("merge_method: dare_linear\ndialect: paper\nparameters: {lambda: 0.7}", "density: 0.3"),
        ["dare_ties"] = ("merge_method: dare_ties\ndialect: paper\nparameters: {lambda: 0.7}", "density: 0.3"),
        ["breadcrumbs"] = ("merge_method: breadcrumbs\ndialect: paper\nparameters: {lambda: 0.7}", "density: 0.4, gamma: 0.1"),
        ["task_arithmetic"] = ("merge_method: task_arithmetic\ndialect: paper\nparameters: {lambda: 0.7}", ""),
        ["lines"] = ("merge_method: lines\nparameters: {beta: 0.4}", ""),
        ["consensus"] = ("merge_method: consensus\nparameters: {lambda: 0.7, least_models: HALF}", "mask_lambda: 0.5"),
        ["pcb"] = ("merge_method: pcb\nparameters: {lambda: 0.9, ratio: 0.3}", ""),
        ["fisher"] = ("merge_method: fisher\nparameters: {floor: 0.02, normalize: true}", "fisher: f"),
        ["emr, one task"] = ("merge_method: emr\nparameters: {lambda: 0.8, task: 1}", ""),
    };

    public static TheoryData<string> Recipes => [.. s_recipes.Keys];

    public static TheoryData<string, string> RecipesOnDevices => new(from m in s_recipes.Keys from d in DeviceCases.Kinds select (m, d));

    [Theory]
    [MemberData(nameof(RecipesOnDevices))]
    public void Chunks_and_devices_do_not_show_in_the_bits(string recipe, string device)
    {
        using Device opened = DeviceCases.Open(device, 3), reference = Device.Open("reference");
        for (int seed = 0; seed < 6; seed++)
        {
            WholeTensor[] model = Draw(seed, 1 + (seed % 4));
            float[] whole = Run(recipe, reference, model);
            Equal(whole, Run(recipe, opened, model, cuts: new Random(seed)));
            Equal(whole, Run(recipe, opened, model));
        }
    }

    [Theory]
    [MemberData(nameof(Recipes))]
    public void One_model_of_the_base_itself_gives_the_base_bit_for_bit(string recipe)
    {
        using Device device = DeviceCases.Open("cpu", 2);
        WholeTensor[] model = [.. Draw(1, 3).Select(t => t with { Inputs = [.. t.Inputs.Select(_ => t.Inputs[0])] })];
        Equal(Origin(model), Run(recipe, device, model));
    }

    [Theory]
    [MemberData(nameof(Recipes))]
    public void A_lambda_of_zero_gives_the_base_bit_for_bit(string recipe)
    {
        if (recipe is "lines" or "fisher") return;
        using Device device = DeviceCases.Open("cpu", 2);
        WholeTensor[] model = Draw(2, 3);
        model[0].Inputs[0][0] = -0f;
        (string text, string perModel) = s_recipes[recipe];
        int at = text.IndexOf("lambda: ", StringComparison.Ordinal) + 8;
        Equal(Origin(model), Run(text[..at] + "0" + text[(at + (text[at] == '1' ? 4 : 3))..], device, model, perModel));
    }

    /// <summary>
    /// Float64 sums in another order, rounded once: a unit in the last place. The number of a task moves along; random masks belong to a place in the recipe, and what is at the threshold of competition
    /// by a rounding error has a weight or none.
    /// </summary>
    [Theory]
    [MemberData(nameof(Recipes))]
    public void The_order_of_the_models_does_not_matter(string recipe)
    {
        if (recipe == "pcb" || recipe.StartsWith("dare", StringComparison.Ordinal)) return;
        using Device device = DeviceCases.Open("cpu", 2);
        for (int seed = 0; seed < 10; seed++)
        {
            WholeTensor[] model = Draw(seed, 4);
            int[] order = [3, 1, 0, 2];
            (string text, string perModel) = s_recipes[recipe];
            WholeTensor[] shuffled = [.. model.Select(t => t with
            {
                Inputs = [t.Inputs[0], .. order.Select(k => t.Inputs[k + 1])],
                Companions = [t.Companions[0], .. order.Select(k => t.Companions[k + 1])],
            })];
            float[] straight = Run(text, device, model, perModel), turned = Run(text.Replace("task: 1", "task: 3", StringComparison.Ordinal), device, shuffled, perModel, [.. order.Select(k => s_weights[k])]);
            Near([.. straight.Select(x => (double)x)], turned, 2);
        }
    }

    [Fact]
    public void Tatr_drops_what_a_double_sum_over_pairs_and_a_sort_drop()
    {
        using Device device = DeviceCases.Open("cpu", 3);
        int dropped = 0;
        for (int seed = 0; seed < 60; seed++)
        {
            var random = new Random(seed);
            WholeTensor[] model = Draw(seed, random.Next(1, 5));
            if (seed % 3 == 0) model[1].Companions[1] = null;
            double rho = random.Next(0, 11) / 10.0, lambda = random.Next(-4, 8) / 4.0;
            bool zeroShot = seed % 4 == 0;
            double[][] d = Differences(model), gradients = [.. Enumerable.Range(1, d.Length).Select(k => model.SelectMany(t => t.Companions[k] ?? t.Inputs[0]).Select(x => (double)x).ToArray())];
            bool[] counted = [.. model.SelectMany(t => t.Inputs[0].Select(_ => zeroShot || t.Companions.Skip(1).All(c => c is not null)))];
            bool[] mask = WholeModelReference.TrustRegion(d, zeroShot ? null : gradients, counted, rho);
            dropped += mask.Count(m => !m);
            double[] expected = WholeModelReference.TaskArithmetic(Origin(model), d, s_weights, _ => lambda, mask);
            float[] merged = Run(string.Create(CultureInfo.InvariantCulture, $"merge_method: tatr\nparameters: {{lambda: {lambda}, rho: {rho}}}"), device, model, zeroShot ? "" : "gradients: g", cuts: random);
            Near(expected, merged);
            float[] origin = Origin(model);
            Assert.All(Enumerable.Range(0, mask.Length).Where(i => !mask[i]), i => Assert.Equal(BitConverter.SingleToUInt32Bits(origin[i]), BitConverter.SingleToUInt32Bits(merged[i])));
        }

        Assert.True(dropped > 2000, $"Only {dropped} positions were dropped.");
    }

    [Fact]
    public void A_rho_of_one_or_a_single_model_is_task_arithmetic_bit_for_bit()
    {
        using Device device = DeviceCases.Open("cpu", 2);
        foreach ((int models, string rho) in new[] { (4, "1"), (1, "0.5") })
        {
            WholeTensor[] model = Draw(7, models);
            float[] plain = Run("merge_method: task_arithmetic\nparameters: {lambda: 0.3}", device, model, "");
            Equal(plain, Run($"merge_method: tatr\nparameters: {{lambda: 0.3, rho: {rho}}}", device, model, "gradients: g"));
            Equal(plain, Run($"merge_method: tatr\nparameters: {{lambda: 0.3, rho: {rho}}}", device, model, ""));
            Equal(plain, Run("merge_method: task_arithmetic\ndialect: paper\nparameters: {lambda: 0.3}", device, model, ""));
        }
    }

    [Fact]
    public void Ties_as_published_trims_and_elects_over_the_whole_model()
    {
        using Device device = DeviceCases.Open("cpu", 3);
        int undecided = 0;
        for (int seed = 0; seed < 60; seed++)
        {
            var random = new Random(seed);
            int models = random.Next(1, 5);
            WholeTensor[] model = Draw(seed, models);
            double lambda = random.Next(-4, 8) / 4.0;
            double[] densities = [.. Enumerable.Range(0, models).Select(_ => random.Next(0, 11) / 10.0)];
            double[][] d = Differences(model);
            undecided += Enumerable.Range(0, d[0].Length).Count(i => d.Any(v => v[i] != 0) && d.Sum(v => v[i]) == 0);
            var run = new WholeModelRun
            {
                Recipe = string.Create(CultureInfo.InvariantCulture, $"merge_method: ties\ndialect: paper\nparameters: {{lambda: {lambda}}}"),
                Models = [.. densities.Select((p, k) => string.Create(CultureInfo.InvariantCulture, $"density: {p}, weight: {s_weights[k]}"))],
                Cuts = random,
            };
            Near(WholeModelReference.Ties(Origin(model), d, densities, s_weights, lambda), run.Merge(device, model));
        }

        Assert.True(undecided > 100, $"Only {undecided} positions cancel exactly.");
    }

    [Fact]
    public void Lines_scales_by_layer_from_a_factor_that_norms_give()
    {
        using Device device = DeviceCases.Open("cpu", 3);
        for (int seed = 0; seed < 20; seed++)
        {
            WholeTensor[] model = Draw(seed, 4);
            double[][] d = Differences(model);
            double[] positions = [.. model.SelectMany(t => t.Inputs[0].Select(_ => t.Position))];
            double alpha = WholeModelReference.Alpha(d, s_weights);
            Near(WholeModelReference.TaskArithmetic(Origin(model), d, s_weights, i => alpha + (0.4 * positions[i])), Run("lines", device, model, cuts: new Random(seed)));
            Near(
                WholeModelReference.TaskArithmetic(Origin(model), d, s_weights, i => 0.25 - (0.125 * positions[i])),
                Run("merge_method: lines\nparameters: {alpha: 0.25, beta: -0.125}", device, model, ""));

            // With weights of one the factor is 1/K, by the norms and without them.
            float[] quarter = Run("merge_method: lines\nparameters: {alpha: 0.25, beta: 0.5}", device, model, "", [1, 1, 1, 1]);
            Equal(quarter, Run("merge_method: lines\nparameters: {beta: 0.5}", device, model, "", [1, 1, 1, 1]));
        }
    }

    [Fact]
    public void Consensus_keeps_positions_that_enough_models_stand_out_at()
    {
        using Device device = DeviceCases.Open("cpu", 3);
        for (int seed = 0; seed < 40; seed++)
        {
            var random = new Random(seed);
            int models = random.Next(1, 5), least = random.Next(1, models + 1);
            WholeTensor[] model = Draw(seed, models);
            double maskLambda = random.Next(0, 5) / 4.0;
            Near(
                WholeModelReference.Consensus(Origin(model), Differences(model), s_weights, [.. Enumerable.Repeat(maskLambda, models)], least, 0.5),
                Run($"merge_method: consensus\nparameters: {{lambda: 0.5, least_models: {least}}}", device, model, string.Create(CultureInfo.InvariantCulture, $"mask_lambda: {maskLambda}"), cuts: random));
        }
    }

    [Fact]
    public void Emr_gives_the_model_of_one_task()
    {
        using Device device = DeviceCases.Open("cpu", 3);
        for (int seed = 0; seed < 40; seed++)
        {
            var random = new Random(seed);
            int models = random.Next(1, 5), task = random.Next(0, models);
            WholeTensor[] model = Draw(seed, models);
            Near(
                WholeModelReference.Emr(Origin(model), Differences(model), task, 0.5),
                Run($"merge_method: emr\nparameters: {{lambda: 0.5, task: {task + 1}}}", device, model, "", cuts: random));
        }
    }

    /// <summary>Float64 quotients and exponentials on both sides, so a little more than the rounding: 2⁻⁴⁰ of what is added.</summary>
    [Fact]
    public void Pcb_balances_competition_over_the_whole_model()
    {
        using Device device = DeviceCases.Open("cpu", 3);
        for (int seed = 0; seed < 40; seed++)
        {
            var random = new Random(seed);
            int models = random.Next(1, 5);
            double ratio = random.Next(1, 11) / 10.0;
            // Numbers without ties: a threshold between two equal scores is one of rounding errors.
            WholeTensor[] model = [.. Draw(seed, models).Select(t => t with { Inputs = [t.Inputs[0], .. t.Inputs.Skip(1).Select(x => x.Select(v => v + (float)random.NextDouble()).ToArray())] })];
            double[] expected = WholeModelReference.Pcb(Origin(model), Differences(model), s_weights, ratio, 0.9);
            float[] found = Run(string.Create(CultureInfo.InvariantCulture, $"merge_method: pcb\nparameters: {{lambda: 0.9, ratio: {ratio}}}"), device, model, "", cuts: random);
            for (int i = 0; i < found.Length; i++) Assert.Equal(expected[i], found[i], (Math.Abs(expected[i]) * Math.Pow(2, -24)) + Math.Pow(2, -40));
        }
    }

    [Fact]
    public void Fisher_weighs_every_element_by_its_information()
    {
        using Device device = DeviceCases.Open("cpu", 3);
        for (int seed = 0; seed < 30; seed++)
        {
            var random = new Random(seed);
            int models = random.Next(1, 5);
            bool normalize = seed % 2 == 0, hasBase = seed % 3 != 0;
            WholeTensor[] model = Draw(seed, models);
            _ = Differences(model);
            float[] origin = hasBase ? Origin(model) : [.. model.SelectMany(t => t.Inputs[1])];
            float[][] Flat(Func<WholeTensor, int, float[]> of) => [.. Enumerable.Range(1, models).Select(k => model.SelectMany(t => of(t, k)).ToArray())];
            double[] expected = WholeModelReference.Fisher(origin, Flat((t, k) => t.Inputs[k]), Flat((t, k) => t.Companions[k]!), s_weights[..models], 1 / 128.0, normalize);
            float[] found = Run($"merge_method: fisher\nparameters: {{floor: 0.0078125, normalize: {(normalize ? "true" : "false")}}}", device, model, "fisher: f", cuts: random, hasBase: hasBase);
            Near(expected, found);
        }
    }

    [Fact]
    public void Fisher_of_one_model_is_that_model_and_a_tensor_without_information_is_averaged()
    {
        using Device device = DeviceCases.Open("cpu", 2);
        WholeTensor[] model = Draw(5, 1);
        Equal([.. model.OrderBy(t => t.Name, StringComparer.Ordinal).SelectMany(t => t.Inputs[1])], Run("merge_method: fisher", device, model, "fisher: f", hasBase: false));

        model = [.. Draw(6, 2).Select(t => t with { Companions = t.Name == "layers.1.w" ? [null, null, t.Companions[2]] : t.Companions })];
        float[] found = Run("merge_method: fisher", device, model, "fisher: f", [1, 3]);
        WholeTensor without = model.Single(t => t.Name == "layers.1.w");
        int first = model.Where(t => string.CompareOrdinal(t.Name, without.Name) < 0).Sum(t => t.Inputs[0].Length);
        Near([.. without.Inputs[1].Zip(without.Inputs[2], (a, b) => (a + (3.0 * b)) / 4)], found[first..(first + without.Inputs[0].Length)]);
    }

    /// <summary>A task's model alone: nothing is masked, and the scale is 1.</summary>
    [Fact]
    public void Emr_of_one_model_is_that_model()
    {
        using Device device = DeviceCases.Open("cpu", 2);
        WholeTensor[] model = Draw(3, 1);
        Equal([.. model.OrderBy(t => t.Name, StringComparer.Ordinal).SelectMany(t => t.Inputs[1])], Run("merge_method: emr\nparameters: {task: 1}", device, model, ""));
    }

    /// <summary>1/density where the mask is 1, the base elsewhere, and of 400 000 draws a share within six standard deviations, 0.0044.</summary>
    [Fact]
    public void Dare_as_published_divides_by_the_probability()
    {
        using Device device = DeviceCases.Open("cpu", 2);
        WholeTensor[] model = [new("a", [new float[400_000], [.. Enumerable.Repeat(0.5f, 400_000)]], [])];
        foreach (string method in new[] { "dare_linear", "dare_ties" })
        {
            float[] merged = Run($"merge_method: {method}\ndialect: paper", device, model, "density: 0.3", [1]);
            Assert.All(merged, x => Assert.True(x == 0 || x == (float)(0.5 / 0.3)));
            Assert.Equal(0.3, merged.Average(x => x == 0 ? 0 : 1.0), 0.0044);
        }
    }

    [Fact]
    public void Density_one_of_the_published_methods_drops_nothing()
    {
        using Device device = DeviceCases.Open("cpu", 2);
        WholeTensor[] model = Draw(9, 3);
        float[] plain = Run("merge_method: task_arithmetic\ndialect: paper", device, model, "");
        Equal(plain, Run("merge_method: dare_linear\ndialect: paper", device, model, "density: 1"));
        Equal(plain, Run("merge_method: breadcrumbs\ndialect: paper", device, model, "density: 1"));
    }

    [Fact]
    public void Gradients_that_are_negative_or_no_numbers_are_refused()
    {
        using Device device = DeviceCases.Open("cpu", 2);
        foreach (float bad in new[] { -0.5f, float.NaN, float.PositiveInfinity })
        {
            WholeTensor[] model = Draw(4, 3);
            model[1].Companions[2]![3] = bad;
            Assert.Contains("gradients of model 2", Assert.Throws<ArgumentException>(() => Run("tatr", device, model)).Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("merge_method: consensus\nparameters: {lambda: 1}", 1, "'least_models' is 2, and there is 1 model")]
    [InlineData("merge_method: emr\nparameters: {task: 3}", 2, "'task' is 3, and there are 2 models")]
    public void Numbers_of_models_that_are_not_there_are_refused(string recipe, int models, string part)
    {
        using Device device = DeviceCases.Open("cpu", 2);
        WholeTensor[] model = Draw(4, models);
        Assert.Contains(part, Assert.ThrowsAny<Exception>(() => Run(recipe, device, model, "")).Message, StringComparison.Ordinal);
    }

    /// <summary>Tensors of odd lengths, out of order, some frozen in all models or in one; multiples of 1/64 from a short range.</summary>
    private static WholeTensor[] Draw(int seed, int models)
    {
        var random = new Random(seed);
        string[] names = ["layers.1.w", "layers.0.w", "b", "layers.10.w", "Z", "frozen", "one"];
        int[] lengths = [157, 64, 33, 128, 7, 20, 1];
        return [.. names.Select((name, i) =>
        {
            float[] origin = [.. Enumerable.Range(0, lengths[i]).Select(_ => random.Next(-40, 41) / 64f)];
            float[][] inputs = [origin, .. Enumerable.Range(0, models).Select(k => name == "frozen" || (name == "b" && k == 0) ? origin : origin.Select(x => x + (random.Next(-6, 7) / 64f)).ToArray())];
            float[]?[] gradients = [null, .. Enumerable.Range(0, models).Select(_ => origin.Select(_ => random.Next(0, 5) / 64f).ToArray())];
            return new WholeTensor(name, inputs, gradients, i / 8.0);
        })];
    }

    /// <summary>A recipe of the table by its name, or a recipe's text.</summary>
    private static float[] Run(string recipe, Device device, WholeTensor[] model, string? perModel = null, double[]? weights = null, Random? cuts = null, bool hasBase = true)
    {
        (string text, string given) = s_recipes.TryGetValue(recipe, out (string, string) known) ? known : (recipe, "");
        int models = model[0].Inputs.Length - 1;
        bool weighs = !text.Contains("emr", StringComparison.Ordinal);
        return new WholeModelRun
        {
            Recipe = text.Replace("HALF", models > 1 ? "2" : "1", StringComparison.Ordinal),
            Models = [.. Enumerable.Range(0, models).Select(k => string.Join(", ", new[] { perModel ?? given, weighs ? string.Create(CultureInfo.InvariantCulture, $"weight: {(weights ?? s_weights)[k]}") : "" }.Where(p => p.Length > 0)))],
            Cuts = cuts,
            HasBase = hasBase,
        }.Merge(device, model);
    }

    private static float[] Origin(WholeTensor[] model) => [.. model.OrderBy(t => t.Name, StringComparer.Ordinal).SelectMany(t => t.Inputs[0])];

    private static double[][] Differences(WholeTensor[] model)
    {
        Array.Sort(model, (a, b) => string.CompareOrdinal(a.Name, b.Name));
        return WholeModelReference.Differences(Origin(model), [.. Enumerable.Range(1, model[0].Inputs.Length - 1).Select(k => model.SelectMany(t => t.Inputs[k]).ToArray())]);
    }

    private static void Equal(float[] expected, float[] found) =>
        Assert.Equal(Array.ConvertAll(expected, BitConverter.SingleToUInt32Bits), Array.ConvertAll(found, BitConverter.SingleToUInt32Bits));

    /// <summary>Half a unit of the last place for each rounding, and what float64 sums add.</summary>
    private static void Near(double[] expected, float[] found, int roundings = 1)
    {
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < found.Length; i++)
            Assert.True(Math.Abs(found[i] - expected[i]) <= (roundings * Math.Abs(expected[i]) * Math.Pow(2, -24)) + 1e-14, $"Element {i} is {found[i]:g9}, expected {expected[i]:g17}.");
    }
}
