using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>What a micro-kernel does with a finished vector of sums.</summary>
internal unsafe interface ITileSink
{
    static abstract void Put<S, V>(float* target, V sum)
        where S : struct, ISimd<V>
        where V : struct;
}

/// <summary>
/// The innermost loop of every product: C (rows × 2 vectors) from rows of A and a panel of B, all sums in registers. Element (r, p) of A is at
/// <c>a[r·aRow + p·aStep]</c>, so A may be row-major (aRow = stride, aStep = 1), transposed (1, stride) or packed (1, height); row p of B is the two
/// vectors that the panel's format P reads at <c>b + p·bStep</c>. One chain of fused multiply-adds runs through p = 0 … k-1 for every element,
/// whatever the tile's height: so a result does not depend on how a matrix was cut into tiles.
/// </summary>
/// <remarks>
/// 12 × 2 sums fill 24 of AVX-512's 32 registers, 6 × 2 fill 12 of the 16 registers of the narrower sets. B comes as two loads and A as one
/// broadcast a row, against two multiply-adds a row: the multipliers, two a cycle, are the limit. With every row of B the one at <c>ahead</c> is asked for, which moves on by <c>aheadStep</c> floats.
/// </remarks>
internal static unsafe partial class MicroKernel<S, V>
    where S : struct, ISimd<V>
    where V : struct
{
    /// <summary>Rows of the highest kernel.</summary>
    public static int Rows
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => S.Count == 16 ? 12 : 6;
    }

    /// <summary>Columns of a tile.</summary>
    public static int Columns
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 2 * S.Count;
    }

    /// <summary>
    /// Rows of the tile to begin <paramref name="rows"/> rows with, for the fewest cycles in all: a tile of 1 to 3 rows takes as long as one of 4, since the next
    /// multiply-add of a sum waits four cycles for the last. So 50 rows are 12, 12, 12, 8 and 6, and not 12, 12, 12, 12 and 2.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int TileRows(int rows) => rows >= 2 * Rows ? Rows : S.Count == 16 ? WideTiles[rows] : NarrowTiles[rows];

    private static ReadOnlySpan<byte> WideTiles => [0, 1, 2, 3, 4, 4, 6, 4, 8, 6, 6, 8, 12, 6, 8, 12, 8, 8, 12, 12, 12, 12, 12, 12];

    private static ReadOnlySpan<byte> NarrowTiles => [0, 1, 2, 3, 4, 4, 6, 4, 4, 6, 6, 4];

    /// <summary>Hands <paramref name="rows"/> (any number) × <see cref="Columns"/> sums to the sink, row r at <c>c + r·cRow</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Multiply<T, P>(int rows, int k, float* a, nint aRow, nint aStep, float* b, nint bStep, float* ahead, nint aheadStep, float* c, nint cRow)
        where T : struct, ITileSink
        where P : struct, IPanelFormat
    {
        while (rows > 0)
        {
            int height = TileRows(rows);
            if (S.Count == 16 && height == 12)
                Rows12<T, P>(k, a, aRow, aStep, b, bStep, ahead, aheadStep, c, cRow);
            else if (S.Count != 16 && height == 6)
                Rows6<T, P>(k, a, aRow, aStep, b, bStep, ahead, aheadStep, c, cRow);
            else
                Lower<T, P>(height, k, a, aRow, aStep, b, bStep, ahead, aheadStep, c, cRow);
            rows -= height;
            a += height * aRow;
            c += height * cRow;
        }
    }

    /// <summary>A tile that is lower than the highest.</summary>
    private static void Lower<T, P>(int height, int k, float* a, nint aRow, nint aStep, float* b, nint bStep, float* ahead, nint aheadStep, float* c, nint cRow)
        where T : struct, ITileSink
        where P : struct, IPanelFormat
    {
        switch (height)
        {
            case 8:
                Rows8<T, P>(k, a, aRow, aStep, b, bStep, ahead, aheadStep, c, cRow);
                break;
            case 6:
                Rows6<T, P>(k, a, aRow, aStep, b, bStep, ahead, aheadStep, c, cRow);
                break;
            case 4:
                Rows4<T, P>(k, a, aRow, aStep, b, bStep, ahead, aheadStep, c, cRow);
                break;
            case 3:
                Rows3<T, P>(k, a, aRow, aStep, b, bStep, ahead, aheadStep, c, cRow);
                break;
            case 2:
                Rows2<T, P>(k, a, aRow, aStep, b, bStep, ahead, aheadStep, c, cRow);
                break;
            default:
                Rows1<T, P>(k, a, aRow, aStep, b, bStep, ahead, aheadStep, c, cRow);
                break;
        }
    }
}
