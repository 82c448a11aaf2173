using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.Threads;

namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>
/// All eigenvalues and eigenvectors of a symmetric tridiagonal matrix by divide and conquer (Cuppen, 1981; Gu and Eisenstat, A Divide-and-Conquer Algorithm for the
/// Symmetric Tridiagonal Eigenproblem, 1995): two halves and a rank-one correction, whose eigenvectors are put together by matrix products.
/// </summary>
internal sealed unsafe class TridiagonalEigen(CpuDevice device, DoubleProduct product)
{
    private const int Leaf = 32;

    /// <summary>Eigenvectors that are put together at one time: enough for full matrix products, little memory.</summary>
    private const int Together = 512;

    private double* _memory;

    /// <summary>float64 numbers of working memory for order n.</summary>
    public static long Room(int n) => RankOneUpdate.Room(n) + ((long)n * ((n + 1) / 2)) + (Math.Min(n, Together) * (n + ((n + 1L) / 2)));

    /// <summary>Eigenvalues replace the diagonal, in no order; row i of <paramref name="vectors"/> [n, n] ← the eigenvector of eigenvalue i.</summary>
    /// <param name="diagonal">[n].</param>
    /// <param name="offDiagonal">[n]: element i stands between diagonal i and i + 1. Destroyed.</param>
    /// <param name="vectors">Overwritten.</param>
    /// <param name="wanted">Of the largest eigenvalues the vectors are needed; other rows are undefined. The last correction, three quarters of the work, is made for these alone.</param>
    /// <param name="memory">float64 numbers, as many as <see cref="Room"/> says.</param>
    public void Solve(double* diagonal, double* offDiagonal, DoubleMatrix vectors, int wanted, double* memory)
    {
        _memory = memory;
        int n = vectors.Rows;
        vectors.Clear();
        // Tears: each takes |e| from the two diagonal elements beside it, once for all levels.
        Tear(diagonal, offDiagonal, 0, n);
        var leaves = new List<(int Start, int Count)>();
        List(leaves, 0, n);
        var job = new LeafJob { Diagonal = diagonal, OffDiagonal = offDiagonal, Vectors = vectors, Leaves = leaves };
        var tears = new double[n];
        new Span<double>(offDiagonal, n).CopyTo(tears);
        device.Pool.Run(ref job, leaves.Count);
        Merge(diagonal, tears, vectors, 0, n, wanted);
    }

    private static void Tear(double* d, double* e, int start, int count)
    {
        if (count <= Leaf) return;
        int left = count / 2, at = start + left - 1;
        double rho = Math.Abs(e[at]);
        d[at] -= rho;
        d[at + 1] -= rho;
        Tear(d, e, start, left);
        Tear(d, e, start + left, count - left);
    }

    private static void List(List<(int Start, int Count)> leaves, int start, int count)
    {
        if (count <= Leaf)
        {
            leaves.Add((start, count));
            return;
        }

        List(leaves, start, count / 2);
        List(leaves, start + (count / 2), count - (count / 2));
    }

    private void Merge(double* d, double[] tears, DoubleMatrix vectors, int start, int count, int wanted)
    {
        if (count <= Leaf) return;
        int left = count / 2, right = count - left;
        Merge(d, tears, vectors, start, left, left);
        Merge(d, tears, vectors, start + left, right, right);
        MergeHalves(d + start, tears[start + left - 1], vectors.Slice(start, start, count, count), left, wanted);
    }

    private void MergeHalves(double* d, double tear, DoubleMatrix vectors, int left, int wanted)
    {
        int n = vectors.Rows, right = n - left;
        var merge = new RankOneUpdate(n, _memory);
        merge.Deflate(d, tear, vectors, left);
        int k = merge.Count;
        if (k == 0) return;

        // Rows that stay, packed: those with a left half, then those with a right half (a rotated one has both, and took one out, so that there are at most n halves).
        var leftRows = new DoubleMatrix(_memory + RankOneUpdate.Room(n), merge.LeftCount, left);
        var rightRows = new DoubleMatrix(leftRows.Data + ((long)merge.LeftCount * left), merge.RightCount, right);
        for (int i = 0; i < merge.LeftCount; i++) new Span<double>(vectors[merge.Row(i)], left).CopyTo(leftRows.Row(i));
        for (int i = 0; i < merge.RightCount; i++) new Span<double>(vectors[merge.Row(k - merge.RightCount + i)] + left, right).CopyTo(rightRows.Row(i));

        var roots = new RootJob { Merge = merge };
        device.Pool.Run(ref roots, (k + RootJob.Each - 1) / RootJob.Each);
        var weights = new WeightJob { Merge = merge };
        device.Pool.Run(ref weights, (k + RootJob.Each - 1) / RootJob.Each);
        for (int i = 0; i < k; i++) d[merge.SortedRow(i)] = merge.Eigenvalue(i);
        int[] which = Wanted(merge, d, n, wanted);

        // New rows take the places of the old ones, which need not be neighbours.
        int together = Math.Min(which.Length, Together);
        double* memory = rightRows.Data + ((long)merge.RightCount * right);
        for (int start = 0; start < which.Length; start += together)
        {
            int count = Math.Min(together, which.Length - start);
            var inner = new DoubleMatrix(memory, count, k);
            var result = new DoubleMatrix(memory + ((long)count * k), count, Math.Max(left, right));
            var eigenvectors = new VectorJob { Merge = merge, Which = which, Start = start, Vectors = inner };
            device.Pool.Run(ref eigenvectors, (count + RootJob.Each - 1) / RootJob.Each);
            product.Multiply(result.Slice(0, 0, count, left), inner.Slice(0, 0, count, merge.LeftCount), false, leftRows, false);
            for (int i = 0; i < count; i++) new Span<double>(result[i], left).CopyTo(new Span<double>(vectors[merge.SortedRow(which[start + i])], left));
            product.Multiply(result.Slice(0, 0, count, right), inner.Slice(0, k - merge.RightCount, count, merge.RightCount), false, rightRows, false);
            for (int i = 0; i < count; i++) new Span<double>(result[i], right).CopyTo(new Span<double>(vectors[merge.SortedRow(which[start + i])] + left, right));
        }
    }

    /// <summary>Which of the roots are among the largest eigenvalues.</summary>
    private static int[] Wanted(RankOneUpdate merge, double* d, int n, int wanted)
    {
        int[] all = [.. Enumerable.Range(0, merge.Count)];
        if (wanted >= n) return all;
        double[] values = new Span<double>(d, n).ToArray();
        Array.Sort(values);
        // Equal ones at the limit come along, whatever order they are taken in later.
        double least = values[n - wanted];
        return [.. all.Where(i => merge.Eigenvalue(i) >= least)];
    }

    private struct LeafJob : IParallelJob
    {
        public double* Diagonal;
        public double* OffDiagonal;
        public DoubleMatrix Vectors;
        public List<(int Start, int Count)> Leaves;

        public readonly void Execute(int task)
        {
            (int start, int count) = Leaves[task];
            TridiagonalLeaf.Solve(Diagonal + start, OffDiagonal + start, Vectors.Slice(start, start, count, count));
        }
    }

    private struct RootJob : IParallelJob
    {
        public const int Each = 16;

        public RankOneUpdate Merge;

        public void Execute(int task)
        {
            for (int i = task * Each; i < Math.Min(Merge.Count, (task + 1) * Each); i++) Merge.FindRoot(i);
        }
    }

    private struct WeightJob : IParallelJob
    {
        public RankOneUpdate Merge;

        public void Execute(int task)
        {
            for (int i = task * RootJob.Each; i < Math.Min(Merge.Count, (task + 1) * RootJob.Each); i++) Merge.FindWeight(i);
        }
    }

    private struct VectorJob : IParallelJob
    {
        public RankOneUpdate Merge;
        public int[] Which;
        public int Start;
        public DoubleMatrix Vectors;

        public void Execute(int task)
        {
            for (int i = task * RootJob.Each; i < Math.Min(Vectors.Rows, (task + 1) * RootJob.Each); i++) Merge.MakeVector(Which[Start + i], Vectors[i]);
        }
    }
}
