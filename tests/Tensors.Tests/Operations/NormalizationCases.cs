using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Tests.Support;

namespace MergeEngine.Tensors.Tests.Operations;

/// <summary>
/// LayerNorm and row normalisation. A float32 result of three or four roundings differs from float64 by at most about 2e-7 of itself, sums over a
/// row of independent roundings by as much again: bounds of 4e-7, and 6e-7 where a sum over up to 300 rows is added on top.
/// </summary>
internal static class NormalizationCases
{
    private static readonly (int Rows, int Width)[] s_sizes =
        [(1, 1), (3, 2), (5, 7), (4, 15), (4, 16), (6, 17), (7, 31), (5, 32), (5, 33), (9, 96), (3, 100), (3, 257), (50, 768), (3, 1000), (3, 1021), (2, 4096)];

    /// <summary>Where every row starts at a multiple of 16 bytes, which kernels of a GPU read in packets of four; up to 1024 columns a warp holds a row.</summary>
    private static readonly (int Rows, int Width)[] s_packedSizes = [(1, 4), (5, 32), (9, 96), (5, 768), (3, 1024), (3, 1028), (2, 8192)];

    public static IEnumerable<OperationCase> All =>
        s_sizes.SelectMany(s => Sized(s.Rows, s.Width, $"[{s.Rows}, {s.Width}]", 1))
            .Concat(s_packedSizes.SelectMany(s => Sized(s.Rows, s.Width, $"[{s.Rows}, {s.Width}] in packets", 4))).Concat(Special());

    private static IEnumerable<OperationCase> Sized(int rows, int width, string size, int gap)
    {
        yield return new($"LayerNormForward {size}", 4e-7, run => Forward(run, run.NormalMatrix(rows, width, 3 * gap, mean: 0.5), 1e-12f, gap));
        yield return new($"AddLayerNormForward {size}", 4e-7, run =>
        {
            Matrix input = run.NormalMatrix(rows, width), residual = run.NormalMatrix(rows, width, gap, mean: 0.5);
            Matrix sum = run.OutputMatrix("sum", rows, width, 2 * gap), output = run.OutputMatrix("output", rows, width, 4 * gap);
            DeviceSpan<float> mean = run.Output("mean", rows), inverse = run.Output("inverse", rows), weight = run.Normal(width), bias = run.Normal(width);
            return () => run.Operations.AddLayerNormForward(sum, output, mean, inverse, input, residual, weight, bias, 1e-6f);
        });
        foreach (GradientReduction reduction in new[] { GradientReduction.Sum, GradientReduction.AbsolutePerSample })
        {
            yield return new($"LayerNormBackward {size} {reduction}", 5e-7, run => Backward(run, rows, width, reduction, 1, accumulate: false, gap));
            yield return new($"LayerNormBackward accumulating {size} {reduction}", 5e-7, run => Backward(run, rows, width, reduction, rows, accumulate: true, gap));
        }

        yield return new($"NormalizeRowsForward {size}", 3e-7, run =>
        {
            Matrix input = run.NormalMatrix(rows, width, 2 * gap), output = run.OutputMatrix("output", rows, width, gap);
            DeviceSpan<float> norms = run.Output("norms", rows);
            return () => run.Operations.NormalizeRowsForward(output, norms, input);
        });
        yield return new($"NormalizeRowsBackward {size}", width == 1 ? 1e-6 : 4e-7, run =>
        {
            Matrix gradient = run.NormalMatrix(rows, width, 2 * gap, mean: 0.5), output = run.NormalMatrix(rows, width, gap, scale: 1 / Math.Sqrt(width));
            Matrix result = run.OutputMatrix("inputGradient", rows, width, 3 * gap);
            DeviceSpan<float> norms = run.Values(Enumerable.Range(0, rows).Select(r => 0.5f + r).ToArray());
            return () => run.Operations.NormalizeRowsBackward(result, gradient, output, norms);
        });
    }

    private static IEnumerable<OperationCase> Special()
    {
        yield return new("LayerNormForward with a mean a thousand deviations away", 4e-7, run => Forward(run, run.NormalMatrix(20, 768, mean: 1000), 1e-12f));
        yield return new("LayerNormForward with an outlier in front", 4e-7, run =>
        {
            float[] values = run.NormalArray(4 * 100);
            for (int r = 0; r < 4; r++) values[r * 100] = 5000;
            return Forward(run, run.MatrixOf(values, 4, 100), 1e-5f);
        });
        yield return new("LayerNormForward of tiny values under epsilon 1e-12", 4e-7, run => Forward(run, run.NormalMatrix(5, 77, scale: 1e-6), 1e-12f));
        yield return new("LayerNormForward of constant rows", 4e-7, run => Forward(run, run.MatrixOf(Enumerable.Repeat(0.1f, 3 * 96).ToArray(), 3, 96), 1e-12f));
        yield return new("LayerNormForward of large values", 4e-7, run => Forward(run, run.NormalMatrix(3, 50, scale: 1e15), 1e-12f));
        yield return new("LayerNormForward in place without statistics", 4e-7, run =>
        {
            Matrix x = run.NormalMatrix(7, 96);
            DeviceSpan<float> weight = run.Normal(96), bias = run.Normal(96);
            run.Result("output", x);
            return () => run.Operations.LayerNormForward(x, default, default, x, weight, bias, 1e-6f);
        });
        yield return new("AddLayerNormForward onto the residual", 4e-7, run =>
        {
            Matrix input = run.NormalMatrix(11, 96), residual = run.NormalMatrix(11, 96), output = run.OutputMatrix("output", 11, 96);
            DeviceSpan<float> weight = run.Normal(96), bias = run.Normal(96);
            run.Result("sum", residual);
            return () => run.Operations.AddLayerNormForward(residual, output, default, default, input, residual, weight, bias, 1e-6f);
        });
        foreach (int rowsPerSample in new[] { 1, 17, 50, 850 })
        {
            foreach (GradientReduction reduction in new[] { GradientReduction.Sum, GradientReduction.AbsolutePerSample })
                yield return new($"LayerNormBackward [850, 96] by {rowsPerSample} {reduction}", 6e-7, run => Backward(run, 850, 96, reduction, rowsPerSample, accumulate: true));
        }

        // Many samples, of one row each and of more rows than one block adds up.
        foreach (int rowsPerSample in new[] { 1, 103 })
            yield return new($"LayerNormBackward [1030, 96] by {rowsPerSample} in packets", 6e-7, run => Backward(run, 1030, 96, GradientReduction.AbsolutePerSample, rowsPerSample, accumulate: false, gap: 4));

        // Short rows, so that a block of the CPU device has more than a thousand samples.
        yield return new("LayerNormBackward [4097, 12] by 1", 6e-7, run => Backward(run, 4097, 12, GradientReduction.AbsolutePerSample, 1, accumulate: false));

        yield return new("LayerNormBackward in place with frozen parameters", 5e-7, run =>
        {
            Matrix input = run.NormalMatrix(13, 40), gradient = run.NormalMatrix(13, 40);
            DeviceSpan<float> mean = run.Normal(13, 0.1), inverse = run.Normal(13, 0.1, 1), weight = run.Normal(40);
            run.Result("inputGradient", gradient);
            return () => run.Operations.LayerNormBackward(gradient, default, default, gradient, input, mean, inverse, weight, GradientReduction.Sum, 13);
        });
        yield return new("NormalizeRowsForward of extreme rows", 3e-7, run =>
        {
            float[] values = run.NormalArray(6 * 20);
            float[] scales = [0, 1e-25f, 1e-13f, 1e-6f, 1e19f, 1e36f];
            for (int i = 0; i < values.Length; i++) values[i] *= scales[i / 20];
            Matrix output = run.OutputMatrix("output", 6, 20), input = run.MatrixOf(values, 6, 20);
            return () => run.Operations.NormalizeRowsForward(output, default, input);
        });
        yield return new("NormalizeRowsBackward of a zero row, in place", 4e-7, run =>
        {
            Matrix gradient = run.NormalMatrix(1, 20), output = run.MatrixOf(new float[20], 1, 20);
            DeviceSpan<float> norms = run.Values([0]);
            run.Result("inputGradient", gradient);
            return () => run.Operations.NormalizeRowsBackward(gradient, gradient, output, norms);
        });
    }

    private static Action Forward(OperationRun run, Matrix input, float epsilon, int gap = 1)
    {
        Matrix output = run.OutputMatrix("output", input.Rows, input.Columns, 5 * gap);
        DeviceSpan<float> mean = run.Output("mean", input.Rows), inverse = run.Output("inverse", input.Rows);
        DeviceSpan<float> weight = run.Normal(input.Columns), bias = run.Normal(input.Columns);
        return () => run.Operations.LayerNormForward(output, mean, inverse, input, weight, bias, epsilon);
    }

    private static Action Backward(OperationRun run, int rows, int width, GradientReduction reduction, int rowsPerSample, bool accumulate, int gap = 1)
    {
        Matrix input = run.NormalMatrix(rows, width, gap), outputGradient = run.NormalMatrix(rows, width, 2 * gap);
        Matrix inputGradient = accumulate ? run.NormalMatrix(rows, width, 3 * gap) : run.OutputMatrix(null, rows, width, 3 * gap);
        DeviceSpan<float> mean = run.Normal(rows, 0.1), inverse = run.Normal(rows, 0.1, 1), weight = run.Normal(width);
        DeviceSpan<float> weightGradient = run.Normal(width), biasGradient = run.Normal(width);
        run.Result("inputGradient", inputGradient);
        run.Result("weightGradient", weightGradient);
        run.Result("biasGradient", biasGradient);
        return () => run.Operations.LayerNormBackward(
            inputGradient, weightGradient, biasGradient, outputGradient, input, mean, inverse, weight, reduction, rowsPerSample, accumulate);
    }
}
