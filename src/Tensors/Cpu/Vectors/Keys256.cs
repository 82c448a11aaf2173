using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>256-bit vectors: 8 keys.</summary>
internal readonly unsafe struct Keys256 : IKeyLanes<Vector256<uint>>
{
    public static int Count => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Create(uint value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Load(uint* source) => Vector256.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(uint* target, Vector256<uint> a) => a.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> And(Vector256<uint> a, Vector256<uint> b) => a & b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Max(Vector256<uint> a, Vector256<uint> b) => Vector256.Max(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Add(Vector256<uint> a, Vector256<uint> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Subtract(Vector256<uint> a, Vector256<uint> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> ShiftRight(Vector256<uint> a, int bits) => a >> bits;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint MaxLane(Vector256<uint> a) => Keys128.MaxLane(Vector128.Max(a.GetLower(), a.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Below(Vector256<uint> a, Vector256<uint> b) => Vector256.LessThan(a, b).ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBelow(byte* target, Vector256<uint> a, Vector256<uint> b)
    {
        Vector256<uint> below = Vector256.LessThan(a, b) & Vector256<uint>.One;
        Vector128<ushort> words = Vector128.Narrow(below.GetLower(), below.GetUpper());
        Unsafe.WriteUnaligned(target, Vector128.Narrow(words, words).AsUInt64().ToScalar());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreNarrow(ushort* target, Vector256<uint> a) => Vector128.Narrow(a.GetLower(), a.GetUpper()).Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> RunningSums(Vector256<uint> a)
    {
        // Each step adds the lanes so far below; what would come from below the first lane is 0.
        a += Vector256.Shuffle(a, Vector256.Create(8u, 0, 1, 2, 3, 4, 5, 6));
        a += Vector256.Shuffle(a, Vector256.Create(8u, 8, 0, 1, 2, 3, 4, 5));
        a += Vector256.Shuffle(a, Vector256.Create(8u, 8, 8, 8, 0, 1, 2, 3));
        return a;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Last(Vector256<uint> a) => Vector256.Shuffle(a, Vector256.Create(7u));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreLine(double* target, Vector256<uint> lanes, double step, double first)
    {
        Vector256<double> steps = Vector256.Create(step), firsts = Vector256.Create(first);
        Vector256.FusedMultiplyAdd(Vector256.ConvertToDouble(Vector256.WidenLower(lanes.AsInt32())), steps, firsts).Store(target);
        Vector256.FusedMultiplyAdd(Vector256.ConvertToDouble(Vector256.WidenUpper(lanes.AsInt32())), steps, firsts).Store(target + Vector256<double>.Count);
    }
}
