using System.Globalization;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors;

namespace MergeEngine.Merging.Tests.TensorMethods;

/// <summary>Models full of equal magnitudes, exact cancellations and zeros, and the recipes that merge them. Differences of such numbers are exact in float32 and sums nearly so in float64.</summary>
internal static class WholeModelCases
{
    public static readonly double[] Weights = [0.5, 1, 0.75, 0.25];

    /// <summary>Recipes of every method that looks at whole models, and of what is published for one tensor at a time.</summary>
    public static readonly Dictionary<string, (string Recipe, string PerModel)> Recipes = new()
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

    /// <summary>Tensors of odd lengths, out of order, some frozen in all models or in one; multiples of 1/64 from a short range.</summary>
    public static WholeTensor[] Draw(int seed, int models)
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
    public static float[] Run(string recipe, Device device, WholeTensor[] model, string? perModel = null, double[]? weights = null, Random? cuts = null, bool hasBase = true)
    {
        (string text, string given) = Recipes.TryGetValue(recipe, out (string, string) known) ? known : (recipe, "");
        int models = model[0].Inputs.Length - 1;
        bool weighs = !text.Contains("emr", StringComparison.Ordinal);
        return new WholeModelRun
        {
            Recipe = text.Replace("HALF", models > 1 ? "2" : "1", StringComparison.Ordinal),
            Models = [.. Enumerable.Range(0, models).Select(k => string.Join(", ", new[] { perModel ?? given, weighs ? string.Create(CultureInfo.InvariantCulture, $"weight: {(weights ?? Weights)[k]}") : "" }.Where(p => p.Length > 0)))],
            Cuts = cuts,
            HasBase = hasBase,
        }.Merge(device, model);
    }

    public static float[] Origin(WholeTensor[] model) => [.. model.OrderBy(t => t.Name, StringComparer.Ordinal).SelectMany(t => t.Inputs[0])];

    public static double[][] Differences(WholeTensor[] model)
    {
        Array.Sort(model, (a, b) => string.CompareOrdinal(a.Name, b.Name));
        return WholeModelReference.Differences(Origin(model), [.. Enumerable.Range(1, model[0].Inputs.Length - 1).Select(k => model.SelectMany(t => t.Inputs[k]).ToArray())]);
    }

    public static void Equal(float[] expected, float[] found) =>
        Assert.Equal(Array.ConvertAll(expected, BitConverter.SingleToUInt32Bits), Array.ConvertAll(found, BitConverter.SingleToUInt32Bits));

    /// <summary>Half a unit of the last place for each rounding, and what float64 sums add.</summary>
    public static void Near(double[] expected, float[] found, int roundings = 1)
    {
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < found.Length; i++)
            Assert.True(Math.Abs(found[i] - expected[i]) <= (roundings * Math.Abs(expected[i]) * Math.Pow(2, -24)) + 1e-14, $"Element {i} is {found[i]:g9}, expected {expected[i]:g17}.");
    }
}
