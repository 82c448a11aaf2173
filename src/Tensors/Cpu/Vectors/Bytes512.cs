using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>64 bytes in a 512-bit vector: how 32-bit numbers become bytes, and tables with an entry for each value of one.</summary>
internal static unsafe class Bytes512
{
    /// <summary>Lookups need more than <see cref="SimdLevel.Vector512"/> does: AVX-512 VBMI, which all but the first processors with AVX-512 have.</summary>
    public static bool IsSupported => Avx512Vbmi.IsSupported;

    /// <summary>How many steps of 2^shift each of 64 numbers, of which no more than 15 bits are left, is above so many, at most 255.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> Steps(uint* numbers, [ConstantExpected] byte shift, Vector512<ushort> floor)
    {
        Vector512<int> a = (Vector512.Load(numbers) >> shift).AsInt32(), b = (Vector512.Load(numbers + 16) >> shift).AsInt32();
        Vector512<int> c = (Vector512.Load(numbers + 32) >> shift).AsInt32(), d = (Vector512.Load(numbers + 48) >> shift).AsInt32();

        // Packing goes by lanes of 128 bits, so fours of bytes have to be put in order.
        Vector512<ushort> ab = Avx512BW.SubtractSaturate(Avx512BW.PackUnsignedSaturate(a, b), floor), cd = Avx512BW.SubtractSaturate(Avx512BW.PackUnsignedSaturate(c, d), floor);
        Vector512<byte> packed = Avx512BW.PackUnsignedSaturate(ab.AsInt16(), cd.AsInt16());
        return Avx512F.PermuteVar16x32(packed.AsUInt32(), Vector512.Create(0u, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)).AsByte();
    }

    /// <summary>How many steps of 2^shift, at least 2, each of 64 numbers is above a floor, at most 255.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> Steps(ushort* numbers, Vector512<ushort> floor, Vector128<ushort> shift)
    {
        Vector512<ushort> a = Avx512BW.ShiftRightLogical(Avx512BW.SubtractSaturate(Vector512.Load(numbers), floor), shift);
        Vector512<ushort> b = Avx512BW.ShiftRightLogical(Avx512BW.SubtractSaturate(Vector512.Load(numbers + 32), floor), shift);

        // As above, eights of bytes.
        return Avx512F.PermuteVar8x64(Avx512BW.PackUnsignedSaturate(a.AsInt16(), b.AsInt16()).AsUInt64(), Vector512.Create(0ul, 2, 4, 6, 1, 3, 5, 7)).AsByte();
    }

    /// <summary>Entry number index[i] of a table of 256, for every lane i.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> LookUp(Vector512<byte> index, Vector512<byte> t0, Vector512<byte> t1, Vector512<byte> t2, Vector512<byte> t3) =>
        Avx512BW.BlendVariable(Avx512Vbmi.PermuteVar64x8x2(t0, index, t1), Avx512Vbmi.PermuteVar64x8x2(t2, index, t3), index);

    /// <summary>Lane i: the sum of lanes 0 … i.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ushort> RunningSums(Vector512<ushort> a)
    {
        // Within eights first; then what lies in the eights before, each step twice as many. Lane 32 is none, which is 0.
        a += Avx512BW.ShiftLeftLogical128BitLane(a.AsByte(), 2).AsUInt16();
        a += Avx512BW.ShiftLeftLogical128BitLane(a.AsByte(), 4).AsUInt16();
        a += Avx512BW.ShiftLeftLogical128BitLane(a.AsByte(), 8).AsUInt16();
        a += Vector512.Shuffle(a, Vector512.Create((ushort)32, 32, 32, 32, 32, 32, 32, 32, 7, 7, 7, 7, 7, 7, 7, 7, 15, 15, 15, 15, 15, 15, 15, 15, 23, 23, 23, 23, 23, 23, 23, 23));
        a += Vector512.Shuffle(a, Vector512.Create((ushort)32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 7, 7, 7, 7, 7, 7, 7, 7, 15, 15, 15, 15, 15, 15, 15, 15));
        return a;
    }

    /// <summary>The last lane in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ushort> Last(Vector512<ushort> a) => Avx512BW.PermuteVar32x16(a, Vector512.Create((ushort)31));
}
