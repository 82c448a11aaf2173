using MergeEngine.Tensors.Cpu.Vectors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu;

/// <content>Sums over vectors that come in chunks.</content>
internal sealed unsafe partial class CpuOperations
{
    protected override void AccumulateSumsCore(DeviceSpan<double> sums, ReadOnlySpan<DeviceSpan<float>> vectors, long firstIndex, SumTerms terms)
    {
        int sumCount = OperationSet.SumCount(vectors.Length, terms);
        switch (terms)
        {
            case SumTerms.Products: Accumulate(sums.Pointer, vectors, firstIndex, sumCount, default(PairProducts)); break;
            case SumTerms.ProductsWithLast: Accumulate(sums.Pointer, vectors, firstIndex, sumCount, default(LastProducts)); break;
            case SumTerms.Elements: Accumulate(sums.Pointer, vectors, firstIndex, sumCount, default(EachVector<Elements>)); break;
            default: Accumulate(sums.Pointer, vectors, firstIndex, sumCount, default(EachVector<Magnitudes>)); break;
        }
    }

    protected override void AccumulateThinnedSumsCore(DeviceSpan<double> sums, DeviceSpan<float> values, DeviceSpan<float> origin, in DifferenceTerm term, long firstIndex, SumTerms terms, bool withWhole)
    {
        byte* lists = stackalloc byte[(int)DifferenceTerms.ScratchBytes(1)];
        DifferenceTerms thinned = DifferenceTerms.Create(lists, [values], [term], firstIndex);
        int sumCount = withWhole ? 2 : 1;
        if (terms == SumTerms.Products) Accumulate(sums.Pointer, [values, origin], firstIndex, sumCount, new ThinnedSums<Squares> { Terms = thinned, IsWithWhole = withWhole });
        else Accumulate(sums.Pointer, [values, origin], firstIndex, sumCount, new ThinnedSums<Magnitudes> { Terms = thinned, IsWithWhole = withWhole });
    }

    private void Accumulate<TLaneSums>(double* state, ReadOnlySpan<DeviceSpan<float>> vectors, long firstIndex, int sumCount, in TLaneSums terms)
        where TLaneSums : struct, ILaneSums
    {
        const int blocksAtATime = 512;
        long length = vectors[0].Length, lanesLength = (long)sumCount * SumTree.Lanes;
        long blockRoom = Math.Min(blocksAtATime, (length / SumTree.Block) + 2) * sumCount;
        byte* scratch = Scratch.Require(Scratch.PointerBytes(vectors.Length) + (sizeof(double) * ((lanesLength * (_device.Threads + 1)) + blockRoom)));
        double* open = (double*)(scratch + Scratch.PointerBytes(vectors.Length));
        var kernel = new BlockSums<TLaneSums>
        {
            Vectors = Scratch.Pointers(scratch, vectors),
            Count = vectors.Length,
            SumCount = sumCount,
            State = state,
            Open = open,
            Lanes = open + lanesLength,
            Sums = open + (lanesLength * (_device.Threads + 1)),
            Pool = _device.Pool,
            Terms = terms,
        };
        for (long done = 0; done < length;)
        {
            long at = firstIndex + done, block = at / SumTree.Block;
            kernel.Before = (int)(at % SumTree.Block);
            kernel.First = done - kernel.Before;
            long covered = Math.Min(length - kernel.First, (long)blocksAtATime * SumTree.Block);
            VectorPass<BlockSums<TLaneSums>>.Run(_device, kernel, covered, SumTree.Block);
            kernel.PushTo(block, covered);
            done = kernel.First + covered;
        }
    }
}
