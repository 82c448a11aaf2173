using MergeEngine.Tensors.Cuda;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Tests.Support;
using static MergeEngine.Tensors.Tests.Cuda.RoundedProducts;

namespace MergeEngine.Tensors.Tests.Cuda;

/// <summary>
/// Products with inputs rounded to TF32 or BF16. Products of such inputs are exact in float32's range, and sums are float32, so a result is within
/// (k + 8)·2⁻²³ of the magnitude of its terms (a tensor core may cut sums off instead of rounding them: 2⁻²³ and not 2⁻²⁴ a term) from the float64
/// product of the rounded inputs, and rounding both inputs adds 2u + u² of it, u being the format's unit roundoff.
/// </summary>
public sealed class ReducedPrecisionTests
{
    private static double Sums(int k) => (k + 8) / (double)(1 << 23);

    public static TheoryData<Precision, int, int, int, bool, bool, int> Shapes()
    {
        var data = new TheoryData<Precision, int, int, int, bool, bool, int>();
        foreach (Precision precision in new[] { Precision.TF32, Precision.BF16 })
        {
            data.Add(precision, 1, 1, 1, false, false, 0);
            data.Add(precision, 17, 40, 33, false, true, 3);
            data.Add(precision, 50, 24, 96, false, false, 0);
            data.Add(precision, 40, 70, 130, true, false, 1);
            data.Add(precision, 33, 9, 65, true, true, 5);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Inputs_that_need_no_rounding_multiply_as_in_float32(Precision precision, int m, int n, int k, bool transposeA, bool transposeB, int gap)
    {
        using CudaDevice device = CudaUnderTest.Open(precision);
        using var run = new OperationRun(device, m + n + k);
        float[] a = Round(run.NormalArray(m * k), precision), b = Round(run.NormalArray(k * n), precision);
        float[] found = Multiply(run, a, b, m, n, k, transposeA, transposeB, gap);
        (double[] product, double[] magnitude) = RoundedProducts.Multiply(a, b, m, n, k);
        Check($"{precision} {m}×{n}×{k}", product, found, i => Sums(k) * magnitude[i]);
    }

    /// <summary>The mode is real: results are within what rounding allows, and (for more than a few terms) not within what float32 would give.</summary>
    [Theory]
    [MemberData(nameof(Shapes))]
    public void Other_inputs_are_rounded(Precision precision, int m, int n, int k, bool transposeA, bool transposeB, int gap)
    {
        using CudaDevice device = CudaUnderTest.Open(precision);
        using var run = new OperationRun(device, m + n + k);
        float[] a = run.NormalArray(m * k), b = run.NormalArray(k * n);
        float[] found = Multiply(run, a, b, m, n, k, transposeA, transposeB, gap);
        // cuBLAS does not say whether it rounds to TF32 or cuts off, which is twice the error.
        double u = Roundoff(precision) * (precision == Precision.TF32 ? 2 : 1);
        (double[] product, double[] magnitude) = RoundedProducts.Multiply(a, b, m, n, k);
        Check($"{precision} {m}×{n}×{k}", product, found, i => (Sums(k) + (2 * u) + (u * u)) * magnitude[i]);
        int different = Enumerable.Range(0, found.Length).Count(i => Math.Abs(found[i] - product[i]) > Sums(k) * magnitude[i]);
        Assert.True(m * n < 100 || different > found.Length / 10, $"{different} of {found.Length} elements show that inputs were rounded.");
        if (precision != Precision.BF16) return;
        // bfloat16 copies are made by an own kernel: to nearest even.
        (product, magnitude) = RoundedProducts.Multiply(Round(a, precision), Round(b, precision), m, n, k);
        Check($"BF16 {m}×{n}×{k} of rounded inputs", product, found, i => Sums(k) * magnitude[i]);
    }

    /// <summary>
    /// A fused GELU may be the tanh form by tanh.approx (2⁻¹¹); own ones are exact to 2e-7. A GELU's slope is at most 1.13, and an error of the
    /// pre-activation reaches the output through it.
    /// </summary>
    [Theory]
    [InlineData(Precision.TF32, Activation.GeluErf, true)]
    [InlineData(Precision.TF32, Activation.GeluTanh, true)]
    [InlineData(Precision.TF32, Activation.GeluTanh, false)]
    [InlineData(Precision.TF32, Activation.GeluQuick, true)]
    [InlineData(Precision.BF16, Activation.GeluErf, false)]
    [InlineData(Precision.BF16, Activation.GeluTanh, true)]
    [InlineData(Precision.BF16, Activation.GeluTanh, false)]
    [InlineData(Precision.BF16, Activation.GeluQuick, true)]
    [InlineData(Precision.BF16, Activation.Tanh, true)]
    public void Linear_layers_apply_their_activations_at_every_precision(Precision precision, Activation activation, bool keep)
    {
        const int Rows = 21, Outputs = 24, Inputs = 40;
        using CudaDevice device = CudaUnderTest.Open(precision);
        using Device reference = Device.Open("reference");
        using var run = new OperationRun(device, 11);
        using var exact = new OperationRun(reference, 11);
        float[] x = Round(run.NormalArray(Rows * Inputs), precision), w = Round(run.NormalArray(Outputs * Inputs, 1 / Math.Sqrt(Inputs)), precision);
        float[] b = run.NormalArray(Outputs), dy = Round(run.NormalArray(Rows * Outputs), precision);
        (float[] Output, float[] Kept, float[] Gradient, float[] Added) Pass(OperationRun on)
        {
            // Rows of the kept values that cuBLASLt can write itself (a stride of 8 elements), and rows of the output that it cannot always.
            Matrix y = on.OutputMatrix("output", Rows, Outputs, 3), z = keep ? on.OutputMatrix("kept", Rows, Outputs, 8) : default;
            Matrix input = on.MatrixOf(x, Rows, Inputs), weight = on.MatrixOf(w, Outputs, Inputs, 4);
            on.Operations.LinearForward(y, input, weight, on.Values(b), activation, z);
            // The layer before: its pre-activations are as wide as this layer's inputs.
            Matrix before = on.MatrixOf(x, Rows, Inputs, 8), dx = on.OutputMatrix("gradient", Rows, Inputs, 1), added = on.MatrixOf(x, Rows, Inputs, 2);
            Matrix gradient = on.MatrixOf(dy, Rows, Outputs, 1);
            on.Operations.LinearBackwardInput(dx, gradient, weight, false, activation, before);
            on.Operations.LinearBackwardInput(added, gradient, weight, true, activation, before);
            on.Read();
            return (Read(on, y), keep ? Read(on, z) : [], Read(on, dx), Read(on, added));
        }

        var found = Pass(run);
        var expected = Pass(exact);
        const double Approximate = 1.0 / (1 << 11);
        (_, double[] magnitude) = RoundedProducts.Multiply(x, Transpose(w, Outputs, Inputs), Rows, Outputs, Inputs);
        (_, double[] slopes) = RoundedProducts.Multiply(dy, w, Rows, Inputs, Outputs);
        Check("output", Array.ConvertAll(expected.Output, v => (double)v), found.Output,
            i => (1.13 * Sums(Inputs) * (magnitude[i] + 4)) + (Approximate * Math.Max(1, Math.Abs(expected.Output[i]))));
        if (keep) Check("kept", Array.ConvertAll(expected.Kept, v => (double)v), found.Kept, i => Sums(Inputs) * (magnitude[i] + 4));
        double Slope(int i) => (1.13 * Sums(Outputs) * slopes[i]) + (2 * Approximate * slopes[i]);
        Check("gradient", Array.ConvertAll(expected.Gradient, v => (double)v), found.Gradient, Slope);
        Check("added gradient", Array.ConvertAll(expected.Added, v => (double)v), found.Added, i => Slope(i) + 1e-6);
    }

    private static float[] Multiply(OperationRun run, float[] a, float[] b, int m, int n, int k, bool transposeA, bool transposeB, int gap)
    {
        Matrix left = transposeA ? run.MatrixOf(Transpose(a, m, k), k, m, gap) : run.MatrixOf(a, m, k, gap);
        Matrix right = transposeB ? run.MatrixOf(Transpose(b, k, n), n, k, gap) : run.MatrixOf(b, k, n, gap);
        Matrix c = run.OutputMatrix("c", m, n, gap);
        run.Operations.MatrixProduct(c, left, right, transposeA, transposeB);
        run.Read();
        return Read(run, c);
    }
}
