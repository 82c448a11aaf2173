using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Benchmarks.Operations;

/// <summary>The operations over flat vectors of parameters: arithmetic, statistics, masks and merges of up to 64 models.</summary>
internal static class VectorOperations
{
    /// <summary>Element by element the same bits as the reference; sums are float64 in a tree of their own, which rounds at 1e-16, hence the bound of 1e-13.</summary>
    /// <remarks>All work on one <see cref="VectorMemory"/>.</remarks>
    public static IReadOnlyList<Operation> All { get; } =
    [
        Row("Copy", v => v.Run.Copy(v.Output, v.Inputs[0])),
        Row("Fill", v => v.Run.Fill(v.Output, 1)),
        Row("Subtract", v => v.Run.Subtract(v.Output, v.Inputs[0], v.Inputs[1])),
        Row("Scale", v => v.Run.Scale(v.Output, 1.0001f)),
        Row("AccumulateAbsolute", v => v.Run.AccumulateAbsolute(v.Output, v.Inputs[1])),
        Row("ApplyMask", v => v.Run.ApplyMask(v.Output, v.Inputs[1], v.Mask)),
        Row("WeightedSum of 2", v => v.Run.WeightedSum(v.Output, v.Two, v.Weights.AsSpan(0, 2))),
        Row("WeightedSum of 8", v => v.Run.WeightedSum(v.Output, v.Inputs, v.Weights)),
        Row("WeightedSum of 64", v => v.Run.WeightedSum(v.Output.Slice(0, v.Part), v.Many, v.ManyWeights)),
        Row("AddWeightedSum of 2", v => v.Run.AddWeightedSum(v.Output, v.Inputs[2], v.Two, v.Weights.AsSpan(0, 2))),
        Row("AddWeightedSum of 8, in place, masked", v => v.Run.AddWeightedSum(v.Output, v.Output, v.Inputs, v.Weights, v.Mask)),
        Row("WeightedSum of 8 BF16 into BF16", v => v.Run.WeightedSum(v.Stored[DType.BF16][8], v.Stored[DType.BF16].AsSpan(0, 8), v.Weights)),
        Row("WeightedSum of 8 F16 into F16", v => v.Run.WeightedSum(v.Stored[DType.F16][8], v.Stored[DType.F16].AsSpan(0, 8), v.Weights)),
        Row("AddWeightedSum of 8 BF16 into F32, masked", v => v.Run.AddWeightedSum(StoredVector.From(v.Output), StoredVector.From(v.Inputs[0]), v.Stored[DType.BF16].AsSpan(0, 8), v.Weights, v.Mask)),
        Row("Convert BF16 to F32", v => v.Run.Convert(StoredVector.From(v.Output), v.Stored[DType.BF16][0])),
        Row("Convert F32 to BF16", v => v.Run.Convert(v.Stored[DType.BF16][8], StoredVector.From(v.Inputs[0]))),
        Row("Convert F16 to F32", v => v.Run.Convert(StoredVector.From(v.Output), v.Stored[DType.F16][0])),
        Row("Convert F32 to F16", v => v.Run.Convert(v.Stored[DType.F16][8], StoredVector.From(v.Inputs[0]))),
        Row("Dot", v => v.Answer = v.Run.Dot(v.Inputs[0], v.Inputs[1])),
        Row("AccumulateSums, products of 2", v => v.Run.AccumulateSums(v.Sums, v.Two, 0)),
        Row("AccumulateSums, products of 8", v => v.Run.AccumulateSums(v.Sums, v.Inputs, 0)),
        Row("AccumulateSums, products of 64", v => v.Run.AccumulateSums(v.Sums, v.Many, 0)),
        Row("AccumulateSums, products of 8 with the last", v => v.Run.AccumulateSums(v.Sums, v.Inputs, 0, SumTerms.ProductsWithLast)),
        Row("AccumulateSums, magnitudes of 8", v => v.Run.AccumulateSums(v.Sums, v.Inputs, 0, SumTerms.Magnitudes)),
        Row("Sum", v => v.Answer = v.Run.Sum(v.Inputs[0])),
        Row("AbsoluteSum", v => v.Answer = v.Run.AbsoluteSum(v.Inputs[0])),
        Row("CountMasked", v => v.Answer = v.Run.CountMasked(v.Mask)),
        Row("CountAnyNonzero of 8", v => v.Answer = v.Run.CountAnyNonzero(v.Inputs)),
        Row("SignAgreement of 8", v => v.Run.SignAgreement(v.Inputs, false)),
        Row("MagnitudeHistogram, first digit", v => v.Run.MagnitudeHistogram(v.Counts, v.Inputs[0], 0, 0, 11)),
        Row("MagnitudeHistogram, second digit", v => v.Run.MagnitudeHistogram(v.Counts, v.Inputs[0], v.Digit, 11, 11)),
        Row("KeyHistogram, first digit", v => v.Run.KeyHistogram(v.Counts, v.Keys, 0, 0, 11)),
        Row("KeyHistogram, second digit", v => v.Run.KeyHistogram(v.Counts, v.Keys, v.KeyDigit, 11, 11)),
        Row("FindMagnitude, not there", v => v.FindAbsent()),
        Row("CrossMagnitude of 8", v => v.Run.CrossMagnitude(v.Keys, [], v.Inputs)),
        Row("CrossMagnitude of 4 with magnitudes", v => v.Run.CrossMagnitude(v.Keys, v.Inputs.AsSpan(4), v.Inputs.AsSpan(0, 4))),
        Row("CrossMagnitude of 64", v => v.Run.CrossMagnitude(v.Keys.Slice(0, v.Part), [], v.Many)),
        Row("DropMask", v => v.Run.DropMask(v.Mask, v.Keys, v.Dropped)),
        Row("KeepMask", v => v.Run.KeepMask(v.Mask, v.Inputs[0], v.Kept[0])),
        Row("SignBalance of 8", v => v.Answer = v.Run.SignBalance(v.Inputs, v.Kept)),
        Row("DisjointMean of 2", v => v.Run.DisjointMean(v.Output, v.Two, v.Kept.AsSpan(0, 2), 1)),
        Row("DisjointMean of 8", v => v.Run.DisjointMean(v.Output, v.Inputs, v.Kept, 1)),
        Row("DisjointMean of 64", v => v.Run.DisjointMean(v.Output.Slice(0, v.Part), v.Many, v.ManyKept, 1)),
        Row("MergeDifferences of 7, sum", v => v.Run.MergeDifferences(v.Output, v.Inputs[7], v.Inputs.AsSpan(0, 7), v.Terms.AsSpan(0, 7), DifferenceRule.Sum, 0.7)),
        Row("MergeDifferences of 7, elected mean", v => v.Run.MergeDifferences(v.Output, v.Inputs[7], v.Inputs.AsSpan(0, 7), v.Terms.AsSpan(0, 7), DifferenceRule.ElectedMean, 0.7)),
        Row("MergeDifferences of 7, shared mean", v => v.Run.MergeDifferences(v.Output, v.Inputs[7], v.Inputs.AsSpan(0, 7), v.Terms.AsSpan(0, 7), DifferenceRule.SharedMean, 0.7)),
        Row("MergeDifferences of 7, masked, elected sum", v => v.Run.MergeDifferences(v.Output, v.Inputs[7], v.Inputs.AsSpan(0, 7), v.MaskedTerms.AsSpan(0, 7), DifferenceRule.Elected, 0.7)),
        Row("MergeDifferences of 2, elected mean", v => v.Run.MergeDifferences(v.Output, v.Inputs[7], v.Two, v.Terms.AsSpan(0, 2), DifferenceRule.ElectedMean, 0.7)),
        Row("Variance of 8", v => v.Run.Variance(v.Output, v.Inputs)),
        Row("RankedMask in rows of 1000", v => v.Run.RankedMask(v.Mask, v.Inputs[0], 1000, 7, 0.3, 0.7)),
        Row("RankedMask in rows of 3072", v => v.Run.RankedMask(v.Mask.Slice(0, v.N / 3072 * 3072), v.Inputs[0].Slice(0, v.N / 3072 * 3072), 3072, 7, 0.3, 0.7)),
        Row("RandomMask", v => v.Run.RandomMask(v.Mask, 7, 0.9)),
    ];

    private static Operation Row(string name, Action<VectorMemory> run) => new(name, memory =>
    {
        VectorMemory vectors = memory.Vectors;
        return new(() => run(vectors));
    }, Bound: 1e-13);
}
