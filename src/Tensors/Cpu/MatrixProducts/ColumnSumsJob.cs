using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>
/// acc[n] += sums of columns over parts of consecutive rows, or their absolute values: the gradient of a bias. A column's sum runs down a part in one chain, and
/// parts are added in order; a task owns some columns.
/// </summary>
internal unsafe struct ColumnSumsJob<S, V> : IParallelJob
    where S : struct, ISimd<V>
    where V : struct
{
    private const int PrefetchRows = 16;

    public int Rows;
    public int RowsInPart;
    public int N;
    public float* Values;
    public nint Stride;
    public float* Accumulator;
    public bool Absolute;

    /// <summary>Columns in a task: four vectors, enough chains to keep the adders busy.</summary>
    public static int ColumnsEach => 4 * S.Count;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Execute(int task)
    {
        int column = task * ColumnsEach;
        if (N - column >= ColumnsEach)
        {
            Sum4(column);
            return;
        }
        for (; column < N; column += S.Count)
            Sum1(column, Math.Min(S.Count, N - column));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Sum4(int column)
    {
        float* acc = Accumulator + column, row = Values + column;
        V t0 = S.Load(acc), t1 = S.Load(acc + S.Count), t2 = S.Load(acc + 2 * S.Count), t3 = S.Load(acc + 3 * S.Count);
        for (int start = 0; start < Rows; start += RowsInPart)
        {
            V s0 = S.Zero, s1 = S.Zero, s2 = S.Zero, s3 = S.Zero;
            for (int r = Math.Min(RowsInPart, Rows - start); r > 0; r--, row += Stride)
            {
                S.Prefetch(row + PrefetchRows * Stride);
                S.Prefetch(row + PrefetchRows * Stride + 2 * S.Count);
                s0 = S.Add(s0, S.Load(row));
                s1 = S.Add(s1, S.Load(row + S.Count));
                s2 = S.Add(s2, S.Load(row + 2 * S.Count));
                s3 = S.Add(s3, S.Load(row + 3 * S.Count));
            }
            t0 = S.Add(t0, Absolute ? S.Abs(s0) : s0);
            t1 = S.Add(t1, Absolute ? S.Abs(s1) : s1);
            t2 = S.Add(t2, Absolute ? S.Abs(s2) : s2);
            t3 = S.Add(t3, Absolute ? S.Abs(s3) : s3);
        }
        S.Store(acc, t0);
        S.Store(acc + S.Count, t1);
        S.Store(acc + 2 * S.Count, t2);
        S.Store(acc + 3 * S.Count, t3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Sum1(int column, int lanes)
    {
        float* row = Values + column;
        V total = S.LoadPartial(Accumulator + column, lanes);
        for (int start = 0; start < Rows; start += RowsInPart)
        {
            V sum = S.Zero;
            for (int r = Math.Min(RowsInPart, Rows - start); r > 0; r--, row += Stride)
                sum = S.Add(sum, S.LoadPartial(row, lanes));
            total = S.Add(total, Absolute ? S.Abs(sum) : sum);
        }
        S.StorePartial(Accumulator + column, total, lanes);
    }
}
