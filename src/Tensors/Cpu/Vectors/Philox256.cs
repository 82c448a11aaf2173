using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>256-bit vectors: four counters.</summary>
internal readonly unsafe struct Philox256 : IPhiloxLanes<Vector256<ulong>>
{
    public static int Count => 4;

    public static bool HasManyRegisters => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ulong> Create(ulong value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ulong> Sequence(ulong first) => Vector256.Create(first) + Vector256<ulong>.Indices;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ulong> MultiplyLower(Vector256<ulong> a, Vector256<ulong> b) => Avx2.Multiply(a.AsUInt32(), b.AsUInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ulong> Xor(Vector256<ulong> a, Vector256<ulong> b, Vector256<ulong> c) => a ^ b ^ c;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ulong> And(Vector256<ulong> a, Vector256<ulong> b) => a & b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ulong> UpperHalf(Vector256<ulong> a) => a >> 32;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ulong> OrWhereLess(Vector256<ulong> bits, Vector256<ulong> a, Vector256<ulong> b, Vector256<ulong> others) => bits | (Vector256.LessThan(a.AsInt64(), b.AsInt64()).AsUInt64() & others);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ulong> Interleaved(ulong first) => Vector256.Create(first) + Vector256.Create((ulong)0, 2, 1, 3);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreWords(uint* target, Vector256<ulong> w0, Vector256<ulong> w1, Vector256<ulong> w2, Vector256<ulong> w3)
    {
        var lower = Vector256.Create(0xFFFF_FFFFul);
        Vector256<ulong> even = (w0 & lower) | (w1 << 32), odd = (w2 & lower) | (w3 << 32);
        Avx2.UnpackLow(even, odd).AsUInt32().Store(target);
        Avx2.UnpackHigh(even, odd).AsUInt32().Store(target + Vector256<uint>.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreLower(byte* target, Vector256<ulong> a, Vector256<ulong> b) => Vector256.Narrow(a, b).AsByte().Store(target);
}
