using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// The 16 lanes of two sums of a <see cref="SumTree"/> in four 512-bit registers: of magnitudes, and of those that a mask keeps. A magnitude is widened once for both; leaving it out is what
/// adding 0 would be, as no lane is -0.
/// </summary>
internal unsafe struct MaskedMagnitudes
{
    private Vector512<double> _all0;
    private Vector512<double> _all1;
    private Vector512<double> _kept0;
    private Vector512<double> _kept1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MaskedMagnitudes(double* all, double* kept)
    {
        (_all0, _all1) = (Vector512.Load(all), Vector512.Load(all + 8));
        (_kept0, _kept1) = (Vector512.Load(kept), Vector512.Load(kept + 8));
    }

    /// <summary>Adds 16 magnitudes and their bytes of a mask.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(Vector256<float> lower, Vector256<float> upper, byte* mask)
    {
        Vector512<double> d0 = Avx512F.ConvertToVector512Double(lower), d1 = Avx512F.ConvertToVector512Double(upper);
        _all0 += d0;
        _all1 += d1;
        _kept0 = Vector512.ConditionalSelect(Keeps(mask), _kept0 + d0, _kept0);
        _kept1 = Vector512.ConditionalSelect(Keeps(mask + 8), _kept1 + d1, _kept1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store(double* all, double* kept)
    {
        _all0.Store(all);
        _all1.Store(all + 8);
        _kept0.Store(kept);
        _kept1.Store(kept + 8);
    }

    /// <summary>A strip of differences, whole registers, added to the lanes of both sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(double* all, double* kept, float* values, float* origin, byte* mask, int count)
    {
        var sums = new MaskedMagnitudes(all, kept);
        for (int i = 0; i < count; i += SumTree.Lanes)
        {
            Vector512<float> magnitudes = Vector512.Abs(Vector512.Load(values + i) - Vector512.Load(origin + i));
            sums.Add(magnitudes.GetLower(), magnitudes.GetUpper(), mask + i);
        }

        sums.Store(all, kept);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Keeps(byte* mask) => Vector512.GreaterThan(Avx512F.ConvertToVector512Int64(Vector128.CreateScalarUnsafe(*(ulong*)mask).AsByte()), Vector512<long>.Zero).AsDouble();
}
