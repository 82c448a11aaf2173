using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Benchmarks.Operations;

/// <summary>Eight vectors with values like those of task vectors, and everything else that operations over vectors need.</summary>
internal sealed class VectorMemory
{
    private readonly OperationMemory _memory;

    public VectorMemory(OperationMemory memory)
    {
        _memory = memory;
        N = memory.VectorLength;
        Part = N / 8;
        Inputs = [.. Enumerable.Range(0, 8).Select(_ => memory.Normal(N, 0.5e-3))];
        Output = memory.Zeros(N);
        Keys = memory.Doubles(N);
        Mask = memory.Bytes(N);
        Sums = memory.Doubles((long)OperationSet.SumCount(64, SumTerms.Products) * SumTree.StateLength);
        Run.CrossMagnitude(Keys, [], Inputs);
        Run.RandomMask(Mask, 1, 0.9);
        foreach (DType dtype in (DType[])[DType.BF16, DType.F16])
        {
            Stored[dtype] = [.. Inputs.Append(Output).Select(_ => new StoredVector(dtype, memory.Bytes(2 * N), N))];
            for (int k = 0; k < Inputs.Length; k++) Run.Convert(Stored[dtype][k], StoredVector.From(Inputs[k]));
        }

        Two = Inputs[..2];
        Kept = [.. Inputs.Select(v => RadixSelect.LargestMagnitudes(Run, v, v.Length / 5))];
        Dropped = RadixSelect.LargestKeys(Run, Keys, N / 100);
        Terms = [.. Kept.Select((kept, i) => new DifferenceTerm(Weights[i], Weights[i], Weights[i], kept, Selection.None))];
        MaskedTerms = [.. Weights.Select((weight, i) => DifferenceTerm.Whole(weight) with { Mask = Keys.AsBytes().Slice(i * N, N) })];
        Digit = BitConverter.SingleToUInt32Bits((float)Kept[0].Threshold) >> 20;
        KeyDigit = BitConverter.DoubleToUInt64Bits(Dropped.Threshold) >> 52;
        Many = [.. Enumerable.Range(0, 64).Select(k => Inputs[k % 8].Slice(k / 8 * Part, Part))];
        ManyWeights = [.. Enumerable.Range(0, 64).Select(k => Weights[k % 8])];
        ManyKept = [.. Enumerable.Range(0, 64).Select(k => Kept[k % 8])];
    }

    public OperationSet Run => _memory.Operations;

    /// <summary>Elements of a vector.</summary>
    public long N { get; }

    /// <summary>An eighth of them.</summary>
    public long Part { get; }

    public DeviceSpan<float>[] Inputs { get; }

    public DeviceSpan<float>[] Two { get; }

    /// <summary>64 vectors: eight parts of each of the eight.</summary>
    public DeviceSpan<float>[] Many { get; }

    public DeviceSpan<float> Output { get; }

    public DeviceSpan<double> Keys { get; }

    public DeviceSpan<byte> Mask { get; }

    /// <summary>Partial sums of up to 64 vectors.</summary>
    public DeviceSpan<double> Sums { get; }

    /// <summary>The vectors and the output in 16 bits.</summary>
    public Dictionary<DType, StoredVector[]> Stored { get; } = [];

    public float[] Weights { get; } = [0.1f, 0.2f, 0.3f, 0.4f, -0.1f, -0.2f, -0.3f, -0.4f];

    public float[] ManyWeights { get; }

    /// <summary>The fifth of each vector that is largest.</summary>
    public Selection[] Kept { get; }

    public Selection[] ManyKept { get; }

    /// <summary>The hundredth of the keys that is largest.</summary>
    public Selection Dropped { get; }

    public DifferenceTerm[] Terms { get; }

    /// <summary>Terms with a mask each: the bytes of the keys, of which few are 0.</summary>
    public DifferenceTerm[] MaskedTerms { get; }

    public uint Digit { get; }

    public ulong KeyDigit { get; }

    public long[] Counts => _memory.Counts;

    public double Answer
    {
        get => _memory.Answer;
        set => _memory.Answer = value;
    }

    /// <summary>Searches a whole vector for a magnitude that it does not have.</summary>
    public void FindAbsent()
    {
        long ordinal = 0;
        Answer = Run.FindMagnitude(Inputs[0], 1, ref ordinal);
    }
}
