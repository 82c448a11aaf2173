namespace MergeEngine.Tensors.Operations;

/// <summary>
/// The order in which every float64 sum over a vector is added up, on every device: element i of a block of <see cref="Block"/> elements is
/// added to lane i mod <see cref="Lanes"/>, the lanes are halved four times, and the blocks' sums are added like neighbours in pairs, a
/// last one without a neighbour going up as it is. Blocks are counted from the vector's first element, so the tree does not know in which
/// pieces the vector came.
/// </summary>
/// <remarks>
/// A sum that is not finished is <see cref="StateLength"/> numbers: the lanes of the open block, and for every level of the tree the subtree that
/// waits for its right neighbour, one for each bit that is set in the number of blocks that are done, like the digits of a binary counter.
/// With n terms the error is at most (Block/Lanes + 4 + log₂(n/Block))·2⁻⁵³·Σ|term|. No lane and no subtree is ever −0, since each starts at +0.
/// </remarks>
public static unsafe class SumTree
{
    /// <summary>Elements of a block. A change alters the last bits of every norm.</summary>
    public const int Block = 16 * 1024;

    /// <summary>Chains of additions within a block.</summary>
    public const int Lanes = 16;

    /// <summary>Numbers of one unfinished sum: <see cref="Lanes"/> lanes, then levels for 2⁴⁸ blocks. Its content before the first element does not matter.</summary>
    public const int StateLength = 64;

    /// <summary>The sum over the first <paramref name="length"/> elements, which an unfinished sum has seen.</summary>
    public static double Value(ReadOnlySpan<double> state, long length)
    {
        double sum = 0;
        if (length % Block != 0)
        {
            double* lanes = stackalloc double[Lanes];
            state[..Lanes].CopyTo(new Span<double>(lanes, Lanes));
            sum = Halve(lanes);
        }

        long blocks = length / Block;
        for (int level = 0; blocks >> level != 0; level++)
        {
            if ((blocks >> level & 1) != 0) sum = state[Lanes + level] + sum;
        }

        return sum;
    }

    /// <summary>The sum of a block from its lanes, which are overwritten.</summary>
    internal static double Halve(double* lanes)
    {
        for (int n = Lanes / 2; n > 0; n /= 2)
        {
            for (int i = 0; i < n; i++) lanes[i] += lanes[i + n];
        }

        return lanes[0];
    }

    /// <summary>Enters the sum of block number <paramref name="block"/> into the levels of an unfinished sum; blocks come in order.</summary>
    internal static void Push(double* state, double sum, long block)
    {
        double* level = state + Lanes;
        for (; (block & 1) != 0; block >>= 1) sum = *level++ + sum;
        *level = sum;
    }
}
