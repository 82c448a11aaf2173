using System.Runtime.InteropServices;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Runs;
using MergeEngine.Merging.Tests.TensorMethods;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Streaming.Execution;

/// <summary>Files in float64 through methods that look at the whole model first: their one factor comes from float32, all else is float64.</summary>
public sealed class Float64FileTests : IDisposable
{
    private const int Length = 500;

    private readonly TemporaryDirectory _directory = new();
    private readonly double[][] _values = [.. Enumerable.Range(0, 3).Select(m => Draw(new Random(m)))];

    public Float64FileTests()
    {
        for (int m = 0; m < 3; m++)
        {
            Directory.CreateDirectory(_directory.File($"m{m}"));
            SafetensorsWriter.Write(_directory.File($"m{m}/model.safetensors"), [new TensorContent("w", DType.F64, new Shape(Length), MemoryMarshal.AsBytes<double>(_values[m]).ToArray())]);
        }
    }

    public void Dispose() => _directory.Dispose();

    /// <summary>Sums of float32 differences are off by 2⁻²⁴ of them at most, and so is their quotient by twice that: 2⁻²³ of what is added to the base.</summary>
    [Theory]
    [InlineData("emr", "{lambda: 0.7, task: 2}", "")]
    [InlineData("lines", "{beta: 0.5}", "parameters: {weight: W}")]
    public void Only_the_factor_of_the_whole_model_is_that_of_float32(string method, string shared, string own)
    {
        double[] merged = Merge(method, shared, own);
        double[] origin = _values[0];
        double[][] d = [.. _values[1..].Select(v => v.Select((x, i) => x - origin[i]).ToArray())];
        double[] expected = method == "emr"
            ? WholeModelReference.Emr(new float[Length], d, 1, 0.7)
            : [.. Enumerable.Range(0, Length).Select(i => WholeModelReference.Alpha(d, [0.5, 0.25]) * ((0.5 * d[0][i]) + (0.25 * d[1][i])))];
        for (int i = 0; i < Length; i++) Assert.Equal(expected[i], merged[i] - origin[i], (Math.ScaleB(1, -23) * Math.Abs(expected[i])) + 1e-15);
    }

    private double[] Merge(string method, string shared, string own)
    {
        string models = string.Concat(Enumerable.Range(1, 2).Select(m => $"  - {{model: {_directory.File($"m{m}")}, {own.Replace("W", m == 1 ? "0.5" : "0.25", StringComparison.Ordinal)}}}\n"));
        RecipeFile file = RecipeFile.Parse($"merge_method: {method}\nbase_model: {_directory.File("m0")}\nparameters: {shared}\nmodels:\n{models}", "r.yml");
        using Device device = Device.Open("cpu", 2);
        MergeResult result = Assert.Single(MergeRun.Run(file, new MergeOptions { Device = device, Output = _directory.File("out") }));
        Assert.DoesNotContain(result.Notes, n => n.Contains("float32", StringComparison.Ordinal));
        using SafetensorsFile output = SafetensorsFile.Open(_directory.File("out/model.safetensors"));
        return output.ReadFloat64("w");
    }

    private static double[] Draw(Random random) => [.. Enumerable.Range(0, Length).Select(_ => random.NextDouble() - 0.5)];
}
