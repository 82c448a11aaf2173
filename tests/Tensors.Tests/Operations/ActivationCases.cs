using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Tests.Support;

namespace MergeEngine.Tensors.Tests.Operations;

/// <summary>
/// Point-wise operations. The activations are within a few units in the last place of float64 (VectorFunctions says 2.5): 4e-7 of the largest
/// magnitude. A product and a sum rounded once, or twice without fused multiply-add, stay within 1.5e-7; copies are the same bits.
/// </summary>
internal static class ActivationCases
{
    public static IEnumerable<OperationCase> All => Activations().Concat(Scales()).Concat(Copies());

    private static IEnumerable<OperationCase> Activations()
    {
        foreach (Activation activation in Enum.GetValues<Activation>())
        {
            foreach (int length in new[] { 1, 15, 16, 63, 4097, 20_000 })
            {
                yield return new($"ActivationForward {activation} [{length}]", 4e-7, run =>
                {
                    DeviceSpan<float> input = run.Normal(length, 3), output = run.Output("output", length);
                    return () => run.Operations.ActivationForward(output, input, activation);
                });
                yield return new($"ActivationBackward {activation} [{length}]", 4e-7, run =>
                {
                    float[] values = run.NormalArray(length, 3);
                    values[0] = 0.25f;   // not all derivatives vanish
                    DeviceSpan<float> input = run.Values(values), gradient = run.Normal(length), output = run.Output("inputGradient", length);
                    return () => run.Operations.ActivationBackward(output, gradient, input, activation);
                });
            }

            yield return new($"ActivationForward {activation} between vectors that start at odd elements", 4e-7, run =>
            {
                DeviceSpan<float> input = run.Normal(1003, 3).Slice(1), output = run.Output("output", 1004).Slice(2);
                return () => run.Operations.ActivationForward(output, input, activation);
            });
            yield return new($"ActivationBackward {activation} between vectors that start at odd elements", 4e-7, run =>
            {
                DeviceSpan<float> input = run.Normal(1003, 3).Slice(1), gradient = run.Normal(1005).Slice(3), output = run.Output("inputGradient", 1002);
                return () => run.Operations.ActivationBackward(output, gradient, input, activation);
            });
            yield return new($"ActivationForward {activation} in place over the whole range", 4e-7, run =>
            {
                DeviceSpan<float> x = run.Values([-300, -100, -20, -9, -5, -1, -1e-20f, -0f, 0, 1e-30f, 0.1f, 3, 9, 20, 100, 300]);
                run.Result("output", x);
                return () => run.Operations.ActivationForward(x, x, activation);
            });
            yield return new($"ActivationBackward {activation} in place", 4e-7, run =>
            {
                DeviceSpan<float> x = run.Values([-100, -20, -9, -5, -1, -1e-20f, 0, 0.1f, 3, 9, 20]), gradient = run.Normal(11);
                run.Result("inputGradient", gradient);
                return () => run.Operations.ActivationBackward(gradient, gradient, x, activation);
            });
        }
    }

    private static IEnumerable<OperationCase> Scales()
    {
        foreach (var (rows, width, gap) in new[] { (1, 1, 1), (5, 7, 1), (3, 16, 1), (34, 33, 1), (200, 96, 1), (60, 768, 1), (130, 132, 4), (1, 5000, 4) })
        {
            yield return new($"ScaleColumnsForward [{rows}, {width}]", 1.5e-7, run =>
            {
                Matrix input = run.NormalMatrix(rows, width, gap), output = run.OutputMatrix("output", rows, width, 2 * gap);
                DeviceSpan<float> scale = run.Normal(width);
                return () => run.Operations.ScaleColumnsForward(output, input, scale);
            });
            yield return new($"ScaleColumnsForward onto the residual [{rows}, {width}]", 1.5e-7, run =>
            {
                Matrix input = run.NormalMatrix(rows, width, gap), residual = run.NormalMatrix(rows, width, 2 * gap);
                DeviceSpan<float> scale = run.Normal(width);
                run.Result("output", residual);
                return () => run.Operations.ScaleColumnsForward(residual, input, scale, residual);
            });
            foreach (GradientReduction reduction in new[] { GradientReduction.Sum, GradientReduction.AbsolutePerSample })
            {
                foreach (int rowsPerSample in rows == 1 ? new[] { 1 } : [1, rows])
                {
                    yield return new($"ScaleColumnsBackward [{rows}, {width}] by {rowsPerSample} {reduction}", 5e-7, run =>
                    {
                        Matrix input = run.NormalMatrix(rows, width, gap), gradient = run.NormalMatrix(rows, width), output = run.OutputMatrix("inputGradient", rows, width, 2 * gap);
                        DeviceSpan<float> scale = run.Normal(width), scaleGradient = run.Normal(width);
                        run.Result("scaleGradient", scaleGradient);
                        return () => run.Operations.ScaleColumnsBackward(output, scaleGradient, gradient, input, scale, reduction, rowsPerSample);
                    });
                }
            }
        }

        yield return new("ScaleColumnsBackward in place with a frozen scale", 1.5e-7, run =>
        {
            Matrix input = run.NormalMatrix(6, 20), gradient = run.NormalMatrix(6, 20);
            DeviceSpan<float> scale = run.Normal(20);
            run.Result("inputGradient", gradient);
            return () => run.Operations.ScaleColumnsBackward(gradient, default, gradient, input, scale, GradientReduction.Sum, 2);
        });
    }

    private static IEnumerable<OperationCase> Copies()
    {
        foreach (var (rows, width, gap) in new[] { (1, 1, 0), (7, 5, 3), (3, 16, 0), (1000, 33, 0), (500, 96, 192), (40, 1, 1631) })
        {
            yield return new($"CopyMatrix [{rows}, {width}] with a gap of {gap}", 0, run =>
            {
                Matrix source = run.NormalMatrix(rows, width, gap), output = run.OutputMatrix("output", rows, width, gap == 0 ? 0 : 1);
                return () => run.Operations.CopyMatrix(output, source);
            });
            yield return new($"CopyMatrix accumulating [{rows}, {width}] with a gap of {gap}", 0, run =>
            {
                Matrix source = run.NormalMatrix(rows, width), output = run.NormalMatrix(rows, width, gap);
                run.Result("output", output);
                return () => run.Operations.CopyMatrix(output, source, accumulate: true);
            });
        }

        foreach (var (rows, width) in new[] { (300, 256), (5, 1028), (1, 100_000), (3, 70_001) })
        {
            yield return new($"CopyMatrix [{rows}, {width}] in packets", 0, run =>
            {
                Matrix source = run.NormalMatrix(rows, width, 8), output = run.OutputMatrix("output", rows, width, 4);
                return () => run.Operations.CopyMatrix(output, source);
            });
            yield return new($"CopyMatrix accumulating [{rows}, {width}] in packets", 0, run =>
            {
                Matrix source = run.NormalMatrix(rows, width, 4), output = run.NormalMatrix(rows, width);
                run.Result("output", output);
                return () => run.Operations.CopyMatrix(output, source, accumulate: true);
            });
        }

        yield return new("CopyMatrix of one token of every sample", 0, run =>
        {
            Matrix hidden = run.NormalMatrix(8 * 5, 12), output = run.OutputMatrix("output", 8, 12);
            return () => run.Operations.CopyMatrix(output, hidden.EveryRow(2, 5));
        });
    }
}
