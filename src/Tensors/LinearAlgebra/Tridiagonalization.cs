using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.Kernels;

namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>
/// A symmetric matrix A = Q·T·Qᵀ with T tridiagonal, by Householder reflections in blocks (Dongarra, Sorensen and Hammarling, Block Reduction of Matrices to Condensed
/// Forms, 1989): half of the operations are a product with A for every column, the other half one matrix product for every block. Both read and write one triangle.
/// </summary>
internal sealed unsafe class Tridiagonalization(CpuDevice device, DoubleProduct product, Reflectors reflectors) : IDisposable
{
    private readonly Workspace _pairs = new();
    private readonly SymmetricProduct _image = new(device);
    private double[] _tau = [];

    /// <summary>Overwrites <paramref name="a"/>, of which the lower triangle is read, and leaves the reflections' vectors as rows in <paramref name="vectors"/> [n, n].</summary>
    public void Reduce(DoubleMatrix a, DoubleMatrix vectors, Span<double> diagonal, Span<double> offDiagonal)
    {
        int n = a.Rows;
        if (_tau.Length < n) _tau = new double[n];
        double* pairs = (double*)_pairs.Reserve((8L * Reflectors.Block * n) + (4 * n));
        double* column = pairs + (4L * Reflectors.Block * n);
        for (int start = 0; start < n; start += Reflectors.Block)
        {
            int block = Math.Min(Reflectors.Block, n - start);
            // v_p and w_p as rows, twice: [V; W] and [W; V], so that the update of A is one product.
            var left = new DoubleMatrix(pairs, 2 * block, n);
            var right = new DoubleMatrix(pairs + (2L * Reflectors.Block * n), 2 * block, n);
            left.Clear();
            right.Clear();
            for (int i = 0; i < block; i++)
            {
                int j = start + i, first = j + 1, rest = n - first;
                for (int r = j; r < n; r++) column[r] = a[r][j];
                for (int p = 0; p < i; p++)
                {
                    double* v = left[p], w = left[block + p];
                    DoubleVectors.Add(column + j, v + j, -w[j], n - j);
                    DoubleVectors.Add(column + j, w + j, -v[j], n - j);
                }

                diagonal[j] = column[j];
                new Span<double>(vectors[j], n).Clear();
                if (rest == 0)
                {
                    _tau[j] = 0;
                    continue;
                }

                (double tau, offDiagonal[j]) = Reflectors.Make(column + first, rest);
                _tau[j] = tau;
                double* x = left[i] + first, y = left[block + i] + first;
                new Span<double>(column + first, rest).CopyTo(new Span<double>(x, rest));
                new Span<double>(x, rest).CopyTo(new Span<double>(vectors[j] + first, rest));
                if (tau != 0) Image(a, left, i, block, first, rest, tau, x, y);
                new Span<double>(x, rest).CopyTo(new Span<double>(right[block + i] + first, rest));
                new Span<double>(y, rest).CopyTo(new Span<double>(right[i] + first, rest));
            }

            int next = start + block;
            if (next < n)
            {
                product.Multiply(
                    a.Slice(next, next, n - next, n - next), left.Slice(0, next, 2 * block, n - next), true, right.Slice(0, next, 2 * block, n - next), false, -1, 1, lowerOnly: true);
            }
        }
    }

    /// <summary>Every row x of <paramref name="x"/> ← Q·x.</summary>
    public void ApplyTo(DoubleMatrix x, DoubleMatrix vectors)
    {
        int n = vectors.Rows;
        fixed (double* tau = _tau)
        {
            for (int start = (n - 1) / Reflectors.Block * Reflectors.Block; start >= 0; start -= Reflectors.Block)
                reflectors.Apply(x.Slice(0, start, x.Rows, n - start), vectors.Slice(start, start, Math.Min(Reflectors.Block, n - start), n - start), tau + start, transpose: false);
        }
    }

    public void Dispose()
    {
        _image.Dispose();
        _pairs.Dispose();
    }

    /// <summary>y ← w − ½·τ·(w·x)·x with w = τ·(A − V·Wᵀ − W·Vᵀ)·x, where A has not yet seen the block's earlier pairs.</summary>
    private void Image(DoubleMatrix a, DoubleMatrix pairs, int done, int block, int first, int rest, double tau, double* x, double* y)
    {
        _image.Multiply(a.Slice(first, first, rest, rest), x, y);
        for (int p = 0; p < done; p++)
        {
            double* v = pairs[p] + first, w = pairs[block + p] + first;
            double onV = DoubleVectors.Dot(v, x, rest), onW = DoubleVectors.Dot(w, x, rest);
            DoubleVectors.Add(y, v, -onW, rest);
            DoubleVectors.Add(y, w, -onV, rest);
        }

        DoubleVectors.Scale(y, tau, rest);
        DoubleVectors.Add(y, x, -0.5 * tau * DoubleVectors.Dot(y, x, rest), rest);
    }
}
