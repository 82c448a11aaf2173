namespace MergeEngine.Tensors.Operations.Reference;

/// <content>Sums over vectors that come in chunks: the one place where the reference follows the tree of the other devices, element by element.</content>
public unsafe partial class ReferenceOperations
{
    protected override void AccumulateSumsCore(DeviceSpan<double> sums, ReadOnlySpan<DeviceSpan<float>> vectors, long firstIndex, SumTerms terms)
    {
        double* state = sums.Pointer;
        int last = vectors.Length - 1;
        for (int i = 0; i < (terms == SumTerms.ProductsWithLast ? last : vectors.Length); i++)
        {
            int first = terms switch { SumTerms.Products => 0, SumTerms.ProductsWithLast => last, _ => i }, end = terms == SumTerms.ProductsWithLast ? last : i;
            for (int j = first; j <= end; j++, state += SumTree.StateLength)
            {
                for (long n = 0; n < vectors[i].Length; n++)
                {
                    double a = vectors[i].Pointer[n], b = vectors[j].Pointer[n];
                    Add(state, firstIndex + n, terms switch { SumTerms.Products or SumTerms.ProductsWithLast => a * b, SumTerms.Elements => a, _ => Math.Abs(a) });
                }
            }
        }
    }

    protected override void AccumulateThinnedSumsCore(
        DeviceSpan<double> sums, DeviceSpan<float> values, DeviceSpan<float> origin, in DifferenceTerm term, long firstIndex, SumTerms terms, bool withWhole)
    {
        double* thinned = sums.Pointer + (withWhole ? SumTree.StateLength : 0);
        for (long n = 0; n < values.Length; n++)
        {
            float difference = values.Pointer[n] - origin.Pointer[n];
            double value = terms == SumTerms.Products ? (double)difference * difference : Math.Abs(difference);
            if (withWhole) Add(sums.Pointer, firstIndex + n, value);
            Add(thinned, firstIndex + n, (term.Mask.IsNone || term.Mask.Pointer[n] != 0) && term.Counts(difference, firstIndex + n) ? value : 0);
        }
    }

    private static void Add(double* state, long index, double term)
    {
        if (index % SumTree.Block == 0) new Span<double>(state, SumTree.Lanes).Clear();
        state[index % SumTree.Lanes] += term;
        if (index % SumTree.Block == SumTree.Block - 1) SumTree.Push(state, SumTree.Halve(state), index / SumTree.Block);
    }
}
