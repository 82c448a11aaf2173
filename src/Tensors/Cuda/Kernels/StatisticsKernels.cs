using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>The kernels of <c>native/kernels/sums.cuh</c>, <c>counts.cuh</c>, <c>histogram.cuh</c> and <c>find.cuh</c>.</summary>
internal static class StatisticsKernels
{
    /// <summary>Elements of one partial sum: two blocks of the CPU's tree.</summary>
    public const int SumBlock = 32 * 1024;

    /// <summary>Partial sums that one block adds in pairs.</summary>
    public const int PairBlock = 4096;

    /// <summary>Elements of one block of <see cref="CountSigns"/>.</summary>
    public const int SignBlock = 8192;

    /// <summary>Bytes of one block of <see cref="CountZeroBytes"/>.</summary>
    public const int ZeroBytesBlock = 32 * 1024;

    /// <summary>Bytes of a block's counts.</summary>
    public const int CountBytes = 16;

    /// <summary>Bits of the largest digit that is counted in shared memory.</summary>
    public const int SharedDigit = 13;

    /// <summary>Bytes of numbers that a thread of a histogram takes at a time.</summary>
    public const int HistogramBytes = 32;

    /// <summary>Elements of one block of <see cref="CountEqualMagnitudes"/> and <see cref="CountEqualKeys"/>.</summary>
    public const int FindBlock = 8192;

    public static readonly Kernel<SumArguments> SumProducts = new("sum_products", 32);
    public static readonly Kernel<SumArguments> SumSquares = new("sum_squares", 32);
    public static readonly Kernel<SumArguments> SumElements = new("sum_elements", 32);
    public static readonly Kernel<SumArguments> SumMagnitudes = new("sum_magnitudes", 32);
    public static readonly Kernel<PairArguments> AddInPairs = new("add_in_pairs", 512);

    public static readonly Kernel<SignArguments> CountSigns = new("count_signs", 256);
    public static readonly Kernel<ZeroBytesArguments> CountZeroBytes = new("count_zero_bytes", 256);
    public static readonly Kernel<SumCountsArguments> SumCounts = new("sum_counts", 256);

    public static readonly Kernel<HistogramArguments<uint>> CountMagnitudeDigits = new("count_magnitude_digits", 512);
    public static readonly Kernel<HistogramArguments<uint>> CountMagnitudeDigitsDirectly = new("count_magnitude_digits_directly", 512);
    public static readonly Kernel<HistogramArguments<ulong>> CountKeyDigits = new("count_key_digits", 512);
    public static readonly Kernel<HistogramArguments<ulong>> CountKeyDigitsDirectly = new("count_key_digits_directly", 512);

    public static readonly Kernel<FindArguments<float>> CountEqualMagnitudes = new("count_equal_magnitudes", 256);
    public static readonly Kernel<FindArguments<double>> CountEqualKeys = new("count_equal_keys", 256);
    public static readonly Kernel<FindArguments<float>> FindMagnitude = new("find_magnitude", 512);
    public static readonly Kernel<FindArguments<double>> FindKey = new("find_key", 512);
}

[StructLayout(LayoutKind.Sequential)]
internal struct SumArguments
{
    public nint A;
    public nint B;
    public nint Sums;
    public long Length;
}

[StructLayout(LayoutKind.Sequential)]
internal struct PairArguments
{
    public nint Sums;
    public nint Result;
    public long Count;
}

[StructLayout(LayoutKind.Sequential)]
internal struct SignArguments
{
    public VectorAddresses Vectors;
    public nint Seen;
    public nint Counts;
    public long Length;
    public int Count;
    public byte Aligned;
    public byte Resumes;
    public byte GoesOn;
    public byte Padding;

    /// <summary>Addresses of the vectors of one launch.</summary>
    [InlineArray(Capacity)]
    public struct VectorAddresses
    {
        public const int Capacity = 64;

        private nint _first;
    }
}

/// <summary>Counts of <see cref="StatisticsKernels.CountSigns"/>.</summary>
/// <param name="Nonzero">Elements where a value is not zero, as NaN is not.</param>
/// <param name="One">Elements where a value has a sign.</param>
/// <param name="Several">Elements where two values or more have one.</param>
/// <param name="Both">Elements with values of both signs.</param>
internal readonly record struct SignCounts(long Nonzero, long One, long Several, long Both);

[StructLayout(LayoutKind.Sequential)]
internal struct ZeroBytesArguments
{
    public nint Bytes;
    public nint Counts;
    public long Length;
}

[StructLayout(LayoutKind.Sequential)]
internal struct SumCountsArguments
{
    public nint Counts;
    public nint Sums;
    public long Blocks;
}

/// <typeparam name="TBits">uint for magnitudes of float32, ulong for float64 keys.</typeparam>
[StructLayout(LayoutKind.Sequential)]
internal struct HistogramArguments<TBits>
    where TBits : unmanaged
{
    public nint Values;
    public nint Counts;
    public long Length;
    public TBits Prefix;
    public int PrefixShift;
    public int DigitShift;
    public int DigitBits;
    public int Aligned;
}

/// <typeparam name="TNumber">float for magnitudes, double for keys.</typeparam>
[StructLayout(LayoutKind.Sequential)]
internal struct FindArguments<TNumber>
    where TNumber : unmanaged
{
    public nint Values;
    public nint Counts;
    public nint Result;
    public long Length;
    public long Ordinal;
    public TNumber Wanted;
    public int Aligned;
}
