using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>128-bit vectors: two counters.</summary>
internal readonly unsafe struct Philox128 : IPhiloxLanes<Vector128<ulong>>
{
    public static int Count => 2;

    public static bool HasManyRegisters => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<ulong> Create(ulong value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<ulong> Sequence(ulong first) => Vector128.Create(first) + Vector128<ulong>.Indices;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<ulong> MultiplyLower(Vector128<ulong> a, Vector128<ulong> b) => Sse2.IsSupported ? Sse2.Multiply(a.AsUInt32(), b.AsUInt32()) : (a & Vector128.Create(0xFFFF_FFFFul)) * (b & Vector128.Create(0xFFFF_FFFFul));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<ulong> Xor(Vector128<ulong> a, Vector128<ulong> b, Vector128<ulong> c) => a ^ b ^ c;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<ulong> And(Vector128<ulong> a, Vector128<ulong> b) => a & b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<ulong> UpperHalf(Vector128<ulong> a) => a >> 32;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<ulong> OrWhereLess(Vector128<ulong> bits, Vector128<ulong> a, Vector128<ulong> b, Vector128<ulong> others) => bits | (Vector128.LessThan(a.AsInt64(), b.AsInt64()).AsUInt64() & others);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<ulong> Interleaved(ulong first) => Vector128.Create(first) + Vector128.Create((ulong)0, 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreWords(uint* target, Vector128<ulong> w0, Vector128<ulong> w1, Vector128<ulong> w2, Vector128<ulong> w3)
    {
        var lower = Vector128.Create(0xFFFF_FFFFul);
        Vector128<ulong> even = (w0 & lower) | (w1 << 32), odd = (w2 & lower) | (w3 << 32);
        Vector128.Create(even.GetLower(), odd.GetLower()).AsUInt32().Store(target);
        Vector128.Create(even.GetUpper(), odd.GetUpper()).AsUInt32().Store(target + Vector128<uint>.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreLower(byte* target, Vector128<ulong> a, Vector128<ulong> b) => Vector128.Narrow(a, b).AsByte().Store(target);
}
