using MergeEngine.Tensors.Cuda.Kernels;
using MergeEngine.Tensors.Cuda.Memory;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cuda;

/// <content>Sums over vectors that come in chunks: the unfinished sums stay on the device, and nothing waits for it.</content>
internal sealed partial class CudaOperations
{
    /// <summary>Partial sums of one launch: 32 MiB.</summary>
    private const int RunningBlockSums = 1 << 22;

    protected override void AccumulateSumsCore(DeviceSpan<double> sums, ReadOnlySpan<DeviceSpan<float>> vectors, long firstIndex, SumTerms terms)
    {
        const int tile = RunningSumKernels.ProductTile;
        int count = SumCount(vectors.Length, terms), sides = (vectors.Length + tile - 1) / tile;
        (Kernel<RunningSumArguments> kernel, int tiles) = terms switch
        {
            SumTerms.Products => (RunningSumKernels.AccumulateProducts, sides * (sides + 1) / 2),
            SumTerms.ProductsWithLast => (RunningSumKernels.AccumulateProductsWithLast, (count + tile - 1) / tile),
            _ => (RunningSumKernels.AccumulateTerms, vectors.Length),
        };
        long length = vectors[0].Length, most = RunningBlockSums / count, openBytes = ScratchLayout.Aligned((long)count * SumTree.Lanes * sizeof(double));
        long blockBytes = Math.Min(most, (length / SumTree.Block) + 2) * count * sizeof(double);
        var arguments = new RunningSumArguments { State = sums.Address, Count = vectors.Length, Sums = count, Magnitudes = terms == SumTerms.Magnitudes ? 1 : 0 };
        for (int k = 0; k < vectors.Length; k++) arguments.Vectors[k] = vectors[k].Address;
        lock (_device.Gate)
        {
            arguments.Open = Scratch(openBytes + blockBytes);
            arguments.Blocks = arguments.Open + (nint)openBytes;
            for (long done = 0; done < length; done = arguments.First + arguments.Covered)
            {
                long at = firstIndex + done;
                arguments.Before = (int)(at % SumTree.Block);
                arguments.First = done - arguments.Before;
                arguments.Covered = Math.Min(length - arguments.First, most * SumTree.Block);
                int pairs = Grid.Over(arguments.Covered, 2 * SumTree.Block).X;
                Launch(kernel, new Grid(pairs * tiles), arguments);
                Launch(RunningSumKernels.PushSums, Grid.Over(count, 64), new PushSumArguments
                {
                    State = arguments.State,
                    Open = arguments.Open,
                    Blocks = arguments.Blocks,
                    Block = at / SumTree.Block,
                    Covered = arguments.Covered,
                    Sums = count,
                });
            }
        }
    }
}
