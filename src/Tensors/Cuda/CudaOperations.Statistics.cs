using MergeEngine.Tensors.Cuda.Kernels;
using MergeEngine.Tensors.Cuda.Memory;

namespace MergeEngine.Tensors.Cuda;

/// <content>
/// Statistics over flat vectors. Sums follow the tree of the CPU device and have its bits. What is returned waits for the device once;
/// <see cref="SquaredNormCore"/> does not.
/// </content>
internal sealed partial class CudaOperations
{
    /// <summary>Bytes at the start of working memory for what an operation returns.</summary>
    private const int Results = ScratchLayout.Alignment;

    protected override double DotCore(DeviceSpan<float> a, DeviceSpan<float> b) => SumToHost(StatisticsKernels.SumProducts, a, b);

    protected override void SquaredNormCore(DeviceSpan<double> result, DeviceSpan<float> values)
    {
        lock (_device.Gate) Sum(StatisticsKernels.SumSquares, values.Address, values.Address, values.Length, result.Address);
    }

    protected override double SumCore(DeviceSpan<float> values) => SumToHost(StatisticsKernels.SumElements, values, values);

    protected override double AbsoluteSumCore(DeviceSpan<float> values) => SumToHost(StatisticsKernels.SumMagnitudes, values, values);

    protected override long CountAnyNonzeroCore(ReadOnlySpan<DeviceSpan<float>> vectors) => CountSigns(vectors).Nonzero;

    protected override (long Agreeing, long Compared) SignAgreementCore(ReadOnlySpan<DeviceSpan<float>> vectors, bool countSingles)
    {
        SignCounts counts = CountSigns(vectors);
        // Two signs need two values, so what disagrees has been compared.
        long compared = countSingles || vectors.Length == 1 ? counts.One : counts.Several;
        return (compared - counts.Both, compared);
    }

    protected override long CountMaskedCore(DeviceSpan<byte> mask)
    {
        if (mask.Length == 0) return 0;
        // Packets start at a 16-byte boundary, so the first block may have up to 15 bytes before the mask.
        Grid grid = Grid.Over(mask.Length + (mask.Address & 15), StatisticsKernels.ZeroBytesBlock);
        lock (_device.Gate)
        {
            nint sums = Scratch(Results + ((long)grid.X * StatisticsKernels.CountBytes)), counts = sums + Results;
            Launch(StatisticsKernels.CountZeroBytes, grid, new ZeroBytesArguments { Bytes = mask.Address, Counts = counts, Length = mask.Length });
            return SumCounts(sums, counts, grid)[0];
        }
    }

    private double SumToHost(Kernel<SumArguments> kernel, DeviceSpan<float> a, DeviceSpan<float> b)
    {
        if (a.Length == 0) return 0;
        lock (_device.Gate) return _device.Fetch<double>(Sum(kernel, a.Address, b.Address, a.Length), 1)[0];
    }

    /// <summary>The sum of a kernel's terms, left at <paramref name="result"/>, or in working memory if that is 0. The caller holds the gate.</summary>
    private nint Sum(Kernel<SumArguments> kernel, nint a, nint b, long length, nint result = 0)
    {
        long count = (length + StatisticsKernels.SumBlock - 1) / StatisticsKernels.SumBlock, room = ScratchLayout.Aligned(count * sizeof(double));
        nint scratch = Scratch(Results + (2 * room)), sums = scratch + Results, next = sums + (nint)room;
        if (result == 0) result = scratch;
        if (count > 0) Launch(kernel, Grid.Over(length, StatisticsKernels.SumBlock), new SumArguments { A = a, B = b, Sums = sums, Length = length });
        while (true)
        {
            Grid grid = count == 0 ? new Grid(1) : Grid.Over(count, StatisticsKernels.PairBlock);
            Launch(StatisticsKernels.AddInPairs, grid, new PairArguments { Sums = sums, Result = grid.X == 1 ? result : next, Count = count });
            if (grid.X == 1) return result;
            (sums, next) = (next, sums);
            count = grid.X;
        }
    }

    private SignCounts CountSigns(ReadOnlySpan<DeviceSpan<float>> vectors)
    {
        long length = vectors[0].Length;
        if (length == 0) return default;
        Grid grid = Grid.Over(length, StatisticsKernels.SignBlock);
        long countsBytes = ScratchLayout.Aligned((long)grid.X * StatisticsKernels.CountBytes);
        var arguments = new SignArguments { Length = length };
        lock (_device.Gate)
        {
            nint sums = Scratch(Results + countsBytes + (vectors.Length > SignArguments.VectorAddresses.Capacity ? length : 0));
            arguments.Counts = sums + Results;
            arguments.Seen = arguments.Counts + (nint)countsBytes;
            while (!vectors.IsEmpty)
            {
                nint addresses = 0;
                arguments.Count = Math.Min(vectors.Length, SignArguments.VectorAddresses.Capacity);
                for (int k = 0; k < arguments.Count; k++) addresses |= arguments.Vectors[k] = vectors[k].Address;
                vectors = vectors[arguments.Count..];
                arguments.Aligned = (byte)(IsAligned(addresses) ? 1 : 0);
                arguments.GoesOn = (byte)(vectors.IsEmpty ? 0 : 1);
                Launch(StatisticsKernels.CountSigns, grid, arguments);
                arguments.Resumes = 1;
            }

            ReadOnlySpan<long> counts = SumCounts(sums, arguments.Counts, grid);
            return new SignCounts(counts[0], counts[1], counts[2], counts[3]);
        }
    }

    /// <summary>Adds up the four counts of each block of a counting kernel, and waits for it.</summary>
    private ReadOnlySpan<long> SumCounts(nint sums, nint counts, Grid grid)
    {
        Launch(StatisticsKernels.SumCounts, new Grid(1), new SumCountsArguments { Counts = counts, Sums = sums, Blocks = grid.X });
        return _device.Fetch<long>(sums, 4);
    }
}
