using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Tests.Support;

namespace MergeEngine.Tensors.Tests.Operations;

/// <summary>
/// Matrix products and the linear layer on every device. The bound is 2e-6 of the largest magnitude: roundings of sums of up to 1100 normal
/// values add up like √k·u ≈ 2e-6 against magnitudes of some √k.
/// </summary>
public sealed class LinearTests
{
    private const double Bound = 2e-6;

    internal static readonly OperationTable Table = new(
    [
        Product(1, 1, 1, false, false, 1, 0), Product(17, 96, 40, false, true, 1, 0), Product(50, 33, 700, false, false, -0.5f, 1),
        Product(40, 70, 300, true, false, 1, 1), Product(210, 45, 64, true, true, 2, -0.25f), Product(230, 300, 40, false, true, 1, 0),
        Product(9, 12, 0, false, false, 1, 0.5f), Product(9, 12, 0, true, true, 1, 0), Product(1, 70, 33, false, true, 1, 1), Product(70, 1, 33, true, false, 1, 0),
        Forward(34, 96, 96, Activation.None, bias: true, keep: false), Forward(34, 100, 40, Activation.GeluErf, bias: true, keep: true),
        Forward(200, 45, 600, Activation.GeluQuick, bias: true, keep: true), Forward(12, 33, 20, Activation.GeluTanh, bias: false, keep: true),
        Forward(7, 12, 0, Activation.GeluQuick, bias: true, keep: true), Forward(8, 16, 24, Activation.None, bias: true, keep: true),
        Forward(5, 10, 96, Activation.Tanh, bias: true, keep: false), Forward(1, 10, 96, Activation.None, bias: false, keep: false),
        BackwardInput(34, 96, 96, Activation.None, accumulate: false), BackwardInput(34, 40, 100, Activation.GeluErf, accumulate: false),
        BackwardInput(200, 45, 600, Activation.GeluQuick, accumulate: true), BackwardInput(12, 33, 700, Activation.GeluTanh, accumulate: false),
        BackwardInput(5, 10, 96, Activation.Tanh, accumulate: true), BackwardInput(7, 31, 5, Activation.None, accumulate: true),
        BackwardInput(6, 9, 0, Activation.GeluErf, accumulate: true), BackwardInput(6, 9, 0, Activation.None, accumulate: false),
        BackwardWeight(GradientReduction.Sum, 4, 17, 96, 40), BackwardWeight(GradientReduction.AbsolutePerSample, 4, 17, 96, 40),
        BackwardWeight(GradientReduction.Sum, 64, 17, 30, 33), BackwardWeight(GradientReduction.AbsolutePerSample, 64, 17, 30, 33),
        BackwardWeight(GradientReduction.AbsolutePerSample, 40, 1, 10, 96), BackwardWeight(GradientReduction.Sum, 40, 1, 10, 96),
        BackwardWeight(GradientReduction.AbsolutePerSample, 2, 197, 25, 70), BackwardWeight(GradientReduction.AbsolutePerSample, 3, 50, 20, 20, weight: false),
        BackwardWeight(GradientReduction.Sum, 3, 50, 20, 20, bias: false),
    ]);

    public static TheoryData<string, string> OnLevels() => Table.OnLevels();

    [Theory]
    [MemberData(nameof(OnLevels))]
    public void A_product_agrees_with_float64_and_has_the_same_bits_for_any_number_of_threads(string name, string device) =>
        OperationChecks.AgreesWithReferenceForAnyNumberOfThreads(Table[name], device);

    private static OperationCase Product(int m, int n, int k, bool transposeA, bool transposeB, float alpha, float beta) =>
        new($"Product {m}×{n}×{k} {(transposeA ? 'T' : 'N')}{(transposeB ? 'T' : 'N')} alpha {alpha} beta {beta}", Bound, run =>
        {
            Matrix a = transposeA ? run.NormalMatrix(k, m, 3) : run.NormalMatrix(m, k, 3);
            Matrix b = transposeB ? run.NormalMatrix(n, k, 1) : run.NormalMatrix(k, n, 1);
            Matrix c = beta == 0 ? run.OutputMatrix("c", m, n, 2) : run.NormalMatrix(m, n, 2);
            if (beta != 0) run.Result("c", c);
            return () => run.Operations.MatrixProduct(c, a, b, transposeA, transposeB, alpha, beta);
        });

    private static OperationCase Forward(int rows, int outputs, int inputs, Activation activation, bool bias, bool keep) =>
        new($"Forward {rows}×{outputs}×{inputs} {activation}{(bias ? " bias" : "")}{(keep ? " kept" : "")}", Bound, run =>
        {
            Matrix x = run.NormalMatrix(rows, inputs, 1), w = run.NormalMatrix(outputs, inputs, 0, 1 / Math.Sqrt(inputs));
            Matrix y = run.OutputMatrix("output", rows, outputs, 4), z = keep ? run.OutputMatrix("pre-activation", rows, outputs, 2) : default;
            DeviceSpan<float> b = bias ? run.Normal(outputs) : default;
            return () => run.Operations.LinearForward(y, x, w, b, activation, z);
        });

    private static OperationCase BackwardInput(int rows, int inputs, int outputs, Activation activation, bool accumulate) =>
        new($"BackwardInput {rows}×{inputs}×{outputs} {activation}{(accumulate ? " added" : "")}", Bound, run =>
        {
            Matrix dy = run.NormalMatrix(rows, outputs, 1), w = run.NormalMatrix(outputs, inputs, 2, 1 / Math.Sqrt(outputs));
            Matrix z = activation == Activation.None ? default : run.NormalMatrix(rows, inputs, 3, 2);
            Matrix dx = accumulate ? run.NormalMatrix(rows, inputs, 5) : run.OutputMatrix("input gradient", rows, inputs, 5);
            if (accumulate) run.Result("input gradient", dx);
            return () => run.Operations.LinearBackwardInput(dx, dy, w, accumulate, activation, z);
        });

    private static OperationCase BackwardWeight(
        GradientReduction reduction, int samples, int rows, int outputs, int inputs, bool weight = true, bool bias = true) =>
        new($"BackwardWeight {reduction} {samples}×{rows} rows {outputs}×{inputs}{(weight ? "" : " frozen weight")}{(bias ? "" : " no bias")}", Bound, run =>
        {
            Matrix dy = run.NormalMatrix(samples * rows, outputs, 1), x = run.NormalMatrix(samples * rows, inputs, 2);
            Matrix dw = weight ? run.NormalMatrix(outputs, inputs, 3) : default;
            DeviceSpan<float> db = bias ? run.Normal(outputs) : default;
            if (weight) run.Result("weight gradient", dw);
            if (bias) run.Result("bias gradient", db);
            return () => run.Operations.LinearBackwardWeight(dw, db, dy, x, reduction, rows);
        });
}

/// <summary>Linear operations make no garbage; measured without other tests beside them.</summary>
[Collection(nameof(AloneCollection))]
public sealed class LinearAllocationTests
{
    public static TheoryData<string, string> OnLevels() => LinearTests.OnLevels();

    [Theory]
    [MemberData(nameof(OnLevels))]
    public void A_repeated_product_allocates_nothing(string name, string device) => OperationChecks.AllocatesNothing(LinearTests.Table[name], device);
}
