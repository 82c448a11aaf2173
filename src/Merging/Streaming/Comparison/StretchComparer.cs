using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Comparison;

/// <summary>Compares stretches of tensors with buffers of its own: one for each thread, half a megabyte whatever the tensors' sizes.</summary>
internal sealed class StretchComparer
{
    private const int BlockElements = 16 * 1024;

    private readonly byte[] firstBytes = new byte[BlockElements * 8];
    private readonly byte[] secondBytes = new byte[BlockElements * 8];
    private readonly float[] scratch = new float[BlockElements];
    private readonly double[] firstValues = new double[BlockElements];
    private readonly double[] secondValues = new double[BlockElements];

    /// <summary>True if values of the two types can be told apart in more than "not the same bytes".</summary>
    public static bool AreComparable(DType first, DType second) =>
        first == second || (first.IsArithmetic() && second.IsArithmetic()) || (ValueReader.IsWhole(first) && ValueReader.IsWhole(second));

    /// <summary>Compares elements; of types without arithmetic, bytes.</summary>
    /// <param name="first">A file and one of its tensors.</param>
    /// <param name="second">The other one.</param>
    /// <param name="start">The first element, or byte.</param>
    /// <param name="count">How many.</param>
    /// <param name="cancellation">Stops the work.</param>
    public DifferenceSums Compare((SafetensorsFile File, TensorEntry Entry) first, (SafetensorsFile File, TensorEntry Entry) second, long start, long count, CancellationToken cancellation)
    {
        var sums = default(DifferenceSums);
        int firstSize = SizeOf(first.Entry.DType), secondSize = SizeOf(second.Entry.DType);
        for (long at = start, end = start + count; at < end; at += BlockElements)
        {
            cancellation.ThrowIfCancellationRequested();
            int elements = (int)Math.Min(BlockElements, end - at);
            Span<byte> a = firstBytes.AsSpan(0, elements * firstSize), b = secondBytes.AsSpan(0, elements * secondSize);
            first.File.ReadBytes(first.Entry, at * firstSize, a);
            second.File.ReadBytes(second.Entry, at * secondSize, b);
            AddBlock(ref sums, first.Entry.DType, second.Entry.DType, a, b, elements);
        }

        return sums;
    }

    /// <summary>The number of elements, or bytes, that a tensor counts for.</summary>
    public static long CountOf(TensorEntry entry) => entry.ByteLength / SizeOf(entry.DType);

    private static int SizeOf(DType type) => type.IsArithmetic() || ValueReader.IsWhole(type) ? type.Bits() / 8 : 1;

    private void AddBlock(ref DifferenceSums sums, DType firstType, DType secondType, ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, int elements)
    {
        if (firstType.IsArithmetic())
        {
            Span<double> x = firstValues.AsSpan(0, elements), y = secondValues.AsSpan(0, elements);
            ValueReader.ToDouble(firstType, a, scratch, x);
            ValueReader.ToDouble(secondType, b, scratch, y);
            sums.Add(x, y);
            if (firstType != secondType || !a.SequenceEqual(b))
                sums.Ulps = Math.Max(sums.Ulps, UnitsInLastPlace.Largest(UnitsInLastPlace.Coarser(firstType, secondType), x, y));
        }
        else if (ValueReader.IsWhole(firstType))
        {
            AddWhole(ref sums, firstType, secondType, a, b, elements);
        }
        else
        {
            sums.Pairs += elements;
            for (int i = 0; i < elements; i++) sums.Differing += a[i] == b[i] ? 0 : 1;
        }
    }

    private static void AddWhole(ref DifferenceSums sums, DType firstType, DType secondType, ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, int elements)
    {
        sums.Pairs += elements;
        if (firstType == secondType && a.SequenceEqual(b)) return;
        int firstSize = SizeOf(firstType), secondSize = SizeOf(secondType);
        for (int i = 0; i < elements; i++)
        {
            Int128 difference = Int128.Abs(ValueReader.Whole(firstType, a[(i * firstSize)..]) - ValueReader.Whole(secondType, b[(i * secondSize)..]));
            if (difference == 0) continue;
            sums.Differing++;
            sums.Max = Math.Max(sums.Max, (double)difference);
            sums.Sum += (double)difference;
        }
    }
}
