using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Parameters;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Merging.Tests.TensorMethods;

/// <summary>Runs methods of task vectors on tensors that are drawn: full of equal magnitudes, exact cancellations and zeros.</summary>
internal static class TaskVectorRuns
{
    private const string Thinned = "density: 0.4";

    /// <summary>Every method, with parameters that make it do what it can.</summary>
    public static readonly Dictionary<string, (string PerModel, string Shared)> Parameters = new()
    {
        ["task_arithmetic"] = ("", "lambda: 0.7"),
        ["ties"] = (Thinned, "lambda: 1.2"),
        ["dare_linear"] = (Thinned, "lambda: 0.7"),
        ["dare_ties"] = (Thinned, "lambda: 0.7"),
        ["breadcrumbs"] = (Thinned + ", gamma: 0.1", "rescale: true"),
        ["breadcrumbs_ties"] = (Thinned + ", gamma: 0.1", "lambda: 1.1, normalize: true"),
        ["della"] = (Thinned + ", epsilon: 0.3", "lambda: 0.9"),
        ["della_linear"] = (Thinned + ", epsilon: 0.3", "lambda: 0.9"),
        ["sce"] = ("", "select_topk: 0.5"),
        ["ram"] = ("", "epsilon: 0.05"),
        ["ramplus_tl"] = ("", "epsilon: 0.05, r: 0.3, alpha: 0.5"),
        ["magmax"] = ("", "lambda: 0.5"),
        ["emr"] = ("", "lambda: 0.8"),
    };

    public static void ForAll(int count, int salt, Action<Random, Shape> holds)
    {
        Gen<(int Seed, int Rows, int Columns)> gen = from seed in Gen.Choose(0, int.MaxValue) from rows in Gen.Choose(1, 9) from columns in Gen.Choose(1, 150) select (seed, rows, columns);
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(count).WithReplay((ulong)(17 + salt), 17),
            Prop.ForAll(gen.ToArbitrary(), x => holds(new Random(x.Seed), x.Rows == 1 ? new Shape(x.Columns) : new Shape(x.Rows, x.Columns))));
    }

    /// <summary>A base and models: multiples of 1/64 from a short range.</summary>
    public static float[][] Draw(Random random, Shape shape, int models)
    {
        float[] origin = [.. Enumerable.Range(0, (int)shape.ElementCount).Select(_ => random.Next(-40, 41) / 64f)];
        return [origin, .. Enumerable.Range(0, models).Select(_ => origin.Select(x => x + (random.Next(-6, 7) / 64f)).ToArray())];
    }

    public static float[] Run(
        string method, Device device, Shape shape, float[][] inputs, string? perModel = null, string? shared = null, double[]? weights = null, Random? cuts = null) =>
        TensorMethodRun.Merge(
            Merging.TensorMethods.TensorMethods.Find(method)!,
            Task(method, device, shape, inputs.Length - 1, perModel ?? Parameters[method].PerModel, shared ?? Parameters[method].Shared, weights), inputs, cuts);

    /// <summary>The base is input 0.</summary>
    public static TensorTask Task(string method, Device device, Shape shape, int models, string perModel, string shared, double[]? weights)
    {
        bool weighs = method is not ("sce" or "ram" or "ramplus_tl" or "magmax" or "emr");
        var lines = new List<string> { $"merge_method: {method}", "base_model: models/base", $"parameters: {{{shared}}}", "models:", "  - model: models/base" };
        for (int k = 0; k < models; k++)
        {
            string weight = weighs ? string.Create(CultureInfo.InvariantCulture, $"weight: {weights?[k] ?? 0.5 - (0.2 * (k % 3))}, ") : "";
            lines.Add($"  - {{model: models/m{k}, parameters: {{{weight}{perModel}}}}}");
        }

        RecipeSlice slice = RecipeText.ReadSlice(string.Join('\n', lines));
        TensorParameters parameters = slice.At(new TensorPlace("t.weight", null, LayerPosition.Outside));
        return new TensorTask(device, "t.weight", shape, models + 1, slice.BaseIndex!.Value, parameters, 5);
    }

    public static void Equal(float[] expected, float[] found) =>
        Assert.Equal(Array.ConvertAll(expected, BitConverter.SingleToUInt32Bits), Array.ConvertAll(found, BitConverter.SingleToUInt32Bits));

    /// <summary>Half a unit of the last place for the one rounding, and for each difference one that may have been inexact; small sums of float64 errors beside.</summary>
    public static void Near(double[] expected, float[] found, float[][]? inputs = null)
    {
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < found.Length; i++)
        {
            double size = Math.Abs(expected[i]) + (inputs is null ? 0 : inputs.Sum(x => Math.Abs((double)x[i] - inputs[0][i])));
            Assert.True(Math.Abs(found[i] - expected[i]) <= (size * Math.Pow(2, -23)) + 1e-14, $"Element {i} is {found[i]:g9}, expected {expected[i]:g17}.");
        }
    }
}
