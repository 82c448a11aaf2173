using System.Globalization;
using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors;
using MergeEngine.Tests.Support;
using static MergeEngine.Merging.Tests.TensorMethods.WholeModelCases;

namespace MergeEngine.Merging.Tests.TensorMethods;

/// <summary>Methods that look at whole models against plain float64 loops: one rounding of the result is all that may differ.</summary>
public sealed class WholeModelTests
{
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
            double[] expected = WholeModelReference.TaskArithmetic(Origin(model), d, Weights, _ => lambda, mask);
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
                Models = [.. densities.Select((p, k) => string.Create(CultureInfo.InvariantCulture, $"density: {p}, weight: {Weights[k]}"))],
                Cuts = random,
            };
            Near(WholeModelReference.Ties(Origin(model), d, densities, Weights, lambda), run.Merge(device, model));
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
            double alpha = WholeModelReference.Alpha(d, Weights);
            Near(WholeModelReference.TaskArithmetic(Origin(model), d, Weights, i => alpha + (0.4 * positions[i])), Run("lines", device, model, cuts: new Random(seed)));
            Near(
                WholeModelReference.TaskArithmetic(Origin(model), d, Weights, i => 0.25 - (0.125 * positions[i])),
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
                WholeModelReference.Consensus(Origin(model), Differences(model), Weights, [.. Enumerable.Repeat(maskLambda, models)], least, 0.5),
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
            double[] expected = WholeModelReference.Pcb(Origin(model), Differences(model), Weights, ratio, 0.9);
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
            double[] expected = WholeModelReference.Fisher(origin, Flat((t, k) => t.Inputs[k]), Flat((t, k) => t.Companions[k]!), Weights[..models], 1 / 128.0, normalize);
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
            string message = Assert.Throws<ArgumentException>(() => Run("tatr", device, model)).Message;
            Assert.Contains("gradients of model 2 (", message, StringComparison.Ordinal);
            Assert.Contains($") hold numbers that are negative or not finite, first in the tensor \"{model[1].Name}\", and ", message, StringComparison.Ordinal);
        }
    }

    /// <summary>What is listed and documented holds: a model alone where the recipe says that one is enough.</summary>
    [Fact]
    public void Consensus_needs_as_many_models_as_its_parameter_says()
    {
        Assert.Equal("at least 2 models, or as many as least_models says", MethodTable.All.Single(m => m.Name == "consensus").Models);
        using Device device = DeviceCases.Open("cpu", 2);
        WholeTensor[] model = Draw(4, 1);
        Equal(Run("merge_method: task_arithmetic\nparameters: {lambda: 1}", device, model, ""), Run("merge_method: consensus\nparameters: {lambda: 1, least_models: 1}", device, model, ""));
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
}
