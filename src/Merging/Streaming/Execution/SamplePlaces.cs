using System.Numerics;
using MergeEngine.Merging.TensorMethods;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>Where a sample of a tensor is taken: short pieces, one in each of equal stretches, so that every row and block of rows has its share.</summary>
internal static class SamplePlaces
{
    /// <summary>Pieces that a chunk must have room for.</summary>
    private const int LeastOfChunk = 16;

    /// <summary>Where the pieces begin, in order; none if the tensor is too small for looking at a part of it to save anything, or its chunks are.</summary>
    /// <param name="shape">The tensor's chunks.</param>
    public static long[] Of(in ChunkShape shape)
    {
        long pieces = SampleSize.Pieces(shape.Total);
        if (shape.Length < LeastOfChunk * SampleSize.Piece || !SampleSize.IsWorthIt(shape.Total)) return [];
        var places = new long[pieces];
        for (long i = 0; i < pieces; i++)
        {
            // Not at equal distances, or they would be in the same columns of every row; at whole cache lines of float32.
            UInt128 total = (ulong)shape.Total;
            long begin = (long)((total * (ulong)i) / (ulong)pieces), stretch = (long)((total * (ulong)(i + 1)) / (ulong)pieces) - begin - SampleSize.Piece;
            uint random = BitOperations.RotateLeft((uint)i * 2_654_435_761u, 13) * 2_246_822_519u;
            places[i] = begin + ((long)(((ulong)stretch * random) >> 32) & ~15L);
        }

        return places;
    }
}
