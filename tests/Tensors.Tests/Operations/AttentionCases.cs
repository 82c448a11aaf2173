using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Tests.Support;

namespace MergeEngine.Tensors.Tests.Operations;

/// <summary>
/// Attention. A score of size s carries a rounding of s·6e-8, which the exponential turns into a relative error of the probability; with scores of a few units
/// and means over up to 512 values, which are small beside the values, that is up to 1e-6. The backward pass makes probabilities again from a rounded log-sum-exp and subtracts
/// nearly equal numbers: 1.5e-6.
/// </summary>
internal static class AttentionCases
{
    private const double ForwardBound = 1.2e-6, BackwardBound = 2e-6;

    private static readonly AttentionShape[] s_shapes =
    [
        new(1, 1, 1, 1), new(2, 1, 3, 8), new(3, 2, 1, 10), new(1, 5, 2, 12), new(2, 16, 2, 16), new(3, 17, 4, 24), new(2, 17, 4, 24, Causal: true),
        new(1, 33, 3, 10, Causal: true), new(2, 50, 2, 64), new(1, 64, 1, 80), new(1, 65, 2, 128, Causal: true), new(1, 77, 2, 64, Causal: true),
        new(1, 197, 1, 64), new(1, 512, 1, 32), new(40, 7, 3, 8), new(1, 35, 2, 200), new(1, 34, 1, 256, Causal: true),
    ];

    /// <summary>Rows and heads that begin at multiples of 16 bytes, which a GPU reads four elements at a time.</summary>
    private static readonly AttentionShape[] s_alignedShapes =
        [new(2, 17, 2, 32), new(2, 50, 2, 64), new(1, 70, 2, 64, Causal: true), new(1, 65, 1, 80), new(1, 20, 2, 128), new(1, 20, 1, 256)];

    public static IEnumerable<OperationCase> All
    {
        get
        {
            foreach (AttentionShape shape in s_shapes)
            {
                string name = $"{shape.Batch}x{shape.Tokens} tokens, {shape.Heads} heads of {shape.HeadSize}{(shape.Causal ? ", causal" : "")}";
                yield return new($"AttentionForward {name}", ForwardBound, run => Forward(run, shape, default));
                yield return new($"AttentionBackward {name}", BackwardBound, run => Backward(run, shape, default), Zero(shape));
                yield return new($"AttentionForward {name}, masked", ForwardBound, run => Forward(run, shape, Mask(run, shape)));
                yield return new($"AttentionBackward {name}, masked", BackwardBound, run => Backward(run, shape, Mask(run, shape)), Zero(shape));
            }

            foreach (AttentionShape shape in s_alignedShapes)
            {
                string name = $"{shape.Batch}x{shape.Tokens} tokens, {shape.Heads} heads of {shape.HeadSize}{(shape.Causal ? ", causal" : "")}, masked, aligned";
                yield return new($"AttentionForward {name}", ForwardBound, run => Forward(run, shape, Mask(run, shape), gap: 4));
                yield return new($"AttentionBackward {name}", BackwardBound, run => Backward(run, shape, Mask(run, shape), gap: 4));
            }

            yield return new("AttentionForward with large scores", 1e-5, run => Forward(run, new(2, 20, 2, 16), default, scale: 6));
            // Few tokens, and a row of scores; the first key alone is seen.
            foreach (int tokens in new[] { 5, 20, 70 })
            {
                yield return new($"AttentionForward of {tokens} tokens with NaN in the only key that is not hidden", ForwardBound, run =>
                {
                    var shape = new AttentionShape(1, tokens, 2, 16);
                    (Matrix q, Matrix k, Matrix v) = Inputs(run, shape);
                    run.Operations.Fill(k.SliceRows(0, 1).Data, float.NaN);
                    Matrix output = run.OutputMatrix("output", shape.Rows, shape.Width);
                    DeviceSpan<float> logSumExp = run.Output("logSumExp", shape.ScoreRows);
                    DeviceSpan<int> mask = run.Upload<int>([1, .. Enumerable.Repeat(0, shape.Rows - 1)]);
                    return () => run.Operations.AttentionForward(output, logSumExp, q, k, v, shape, mask);
                });
                yield return new($"Attention of {tokens} tokens and three samples, of which one has NaN in a query and one infinite scores", BackwardBound, run =>
                {
                    var shape = new AttentionShape(3, tokens, 3, 16);
                    (Matrix q, Matrix k, Matrix v) = Inputs(run, shape);
                    run.Operations.Fill(q.SliceRows(2, 1).Data, float.NaN);
                    run.Operations.Fill(k.SliceRows(tokens + 3, 1).Data, float.PositiveInfinity);
                    return Backward(run, shape, default, q, k, v);
                });
            }

            yield return new("AttentionForward without log-sum-exp", ForwardBound, run =>
            {
                var shape = new AttentionShape(2, 9, 2, 8);
                Matrix q = run.NormalMatrix(18, 16), k = run.NormalMatrix(18, 16), v = run.NormalMatrix(18, 16), output = run.OutputMatrix("output", 18, 16);
                return () => run.Operations.AttentionForward(output, default, q, k, v, shape);
            });
        }
    }

    /// <summary>With one visible token the probability is 1 and queries have no gradient: what is left is the rounding of ⟨dO, V⟩ − ⟨dO, O⟩, some units of size 3.</summary>
    private static double Zero(AttentionShape shape) => shape.Tokens <= 2 ? 1e-6 : 0;

    /// <summary>About a third of the keys hidden; the whole first sample, so that some rows see nothing.</summary>
    private static DeviceSpan<int> Mask(OperationRun run, AttentionShape shape) =>
        run.Upload<int>([.. Enumerable.Range(0, shape.Rows).Select(r => r < shape.Tokens || run.Random.Next(3) == 0 ? 0 : run.Random.Next(1, 3))]);

    private static Action Forward(OperationRun run, AttentionShape shape, DeviceSpan<int> mask, int gap = 1, double scale = 1)
    {
        (Matrix q, Matrix k, Matrix v) = Inputs(run, shape, gap, scale);
        Matrix output = run.OutputMatrix("output", shape.Rows, shape.Width, 3 * gap);
        DeviceSpan<float> logSumExp = run.Output("logSumExp", shape.ScoreRows);
        return () => run.Operations.AttentionForward(output, logSumExp, q, k, v, shape, mask);
    }

    private static Action Backward(OperationRun run, AttentionShape shape, DeviceSpan<int> mask, int gap = 1)
    {
        (Matrix q, Matrix k, Matrix v) = Inputs(run, shape, gap);
        return Backward(run, shape, mask, q, k, v, gap);
    }

    private static Action Backward(OperationRun run, AttentionShape shape, DeviceSpan<int> mask, Matrix q, Matrix k, Matrix v, int gap = 1)
    {
        Matrix output = run.OutputMatrix(null, shape.Rows, shape.Width), outputGradient = run.NormalMatrix(shape.Rows, shape.Width, gap);
        DeviceSpan<float> logSumExp = run.Output("logSumExp", shape.ScoreRows);
        // As the gradient of a fused query-key-value product: three column ranges of one matrix.
        Matrix joint = run.OutputMatrix(null, shape.Rows, 3 * shape.Width, 2 * gap);
        Matrix dq = joint.SliceColumns(0, shape.Width), dk = joint.SliceColumns(shape.Width, shape.Width), dv = joint.SliceColumns(2 * shape.Width, shape.Width);
        run.Result("queryGradient", dq);
        run.Result("keyGradient", dk);
        run.Result("valueGradient", dv);
        return () =>
        {
            run.Operations.AttentionForward(output, logSumExp, q, k, v, shape, mask);
            run.Operations.AttentionBackward(dq, dk, dv, outputGradient, output, logSumExp, q, k, v, shape, mask);
        };
    }

    private static (Matrix Query, Matrix Key, Matrix Value) Inputs(OperationRun run, AttentionShape shape, int gap = 1, double scale = 1)
    {
        Matrix joint = run.NormalMatrix(shape.Rows, 3 * shape.Width, gap, scale);
        return (joint.SliceColumns(0, shape.Width), joint.SliceColumns(shape.Width, shape.Width), joint.SliceColumns(2 * shape.Width, shape.Width));
    }
}
