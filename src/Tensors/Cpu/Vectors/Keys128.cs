using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>128-bit vectors: 4 keys.</summary>
internal readonly unsafe struct Keys128 : IKeyLanes<Vector128<uint>>
{
    public static int Count => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Create(uint value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Load(uint* source) => Vector128.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(uint* target, Vector128<uint> a) => a.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> And(Vector128<uint> a, Vector128<uint> b) => a & b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Max(Vector128<uint> a, Vector128<uint> b) => Vector128.Max(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Add(Vector128<uint> a, Vector128<uint> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Subtract(Vector128<uint> a, Vector128<uint> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> ShiftRight(Vector128<uint> a, int bits) => a >> bits;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint MaxLane(Vector128<uint> a) => Math.Max(Math.Max(a[0], a[1]), Math.Max(a[2], a[3]));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Below(Vector128<uint> a, Vector128<uint> b) => Vector128.LessThan(a, b).ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBelow(byte* target, Vector128<uint> a, Vector128<uint> b)
    {
        Vector128<uint> below = Vector128.LessThan(a, b) & Vector128<uint>.One;
        Vector128<ushort> words = Vector128.Narrow(below, below);
        Unsafe.WriteUnaligned(target, Vector128.Narrow(words, words).AsUInt32().ToScalar());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreNarrow(ushort* target, Vector128<uint> a) => Vector128.Narrow(a, a).GetLower().Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> RunningSums(Vector128<uint> a)
    {
        // Each step adds the lanes so far below; what would come from below the first lane is 0.
        a += Vector128.Shuffle(a, Vector128.Create(4u, 0, 1, 2));
        a += Vector128.Shuffle(a, Vector128.Create(4u, 4, 0, 1));
        return a;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Last(Vector128<uint> a) => Vector128.Shuffle(a, Vector128.Create(3u));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreLine(double* target, Vector128<uint> lanes, double step, double first)
    {
        Vector128<double> steps = Vector128.Create(step), firsts = Vector128.Create(first);
        Vector128.FusedMultiplyAdd(Vector128.ConvertToDouble(Vector128.WidenLower(lanes.AsInt32())), steps, firsts).Store(target);
        Vector128.FusedMultiplyAdd(Vector128.ConvertToDouble(Vector128.WidenUpper(lanes.AsInt32())), steps, firsts).Store(target + Vector128<double>.Count);
    }
}
