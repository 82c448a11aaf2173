using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MergeEngine.Merging.Streaming.Hashing.Blake3;

/// <summary>512-bit vectors: sixteen nodes.</summary>
internal readonly unsafe struct HashLanes512 : IHashLanes<Vector512<uint>>
{
    public static int Count => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Create(uint value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Load(uint* source) => Vector512.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> LoadQuads(byte* source, nint stride) => Vector512.Create(
        Vector256.Create(Vector128.Load((uint*)source), Vector128.Load((uint*)(source + (4 * stride)))),
        Vector256.Create(Vector128.Load((uint*)(source + (8 * stride))), Vector128.Load((uint*)(source + (12 * stride)))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreQuads(byte* target, nint stride, Vector512<uint> value)
    {
        value.GetLower().GetLower().Store((uint*)target);
        value.GetLower().GetUpper().Store((uint*)(target + (4 * stride)));
        value.GetUpper().GetLower().Store((uint*)(target + (8 * stride)));
        value.GetUpper().GetUpper().Store((uint*)(target + (12 * stride)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> UnpackLow(Vector512<uint> a, Vector512<uint> b) => Avx512F.UnpackLow(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> UnpackHigh(Vector512<uint> a, Vector512<uint> b) => Avx512F.UnpackHigh(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> UnpackLowPairs(Vector512<uint> a, Vector512<uint> b) => Avx512F.UnpackLow(a.AsUInt64(), b.AsUInt64()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> UnpackHighPairs(Vector512<uint> a, Vector512<uint> b) => Avx512F.UnpackHigh(a.AsUInt64(), b.AsUInt64()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Add(Vector512<uint> a, Vector512<uint> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Xor(Vector512<uint> a, Vector512<uint> b) => a ^ b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> RotateRight16(Vector512<uint> a) => Avx512F.RotateRight(a, 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> RotateRight12(Vector512<uint> a) => Avx512F.RotateRight(a, 12);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> RotateRight8(Vector512<uint> a) => Avx512F.RotateRight(a, 8);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> RotateRight7(Vector512<uint> a) => Avx512F.RotateRight(a, 7);
}
