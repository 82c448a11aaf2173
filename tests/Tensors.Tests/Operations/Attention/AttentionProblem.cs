using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Tests.Support;

namespace MergeEngine.Tensors.Tests.Operations.Attention;

/// <summary>Inputs of one attention on the host, and what a device makes of them.</summary>
/// <param name="Shape">Sizes.</param>
/// <param name="Query">[rows, width].</param>
/// <param name="Key">[rows, width].</param>
/// <param name="Value">[rows, width].</param>
/// <param name="OutputGradient">[rows, width].</param>
/// <param name="Mask">[rows]; null for none.</param>
internal sealed record AttentionProblem(AttentionShape Shape, float[] Query, float[] Key, float[] Value, float[] OutputGradient, int[]? Mask)
{
    public static AttentionProblem Normal(AttentionShape shape, bool masked, int seed)
    {
        var random = new Random(seed);
        float[] Values() => [.. Enumerable.Range(0, shape.Rows * shape.Width).Select(_ => (float)NormalQuantile.Of(random.NextDouble()))];
        int[]? mask = masked ? [.. Enumerable.Range(0, shape.Rows).Select(_ => random.Next(3) == 0 ? 0 : 1)] : null;
        return new(shape, Values(), Values(), Values(), Values(), mask);
    }

    /// <summary>Queries, keys, values and, on request, output gradients as the tensor cores see them.</summary>
    public AttentionProblem Rounded(Precision precision, bool inputs = true, bool outputGradient = true)
    {
        float[] Round(float[] values) => Array.ConvertAll(values, v => RoundTo(v, precision));
        return this with
        {
            Query = inputs ? Round(Query) : Query,
            Key = inputs ? Round(Key) : Key,
            Value = inputs ? Round(Value) : Value,
            OutputGradient = outputGradient ? Round(OutputGradient) : OutputGradient,
        };
    }

    /// <summary>Nearest number of a format: ties to even for bfloat16, away from zero for TF32, as the conversion instructions do.</summary>
    public static float RoundTo(float value, Precision precision) => precision switch
    {
        Precision.TF32 => BitConverter.UInt32BitsToSingle((BitConverter.SingleToUInt32Bits(value) + 0x1000) & 0xFFFFE000),
        Precision.BF16 => (float)(BFloat16)value,
        _ => value,
    };

    /// <summary>Forward and backward pass on a device; rows begin where 16-byte accesses are possible, or do not.</summary>
    public AttentionResults Run(Device device, bool aligned)
    {
        using var run = new OperationRun(device, 1);
        int gap = aligned ? 4 : 1;
        Matrix q = run.MatrixOf(Query, Shape.Rows, Shape.Width, gap), k = run.MatrixOf(Key, Shape.Rows, Shape.Width, gap);
        Matrix v = run.MatrixOf(Value, Shape.Rows, Shape.Width, gap), g = run.MatrixOf(OutputGradient, Shape.Rows, Shape.Width, gap);
        Matrix Result(string name) => run.OutputMatrix(name, Shape.Rows, Shape.Width, gap);
        Matrix output = Result("output"), dq = Result("queryGradient"), dk = Result("keyGradient"), dv = Result("valueGradient");
        DeviceSpan<float> logSumExp = run.Output("logSumExp", Shape.ScoreRows);
        DeviceSpan<int> mask = Mask is null ? default : run.Upload<int>(Mask);
        run.Operations.AttentionForward(output, logSumExp, q, k, v, Shape, mask);
        run.Operations.AttentionBackward(dq, dk, dv, g, output, logSumExp, q, k, v, Shape, mask);
        var values = run.Read().ToDictionary(r => r.Name, r => r.Values);
        return new(values["output"], values["logSumExp"], values["queryGradient"], values["keyGradient"], values["valueGradient"]);
    }
}

/// <summary>Results of both passes, as [rows, width] and [batch, heads, tokens].</summary>
internal sealed record AttentionResults(double[] Output, double[] LogSumExp, double[] QueryGradient, double[] KeyGradient, double[] ValueGradient)
{
    public IEnumerable<(string Name, double[] Values)> All =>
        [("output", Output), ("logSumExp", LogSumExp), ("queryGradient", QueryGradient), ("keyGradient", KeyGradient), ("valueGradient", ValueGradient)];
}
