using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>512-bit vectors: 16 keys.</summary>
internal readonly unsafe struct Keys512 : IKeyLanes<Vector512<uint>>
{
    public static int Count => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Create(uint value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Load(uint* source) => Vector512.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(uint* target, Vector512<uint> a) => a.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> And(Vector512<uint> a, Vector512<uint> b) => a & b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Max(Vector512<uint> a, Vector512<uint> b) => Vector512.Max(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Add(Vector512<uint> a, Vector512<uint> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Subtract(Vector512<uint> a, Vector512<uint> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> ShiftRight(Vector512<uint> a, int bits) => a >> bits;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint MaxLane(Vector512<uint> a) => Keys256.MaxLane(Vector256.Max(a.GetLower(), a.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Below(Vector512<uint> a, Vector512<uint> b) => (uint)Vector512.LessThan(a, b).ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBelow(byte* target, Vector512<uint> a, Vector512<uint> b) => Avx512F.ConvertToVector128Byte(Vector512.LessThan(a, b) & Vector512<uint>.One).Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreNarrow(ushort* target, Vector512<uint> a) => Avx512F.ConvertToVector256UInt16(a).Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> RunningSums(Vector512<uint> a)
    {
        // Each step adds the lanes so far below; what would come from below the first lane is 0.
        a += Vector512.Shuffle(a, Vector512.Create(16u, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14));
        a += Vector512.Shuffle(a, Vector512.Create(16u, 16, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13));
        a += Vector512.Shuffle(a, Vector512.Create(16u, 16, 16, 16, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
        a += Vector512.Shuffle(a, Vector512.Create(16u, 16, 16, 16, 16, 16, 16, 16, 0, 1, 2, 3, 4, 5, 6, 7));
        return a;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Last(Vector512<uint> a) => Vector512.Shuffle(a, Vector512.Create(15u));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreLine(double* target, Vector512<uint> lanes, double step, double first)
    {
        Vector512<double> steps = Vector512.Create(step), firsts = Vector512.Create(first);
        Vector512.FusedMultiplyAdd(Vector512.ConvertToDouble(Vector512.WidenLower(lanes.AsInt32())), steps, firsts).Store(target);
        Vector512.FusedMultiplyAdd(Vector512.ConvertToDouble(Vector512.WidenUpper(lanes.AsInt32())), steps, firsts).Store(target + Vector512<double>.Count);
    }
}
