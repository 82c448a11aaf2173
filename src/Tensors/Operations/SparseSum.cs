namespace MergeEngine.Tensors.Operations;

/// <summary>The sum over a vector of which only some elements are not 0, given in their order: the bits of the <see cref="SumTree"/> over all of it, as adding 0 changes none.</summary>
public sealed unsafe class SparseSum
{
    private readonly double[] _state = new double[SumTree.StateLength];
    private long _block;
    private long _next;

    /// <summary>Adds a term.</summary>
    /// <param name="index">The element's, larger than that of the term before.</param>
    /// <param name="term">What it adds.</param>
    public void Add(long index, double term)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(index, _next);
        _next = index + 1;
        if (index / SumTree.Block != _block) EndBlocks(index / SumTree.Block);
        _state[(int)(index % SumTree.Lanes)] += term;
    }

    /// <summary>The sum over <paramref name="length"/> elements; nothing can be added after it.</summary>
    public double Value(long length)
    {
        EndBlocks(length / SumTree.Block);
        return SumTree.Value(_state, length);
    }

    private void EndBlocks(long end)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(end, _block);
        fixed (double* state = _state)
        {
            for (; _block < end; _block++)
            {
                SumTree.Push(state, SumTree.Halve(state), _block);
                new Span<double>(state, SumTree.Lanes).Clear();
            }
        }
    }
}
