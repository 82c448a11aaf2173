using MergeEngine.Tensors.Tests.Support;

namespace MergeEngine.Tensors.Tests.Operations;

/// <summary>Losses: exponentials within 1.2e-7 of themselves, sums of at most a thousand of them, one logarithm in float64: 5e-7. Indices are exact.</summary>
internal static class LossCases
{
    private static readonly (int Rows, int Classes)[] s_sizes = [(1, 1), (1, 2), (5, 10), (64, 10), (33, 16), (7, 17), (200, 47), (5, 31), (5, 32), (3, 257), (3, 1000)];

    public static IEnumerable<OperationCase> All
    {
        get
        {
            foreach (var (rows, classes) in s_sizes)
            {
                string size = $"[{rows}, {classes}]";
                // In packets of four where the width allows it: no gaps.
                yield return new($"CrossEntropy without gaps {size}", 5e-7, run => CrossEntropy(run, run.NormalMatrix(rows, classes, scale: 3), 1, gap: 0));
                yield return new($"Entropy without gaps {size}", 5e-7, run => Entropy(run, run.NormalMatrix(rows, classes, scale: 2), 1, gap: 0));
                yield return new($"CrossEntropy {size}", 5e-7, run => CrossEntropy(run, run.NormalMatrix(rows, classes, gap: 1, scale: 3), 1f / rows));
                yield return new($"CrossEntropy with large logits {size}", 5e-7, run => CrossEntropy(run, run.NormalMatrix(rows, classes, scale: 2000, mean: 1e5), 1));
                yield return new($"Entropy {size}", 5e-7, run => Entropy(run, run.NormalMatrix(rows, classes, gap: 1, scale: 2), 1f / rows));
                yield return new($"ArgMax {size}", 0, run =>
                {
                    Matrix logits = run.NormalMatrix(rows, classes, gap: 2);
                    DeviceSpan<int> best = run.Upload<int>(new int[rows]);
                    run.Result("best", best);
                    return () => run.Operations.ArgMax(best, logits);
                });
            }

            yield return new("CrossEntropy of confident rows keeps its relative accuracy", 5e-7, run =>
                CrossEntropy(run, run.MatrixOf([13, 0, 1, 12, 2, 0], 2, 3), 1, [0, 0]));
            yield return new("Entropy of confident rows keeps its relative accuracy", 5e-7, run => Entropy(run, run.MatrixOf([13, 0, 1, -2, 12, 0], 2, 3), 1));
            // Vectors and a rest; two of finite logits whose difference is not; last a row of nothing else, which is NaN.
            foreach (int classes in new[] { 3, 16, 37, 300 })
            {
                yield return new($"Entropy of {classes} classes with logits of minus infinity", 5e-7, run =>
                {
                    float[] logits = run.NormalArray(4L * classes, 2);
                    for (int i = 0; i < logits.Length; i += 3) logits[i] = i < 2 * classes ? float.NegativeInfinity : logits[i];
                    (logits[2 * classes], logits[(3 * classes) - 1]) = (3e38f, -3e38f);
                    Array.Fill(logits, float.NegativeInfinity, 3 * classes, classes);
                    return Entropy(run, run.MatrixOf(logits, 4, classes), 1);
                });
            }

            yield return new("CrossEntropy with logits of minus infinity", 5e-7, run =>
                CrossEntropy(run, run.MatrixOf([1, float.NegativeInfinity, 2, 0, 3, float.NegativeInfinity], 2, 3), 1, [0, 1]));
            yield return new("CrossEntropy of one row with a NaN leaves the others alone", 5e-7, run =>
                CrossEntropy(run, run.MatrixOf([1, float.NaN, 2, 0, 3, 1], 2, 3), 1, [0, 1]));
            yield return new("CrossEntropy in place, and without a gradient", 5e-7, run =>
            {
                Matrix logits = run.NormalMatrix(9, 20);
                DeviceSpan<int> labels = run.Upload<int>([.. Enumerable.Range(0, 9)]);
                DeviceSpan<float> scores = run.Output("scores", 9), losses = run.Output("losses", 9);
                run.Result("gradient", logits);
                return () =>
                {
                    run.Operations.CrossEntropy(scores, default, logits, labels, 1);
                    run.Operations.CrossEntropy(losses, logits, logits, labels, 0.5f);
                };
            });
            yield return new("Entropy in place, and without a gradient", 5e-7, run =>
            {
                Matrix logits = run.NormalMatrix(9, 20);
                DeviceSpan<float> scores = run.Output("scores", 9), entropies = run.Output("entropies", 9);
                run.Result("gradient", logits);
                return () =>
                {
                    run.Operations.Entropy(scores, default, logits, 1);
                    run.Operations.Entropy(entropies, logits, logits, 0.5f);
                };
            });
            yield return new("ArgMax among equals, NaN and infinities", 0, run =>
            {
                const float inf = float.PositiveInfinity, nan = float.NaN;
                float[][] rows =
                [
                    [1, 3, 3, 2], [nan, 1, 2, 2], [nan, nan, nan, nan], [-inf, -inf, -inf, -inf], [nan, -inf, nan, -inf], [inf, 1, inf, nan], [-1, -0f, 0, -2], [-5, -5, nan, -4],
                ];
                Matrix logits = run.MatrixOf(rows.SelectMany(r => Enumerable.Repeat(r, 5).SelectMany(x => x)).ToArray(), 8, 20);
                DeviceSpan<int> best = run.Upload<int>(new int[8]);
                run.Result("best", best);
                return () => run.Operations.ArgMax(best, logits);
            });
        }
    }

    private static Action CrossEntropy(OperationRun run, Matrix logits, float scale, int[]? chosen = null, int gap = 3)
    {
        DeviceSpan<int> labels = run.Upload<int>(chosen ?? [.. Enumerable.Range(0, logits.Rows).Select(_ => run.Random.Next(logits.Columns))]);
        Matrix gradient = run.OutputMatrix("gradient", logits.Rows, logits.Columns, gap);
        DeviceSpan<float> losses = run.Output("losses", logits.Rows);
        return () => run.Operations.CrossEntropy(losses, gradient, logits, labels, scale);
    }

    private static Action Entropy(OperationRun run, Matrix logits, float scale, int gap = 3)
    {
        Matrix gradient = run.OutputMatrix("gradient", logits.Rows, logits.Columns, gap);
        DeviceSpan<float> entropies = run.Output("entropies", logits.Rows);
        return () => run.Operations.Entropy(entropies, gradient, logits, scale);
    }
}
