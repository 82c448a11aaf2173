namespace MergeEngine.Tensors.Tests.Cpu;

/// <summary>Plain float64 loops and the matrices that they are tried on.</summary>
internal static class ReferenceProduct
{
    /// <summary>A row-major matrix in a larger array: rows <c>Stride</c> apart, with NaN between them and around.</summary>
    internal sealed class TestMatrix
    {
        public const int Margin = 5;

        public TestMatrix(int rows, int columns, int extraStride, int seed)
        {
            Rows = rows;
            Columns = columns;
            Stride = columns + extraStride;
            Values = new float[rows * Stride + 2 * Margin];
            Array.Fill(Values, float.NaN);
            var random = new Random(seed);
            for (int row = 0; row < rows; row++)
                for (int column = 0; column < columns; column++)
                    this[row, column] = (float)(random.NextDouble() * 2 - 1);
        }

        private TestMatrix(TestMatrix other)
        {
            (Rows, Columns, Stride) = (other.Rows, other.Columns, other.Stride);
            Values = (float[])other.Values.Clone();
        }

        public int Rows { get; }
        public int Columns { get; }
        public int Stride { get; }
        public float[] Values { get; }

        public float this[int row, int column]
        {
            get => Values[Margin + row * Stride + column];
            set => Values[Margin + row * Stride + column] = value;
        }

        public TestMatrix Clone() => new(this);

        public void Fill(float value)
        {
            for (int row = 0; row < Rows; row++)
                for (int column = 0; column < Columns; column++)
                    this[row, column] = value;
        }

        /// <summary>Everything that is not an element still holds NaN.</summary>
        public void AssertNothingWrittenAround(string what)
        {
            for (int i = 0; i < Values.Length; i++)
            {
                int at = i - Margin;
                bool inside = at >= 0 && at < Rows * Stride && at % Stride < Columns;
                if (!inside && !float.IsNaN(Values[i]))
                    Assert.Fail($"{what}: wrote outside of the matrix, {at} floats from its start");
            }
        }
    }

    /// <summary>op(A)·op(B) and |op(A)|·|op(B)|.</summary>
    public static (double[] Product, double[] Magnitude) Multiply(TestMatrix a, bool transposeA, TestMatrix b, bool transposeB, int m, int n, int k)
    {
        var product = new double[m * n];
        var magnitude = new double[m * n];
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
            {
                double sum = 0, absolute = 0;
                for (int p = 0; p < k; p++)
                {
                    double term = (double)(transposeA ? a[p, i] : a[i, p]) * (transposeB ? b[j, p] : b[p, j]);
                    sum += term;
                    absolute += Math.Abs(term);
                }
                product[i * n + j] = sum;
                magnitude[i * n + j] = absolute;
            }
        }
        return (product, magnitude);
    }
}
