using MergeEngine.Tensors.Cuda;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Tests.Support;
using static MergeEngine.Tensors.Tests.Cuda.RoundedProducts;

namespace MergeEngine.Tensors.Tests.Cuda;

/// <summary>
/// Σ_s |dY_sᵀ·X_s| against a loop over samples in float64. With s samples of t rows a sum has s + t roundings of at most 2⁻²³ (a tensor core may cut
/// off) of the sum of all absolute products; own kernels round inputs to nearest, which the float64 loop repeats. Without repeating it, 2u + u² more.
/// </summary>
public sealed class PerSampleGradientTests
{
    private static readonly (int Samples, int Rows, int Outputs, int Inputs, int Gap)[] s_shapes =
    [
        (1, 1, 1, 1, 0), (5, 1, 13, 33, 1), (300, 1, 20, 40, 0), (3, 2, 12, 32, 4), (4, 17, 96, 140, 0), (3, 50, 40, 70, 2), (2, 197, 25, 31, 0),
        (2, 16, 64, 64, 0), (2, 32, 32, 8, 4), (3, 65, 130, 20, 3), (40, 9, 24, 36, 0),
    ];

    public static TheoryData<Precision, int> Cases()
    {
        var data = new TheoryData<Precision, int>();
        foreach (Precision precision in new[] { Precision.Float32, Precision.TF32, Precision.BF16 })
        {
            for (int shape = 0; shape < s_shapes.Length; shape++) data.Add(precision, shape);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Absolute_gradients_agree_with_one_product_a_sample(Precision precision, int shape)
    {
        var (samples, rows, outputs, inputs, gap) = s_shapes[shape];
        using CudaDevice device = CudaUnderTest.Open(precision);
        using var run = new OperationRun(device, shape);
        float[] dy = run.NormalArray(samples * rows * outputs), x = run.NormalArray(samples * rows * inputs);
        float[] dw = run.NormalArray(outputs * inputs), db = run.NormalArray(outputs);
        Matrix weight = run.MatrixOf(dw, outputs, inputs, gap);
        DeviceSpan<float> bias = run.Values(db);
        run.Operations.LinearBackwardWeight(
            weight, bias.Slice(0, outputs), run.MatrixOf(dy, samples * rows, outputs, gap), run.MatrixOf(x, samples * rows, inputs, gap),
            GradientReduction.AbsolutePerSample, rows);
        run.Read();
        string what = $"{precision}, {samples} samples of {rows} rows, {outputs}×{inputs}";
        double sums = (samples + rows + 8) / (double)(1 << 23), u = Roundoff(precision);

        (double[] expected, double[] magnitude) = Sum(Round(dy, precision), Round(x, precision), dw, samples, rows, outputs, inputs);
        float[] found = Read(run, weight);
        Check(what, expected, found, i => sums * magnitude[i]);
        (expected, magnitude) = Sum(dy, x, dw, samples, rows, outputs, inputs);
        Check($"{what}, unrounded", expected, found, i => (sums + (2 * u) + (u * u)) * magnitude[i]);

        // The bias has no product, so nothing of it is rounded.
        float[] ones = new float[samples * rows];
        Array.Fill(ones, 1);
        (expected, magnitude) = Sum(dy, ones, db, samples, rows, outputs, 1);
        var foundBias = new float[outputs];
        device.Download(bias, foundBias);
        Check($"{what}, bias", expected, foundBias, i => sums * magnitude[i]);
    }

    /// <summary>Slices of larger buffers start at any multiple of 4 bytes; the sums must be the same bits as for aligned ones.</summary>
    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.TF32)]
    [InlineData(Precision.BF16)]
    public void Alignment_does_not_change_a_bit(Precision precision)
    {
        const int Samples = 3, Rows = 18, Outputs = 44, Inputs = 36;
        using CudaDevice device = CudaUnderTest.Open(precision);
        using var run = new OperationRun(device, 5);
        float[] dy = run.NormalArray(Samples * Rows * Outputs), x = run.NormalArray(Samples * Rows * Inputs), dw = run.NormalArray(Outputs * Inputs);
        float[]? first = null;
        foreach (int shift in new[] { 0, 1, 2, 3 })
        {
            Matrix Shifted(float[] values, int rows, int columns)
            {
                DeviceSpan<float> span = run.Values([.. new float[shift], .. values]);
                return new Matrix(span.Slice(shift), rows, columns);
            }

            Matrix weight = Shifted(dw, Outputs, Inputs);
            DeviceSpan<float> bias = run.Values([.. new float[shift], .. dw]);
            foreach (GradientReduction reduction in new[] { GradientReduction.AbsolutePerSample, GradientReduction.Sum })
            {
                run.Operations.LinearBackwardWeight(
                    reduction == GradientReduction.Sum ? default : weight, bias.Slice(shift, Outputs),
                    Shifted(dy, Samples * Rows, Outputs), Shifted(x, Samples * Rows, Inputs), reduction, Rows);
            }

            var sums = new float[Outputs];
            device.Download(bias.Slice(shift, Outputs), sums);
            float[] all = [.. Read(run, weight), .. sums];
            first ??= all;
            Assert.Equal(first, all);
        }
    }

    /// <summary>A NaN reaches every gradient of its row or column, and no other.</summary>
    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.TF32)]
    [InlineData(Precision.BF16)]
    public void Not_a_number_shows_where_it_belongs(Precision precision)
    {
        const int Samples = 2, Rows = 5, Outputs = 9, Inputs = 12;
        using CudaDevice device = CudaUnderTest.Open(precision);
        using var run = new OperationRun(device, 6);
        float[] dy = run.NormalArray(Samples * Rows * Outputs), x = run.NormalArray(Samples * Rows * Inputs);
        dy[(7 * Outputs) + 4] = BitConverter.UInt32BitsToSingle(0xffffffff);
        Matrix weight = run.MatrixOf(new float[Outputs * Inputs], Outputs, Inputs);
        run.Operations.LinearBackwardWeight(
            weight, default, run.MatrixOf(dy, Samples * Rows, Outputs), run.MatrixOf(x, Samples * Rows, Inputs), GradientReduction.AbsolutePerSample, Rows);
        float[] found = Read(run, weight);
        for (int i = 0; i < found.Length; i++) Assert.Equal(i / Inputs == 4, float.IsNaN(found[i]));
    }

    /// <summary>old[o, i] + Σ_s |Σ_r dy[r, o]·x[r, i]| in float64, and the sum of all magnitudes.</summary>
    private static (double[] Sum, double[] Magnitude) Sum(float[] dy, float[] x, float[] old, int samples, int rows, int outputs, int inputs)
    {
        double[] sum = Array.ConvertAll(old, v => (double)v), magnitude = Array.ConvertAll(old, v => Math.Abs((double)v));
        for (int s = 0; s < samples; s++)
        {
            float[] dySample = Transpose(dy[(s * rows * outputs)..((s + 1) * rows * outputs)], rows, outputs);
            var (product, terms) = Multiply(dySample, x[(s * rows * inputs)..((s + 1) * rows * inputs)], outputs, inputs, rows);
            for (int i = 0; i < sum.Length; i++)
            {
                sum[i] += Math.Abs(product[i]);
                magnitude[i] += terms[i];
            }
        }

        return (sum, magnitude);
    }
}
