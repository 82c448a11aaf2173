using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>512-bit vectors: eight counters.</summary>
internal readonly unsafe struct Philox512 : IPhiloxLanes<Vector512<ulong>>
{
    public static int Count => 8;

    public static bool HasManyRegisters => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> Create(ulong value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> Sequence(ulong first) => Vector512.Create(first) + Vector512<ulong>.Indices;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> MultiplyLower(Vector512<ulong> a, Vector512<ulong> b) => Avx512F.Multiply(a.AsUInt32(), b.AsUInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> Xor(Vector512<ulong> a, Vector512<ulong> b, Vector512<ulong> c) => Avx512F.TernaryLogic(a, b, c, 0x96);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> And(Vector512<ulong> a, Vector512<ulong> b) => a & b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> UpperHalf(Vector512<ulong> a) => a >> 32;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> OrWhereLess(Vector512<ulong> bits, Vector512<ulong> a, Vector512<ulong> b, Vector512<ulong> others) => Vector512.ConditionalSelect(Vector512.LessThan(a.AsInt64(), b.AsInt64()).AsUInt64(), bits | others, bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> Interleaved(ulong first) => Vector512.Create(first) + Vector512.Create((ulong)0, 4, 1, 5, 2, 6, 3, 7);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreWords(uint* target, Vector512<ulong> w0, Vector512<ulong> w1, Vector512<ulong> w2, Vector512<ulong> w3)
    {
        var lower = Vector512.Create(0xFFFF_FFFFul);
        Vector512<ulong> even = (w0 & lower) | (w1 << 32), odd = (w2 & lower) | (w3 << 32);
        Avx512F.UnpackLow(even, odd).AsUInt32().Store(target);
        Avx512F.UnpackHigh(even, odd).AsUInt32().Store(target + Vector512<uint>.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreLower(byte* target, Vector512<ulong> a, Vector512<ulong> b) => Vector512.Narrow(a, b).AsByte().Store(target);
}
