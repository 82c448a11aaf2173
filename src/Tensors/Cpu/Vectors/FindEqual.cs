using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>Counts equal elements of a range and finds one of them by its number; NaN equals nothing.</summary>
internal unsafe interface IEqualElements
{
    int CountEqual<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct;

    bool IsEqual(long index);
}

/// <summary>
/// Finds the element number <c>ordinal</c> among the equal ones: blocks are counted in parallel, some at a time so that an early one costs
/// little, and the block that holds it is read once more.
/// </summary>
internal unsafe struct FindEqual<TElements> : IRangeKernel
    where TElements : struct, IEqualElements
{
    private const int BlocksAtATime = 1024;

    private TElements _elements;
    private long _first;
    private int* _counts;

    public static long Run(CpuDevice device, in TElements elements, long length, ref long ordinal)
    {
        int* counts = (int*)Scratch.Require(BlocksAtATime * sizeof(int));
        for (long first = 0; first < length; first += (long)BlocksAtATime * Ranges.Length)
        {
            var kernel = new FindEqual<TElements> { _elements = elements, _first = first, _counts = counts };
            long part = Math.Min(length - first, (long)BlocksAtATime * Ranges.Length);
            VectorPass<FindEqual<TElements>>.Run(device, kernel, part);
            for (int block = 0; (long)block * Ranges.Length < part; block++)
            {
                if (ordinal < 0 || ordinal >= counts[block])
                {
                    ordinal -= counts[block];
                    continue;
                }

                long index = first + ((long)block * Ranges.Length);
                while (true)
                {
                    if (elements.IsEqual(index) && ordinal-- == 0) return index;
                    index++;
                }
            }
        }

        return -1;
    }

    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct =>
        _counts[start / Ranges.Length] = _elements.CountEqual<S, V, D>(_first + start, count);
}
