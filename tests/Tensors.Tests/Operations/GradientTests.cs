using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Tests.Support;

namespace MergeEngine.Tensors.Tests.Operations;

/// <summary>
/// The reference's own backward passes against finite differences of its forward passes: the derivative of Σ weights ⊙ output with respect to each
/// input. Storage is float32, so a central difference of step h carries an error of about 6e-8·|output|·√n/h + h²: with h = 1/64 and
/// results of a few units, 1e-4 of the largest gradient is the bound that a correct gradient keeps and a wrong factor or a missing term does not.
/// </summary>
public class GradientTests
{
    private const float Step = 1 / 64f;
    private const double Bound = 3e-4;

    /// <summary>A forward pass over named inputs, its outputs, and the backward pass that fills a gradient for each input.</summary>
    private sealed record Differentiable(DeviceSpan<float>[] Inputs, DeviceSpan<float> Output, Action Forward, DeviceSpan<float>[] Gradients, DeviceSpan<float> OutputGradient, Action Backward);

    private static readonly Dictionary<string, Func<OperationRun, Differentiable>> s_cases = new()
    {
        ["LayerNorm"] = run =>
        {
            Matrix x = run.NormalMatrix(3, 5), y = run.NormalMatrix(3, 5), dy = run.NormalMatrix(3, 5), dx = run.NormalMatrix(3, 5);
            DeviceSpan<float> w = run.Normal(5), b = run.Normal(5), dw = Zeros(run, 5), db = Zeros(run, 5), mean = run.Normal(3), inverse = run.Normal(3);
            return new([x.Data, w, b], y.Data, () => run.Operations.LayerNormForward(y, mean, inverse, x, w, b, 1e-5f), [dx.Data, dw, db], dy.Data,
                () => run.Operations.LayerNormBackward(dx, dw, db, dy, x, mean, inverse, w, GradientReduction.Sum, 3));
        },
        ["NormalizeRows"] = run =>
        {
            Matrix x = run.NormalMatrix(3, 5, mean: 1), y = run.NormalMatrix(3, 5), dy = run.NormalMatrix(3, 5), dx = run.NormalMatrix(3, 5);
            DeviceSpan<float> norms = run.Normal(3);
            return new([x.Data], y.Data, () => run.Operations.NormalizeRowsForward(y, norms, x), [dx.Data], dy.Data, () => run.Operations.NormalizeRowsBackward(dx, dy, y, norms));
        },
        ["ScaleColumns"] = run =>
        {
            Matrix x = run.NormalMatrix(4, 3), y = run.NormalMatrix(4, 3), dy = run.NormalMatrix(4, 3), dx = run.NormalMatrix(4, 3);
            DeviceSpan<float> scale = run.Normal(3), dScale = Zeros(run, 3);
            return new([x.Data, scale], y.Data, () => run.Operations.ScaleColumnsForward(y, x, scale), [dx.Data, dScale], dy.Data,
                () => run.Operations.ScaleColumnsBackward(dx, dScale, dy, x, scale, GradientReduction.Sum, 2));
        },
        ["Linear"] = run =>
        {
            Matrix x = run.NormalMatrix(4, 3), w = run.NormalMatrix(5, 3), y = run.NormalMatrix(4, 5), dy = run.NormalMatrix(4, 5), dx = run.NormalMatrix(4, 3);
            Matrix dw = run.MatrixOf(new float[15], 5, 3);
            DeviceSpan<float> b = run.Normal(5), db = Zeros(run, 5);
            return new([x.Data, w.Data, b], y.Data, () => run.Operations.LinearForward(y, x, w, b), [dx.Data, dw.Data, db], dy.Data, () =>
            {
                run.Operations.LinearBackwardInput(dx, dy, w);
                run.Operations.LinearBackwardWeight(dw, db, dy, x, GradientReduction.Sum, 2);
            });
        },
        ["Attention"] = run => Attention(run, new(2, 4, 2, 3), masked: false),
        ["Attention, causal"] = run => Attention(run, new(1, 5, 1, 2, Causal: true), masked: false),
        ["Attention, masked"] = run => Attention(run, new(2, 4, 1, 3), masked: true),
        ["Embedding"] = run =>
        {
            Matrix table = run.NormalMatrix(3, 4), dTable = run.MatrixOf(new float[12], 3, 4), y = run.NormalMatrix(6, 4), dy = run.NormalMatrix(6, 4);
            DeviceSpan<int> ids = run.Upload<int>([0, 2, 2, 0, 2, 0]);
            return new([table.Data], y.Data, () => run.Operations.EmbeddingForward(y, ids, table), [dTable.Data], dy.Data,
                () => run.Operations.EmbeddingBackward(dTable, ids, dy, GradientReduction.Sum, 3));
        },
        ["AssembleTokens"] = run =>
        {
            Matrix patches = run.NormalMatrix(6, 2), prefix = run.NormalMatrix(2, 2), positions = run.NormalMatrix(4, 2), y = run.NormalMatrix(10, 2), dy = run.NormalMatrix(10, 2);
            Matrix dPatches = run.NormalMatrix(6, 2), dPrefix = run.MatrixOf(new float[4], 2, 2), dPositions = run.MatrixOf(new float[8], 4, 2);
            return new([patches.Data, prefix.Data, positions.Data], y.Data, () => run.Operations.AssembleTokensForward(y, patches, prefix, positions, 1, 2),
                [dPatches.Data, dPrefix.Data, dPositions.Data], dy.Data,
                () => run.Operations.AssembleTokensBackward(dPatches, dPrefix, dPositions, dy, 1, GradientReduction.Sum, 2));
        },
        ["Patches"] = run =>
        {
            var shape = new PatchShape(2, 2, 5, 4, 2);
            Matrix patches = run.NormalMatrix(8, 8), dPatches = run.NormalMatrix(8, 8);
            DeviceSpan<float> images = run.Normal(80), dImages = run.Normal(80);
            return new([images], patches.Data, () => run.Operations.PatchesForward(patches, images, shape), [dImages], dPatches.Data, () => run.Operations.PatchesBackward(dImages, dPatches, shape));
        },
        ["MeanPool"] = run =>
        {
            Matrix x = run.NormalMatrix(8, 3), dx = run.NormalMatrix(8, 3), y = run.NormalMatrix(2, 3), dy = run.NormalMatrix(2, 3);
            DeviceSpan<int> mask = run.Upload<int>([1, 0, 1, 1, 1, 1, 1, 0]);
            return new([x.Data], y.Data, () => run.Operations.MeanPoolForward(y, x, 1, mask), [dx.Data], dy.Data, () => run.Operations.MeanPoolBackward(dx, dy, 1, mask));
        },
        ["CrossEntropy"] = run =>
        {
            Matrix x = run.NormalMatrix(3, 4), dx = run.NormalMatrix(3, 4);
            DeviceSpan<float> losses = run.Normal(3), ones = run.Values([1, 1, 1]);
            DeviceSpan<int> labels = run.Upload<int>([1, 3, 0]);
            return new([x.Data], losses, () => run.Operations.CrossEntropy(losses, default, x, labels, 1), [dx.Data], ones, () => run.Operations.CrossEntropy(losses, dx, x, labels, 1));
        },
        ["Entropy"] = run =>
        {
            Matrix x = run.NormalMatrix(3, 4), dx = run.NormalMatrix(3, 4);
            DeviceSpan<float> entropies = run.Normal(3), ones = run.Values([1, 1, 1]);
            return new([x.Data], entropies, () => run.Operations.Entropy(entropies, default, x, 1), [dx.Data], ones, () => run.Operations.Entropy(entropies, dx, x, 1));
        },
    };

    public static TheoryData<string> Names => [.. s_cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_backward_pass_of_the_reference_agrees_with_finite_differences(string name)
    {
        using Device device = Device.Open("reference");
        using var run = new OperationRun(device, 7);
        Check(run, s_cases[name](run));
    }

    [Theory]
    [InlineData(Activation.None)]
    [InlineData(Activation.GeluErf)]
    [InlineData(Activation.GeluTanh)]
    [InlineData(Activation.GeluQuick)]
    [InlineData(Activation.Tanh)]
    public void A_derivative_of_the_reference_agrees_with_finite_differences(Activation activation)
    {
        using Device device = Device.Open("reference");
        using var run = new OperationRun(device, 7);
        DeviceSpan<float> x = run.Normal(20), y = run.Normal(20), dy = run.Normal(20), dx = run.Normal(20);
        Check(run, new([x], y, () => run.Operations.ActivationForward(y, x, activation), [dx], dy, () => run.Operations.ActivationBackward(dx, dy, x, activation)));
    }

    private static Differentiable Attention(OperationRun run, AttentionShape shape, bool masked)
    {
        Matrix Make() => run.NormalMatrix(shape.Rows, shape.Width);
        Matrix q = Make(), k = Make(), v = Make(), y = Make(), dy = Make(), dq = Make(), dk = Make(), dv = Make();
        DeviceSpan<float> lse = run.Normal(shape.ScoreRows);
        DeviceSpan<int> mask = masked ? run.Upload<int>([.. Enumerable.Range(0, shape.Rows).Select(r => r < shape.Tokens ? 0 : r % 3)]) : default;
        return new([q.Data, k.Data, v.Data], y.Data, () => run.Operations.AttentionForward(y, lse, q, k, v, shape, mask), [dq.Data, dk.Data, dv.Data], dy.Data,
            () => run.Operations.AttentionBackward(dq, dk, dv, dy, y, lse, q, k, v, shape, mask));
    }

    private static DeviceSpan<float> Zeros(OperationRun run, int length) => run.Values(new float[length]);

    private static void Check(OperationRun run, Differentiable d)
    {
        d.Forward();
        d.Backward();
        for (int i = 0; i < d.Inputs.Length; i++)
        {
            Span<float> input = d.Inputs[i].HostSpan;
            var expected = new double[input.Length];
            for (int j = 0; j < input.Length; j++)
            {
                float old = input[j];
                // Richardson's extrapolation of two central differences takes the h² term away.
                expected[j] = ((4 * Difference(d, i, j, old, Step)) - Difference(d, i, j, old, 2 * Step)) / 3;
                input[j] = old;
            }

            double[] found = Array.ConvertAll(d.Gradients[i].HostSpan.ToArray(), g => (double)g);
            Assert.Contains(found, g => g != 0);
            OperationChecks.Compare($"gradient of input {i}", expected, found, Bound);
        }
    }

    private static double Difference(Differentiable d, int input, int element, float at, float step)
    {
        Span<float> values = d.Inputs[input].HostSpan;
        values[element] = at + step;
        double span = values[element];
        double above = Objective(d);
        values[element] = at - step;
        span -= values[element];
        return (above - Objective(d)) / span;
    }

    private static double Objective(Differentiable d)
    {
        d.Forward();
        double sum = 0;
        for (int i = 0; i < d.Output.Length; i++) sum += (double)d.Output.HostSpan[i] * d.OutputGradient.HostSpan[i];
        return sum;
    }
}
