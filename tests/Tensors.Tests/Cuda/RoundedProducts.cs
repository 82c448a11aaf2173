using MergeEngine.Tensors.Tests.Support;

namespace MergeEngine.Tensors.Tests.Cuda;

/// <summary>Inputs rounded as the tensor cores take them, and products of them in float64 with the sum of the terms' magnitudes.</summary>
internal static class RoundedProducts
{
    /// <summary>Half the distance between neighbouring numbers, relative: the most that rounding an input changes it.</summary>
    public static double Roundoff(Precision precision) => precision switch
    {
        Precision.TF32 => 1.0 / (1 << 11),
        Precision.BF16 => 1.0 / (1 << 8) / 2,
        _ => 0,
    };

    /// <summary>To nearest: ties to even in BF16, away from zero in TF32 (cvt.rna).</summary>
    public static float Round(float value, Precision precision)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return precision switch
        {
            Precision.TF32 => BitConverter.UInt32BitsToSingle((bits + 0x1000u) & 0xffffe000u),
            Precision.BF16 => BitConverter.UInt32BitsToSingle((bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u),
            _ => value,
        };
    }

    public static float[] Round(float[] values, Precision precision) => Array.ConvertAll(values, v => Round(v, precision));

    /// <summary>A of m×k times B of k×n, both row-major; the second array holds Σ|a·b|.</summary>
    public static (double[] Product, double[] Magnitude) Multiply(float[] a, float[] b, int m, int n, int k)
    {
        double[] product = new double[m * n], magnitude = new double[m * n];
        for (int i = 0; i < m; i++)
        {
            for (int p = 0; p < k; p++)
            {
                for (int j = 0; j < n; j++)
                {
                    double term = (double)a[(i * k) + p] * b[(p * n) + j];
                    product[(i * n) + j] += term;
                    magnitude[(i * n) + j] += Math.Abs(term);
                }
            }
        }

        return (product, magnitude);
    }

    public static float[] Transpose(float[] values, int rows, int columns)
    {
        var result = new float[values.Length];
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++) result[(j * rows) + i] = values[(i * columns) + j];
        }

        return result;
    }

    /// <summary>Every element within its own bound.</summary>
    public static void Check(string what, double[] expected, float[] found, Func<int, double> bound)
    {
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            if (!(Math.Abs(found[i] - expected[i]) <= bound(i)))
                Assert.Fail($"{what}: element {i} of {expected.Length} is {found[i]:R}, expected {expected[i]:R} ± {bound(i):G3}.");
        }
    }

    /// <summary>The rows of a matrix without its gaps.</summary>
    public static float[] Read(OperationRun run, Matrix matrix)
    {
        var all = new float[matrix.Data.Length];
        run.Device.Download(matrix.Data, all);
        var values = new float[matrix.Rows * matrix.Columns];
        for (int r = 0; r < matrix.Rows; r++) Array.Copy(all, r * matrix.Stride, values, r * matrix.Columns, matrix.Columns);
        return values;
    }
}
