using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Cpu.Vectors;

namespace MergeEngine.Tensors.Cpu.Groups;

/// <summary>Adds the products of all pairs of K vectors, column by column, a range being columns: every row is added to sums that stay in the first-level cache.</summary>
internal unsafe struct ColumnGram : IRangeKernel
{
    public float** Vectors;
    public int Count;
    public long Columns;
    public long Rows;

    /// <summary>[pairs][Columns].</summary>
    public double* Products;

    /// <summary>Whether the sums begin here.</summary>
    public bool IsFirst;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        int width = S.Count, half = width / 2;
        if (IsFirst)
        {
            double* sums = Products + start;
            for (int p = 0; p < Count * (Count + 1) / 2; p++, sums += Columns) new Span<double>(sums, count).Clear();
        }

        for (long row = 0; row < Rows; row++)
        {
            double* sums = Products + start;
            for (int i = 0; i < Count; i++)
            {
                float* a = Vectors[i] + (row * Columns) + start;
                for (int j = 0; j <= i; j++, sums += Columns)
                {
                    float* b = Vectors[j] + (row * Columns) + start;
                    int c = 0;
                    for (; c <= count - width; c += width)
                    {
                        V x = S.Load(a + c), y = S.Load(b + c);
                        S.StoreDouble(sums + c, S.FusedMultiplyAdd(S.WidenLower(x), S.WidenLower(y), S.LoadDouble(sums + c)));
                        S.StoreDouble(sums + c + half, S.FusedMultiplyAdd(S.WidenUpper(x), S.WidenUpper(y), S.LoadDouble(sums + c + half)));
                    }

                    for (; c < count; c++) sums[c] += (double)a[c] * b[c];
                }
            }
        }
    }
}
