using System.Collections.Concurrent;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Tests.Operations.Vectors;

/// <summary>Vectors in the dtypes of files for a <see cref="VectorRun"/>: bit patterns of every kind, results as raw bits, NaN payloads included.</summary>
internal static class StoredCase
{
    private static readonly ConcurrentDictionary<(DType, int, int), ulong[]> s_patterns = [];

    public static IReadOnlyList<DType> DTypes { get; } = [DType.F32, DType.F16, DType.BF16, DType.F64];

    /// <summary>Vector <paramref name="k"/> of the hostile inputs.</summary>
    public static StoredVector Stored(this VectorRun run, DType dtype, int k) => Upload(run, dtype, Patterns(dtype, k, run.Length), isResult: false);

    /// <summary>A result that holds rubbish before the call.</summary>
    public static StoredVector StoredOutput(this VectorRun run, DType dtype) =>
        Upload(run, dtype, Enumerable.Repeat(0x5A5A_5A5A_5A5A_5A5Aul, run.Length).ToArray(), isResult: true);

    /// <summary>Vector <paramref name="k"/>, which the call writes.</summary>
    public static StoredVector StoredInPlace(this VectorRun run, DType dtype, int k) => Upload(run, dtype, Patterns(dtype, k, run.Length), isResult: true);

    /// <summary>
    /// Bits of elements: values that a model holds, ties and neighbours of ties of the narrower types, subnormal numbers of all types, infinities,
    /// numbers that overflow, quiet and signalling NaN of both signs with payloads, and any bits at all.
    /// </summary>
    public static ulong[] Patterns(DType dtype, int k, int length) => s_patterns.GetOrAdd((dtype, k, length), static key =>
    {
        (DType dtype, int k, int length) = key;
        var random = new Random((k * 7919) + length + (int)dtype);
        int fraction = dtype switch { DType.F32 => 23, DType.F16 => 10, DType.BF16 => 7, _ => 52 }, bits = dtype.Bits();
        ulong sign = 1ul << (bits - 1), infinity = (sign - 1) & ~((1ul << fraction) - 1), quiet = 1ul << (fraction - 1);
        var patterns = new ulong[length];
        for (int i = 0; i < length; i++)
        {
            ulong any = (ulong)random.NextInt64(), s = random.Next(2) == 0 ? 0 : sign;
            double value = (random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-6, 3));
            patterns[i] = random.Next(12) switch
            {
                0 => s,
                1 => s | infinity,
                2 => s | infinity | quiet | (any & (quiet - 1)),
                3 => s | infinity | (any & (quiet - 1)) | 1,
                4 => s | (any & ((1ul << fraction) - 1)),
                5 => s | (infinity - (any & 7)),
                6 => s | (Bits(dtype, Math.ScaleB(1 + ((any & 0xFFF) / 2048.0), random.Next(-26, 17))) & (sign - 1)),
                7 => any & ((sign << 1) - 1),
                8 when dtype == DType.F64 => BitConverter.DoubleToUInt64Bits(BitConverter.UInt32BitsToSingle((uint)any & 0xFFFF_7FFF)) + 0x1000_0000 + (any >> 62),
                _ => Bits(dtype, value),
            };
        }

        return patterns;
    });

    private static ulong Bits(DType dtype, double value) => dtype switch
    {
        DType.F32 => BitConverter.SingleToUInt32Bits((float)value),
        DType.F16 => BitConverter.HalfToUInt16Bits((Half)value),
        DType.BF16 => ((BFloat16)(float)value).ToBits(),
        _ => BitConverter.DoubleToUInt64Bits(value),
    };

    private static StoredVector Upload(VectorRun run, DType dtype, ulong[] patterns, bool isResult) => dtype.Bits() switch
    {
        16 => Upload(run, dtype, Array.ConvertAll(patterns, p => (ushort)p), isResult),
        32 => Upload(run, dtype, Array.ConvertAll(patterns, p => (uint)p), isResult),
        _ => Upload<ulong>(run, dtype, patterns, isResult),
    };

    private static StoredVector Upload<T>(VectorRun run, DType dtype, T[] bits, bool isResult)
        where T : unmanaged
    {
        DeviceSpan<T> span = run.Upload<T>(bits);
        if (isResult) run.Result(span);
        return new StoredVector(dtype, span.AsBytes(), bits.Length);
    }
}
