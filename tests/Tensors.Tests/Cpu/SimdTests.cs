using System.Runtime.Intrinsics;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Tests.Cpu;

/// <summary>The vector instructions that have a body of their own for each width.</summary>
public sealed unsafe class SimdTests
{
    public static TheoryData<SimdLevel> Levels() => [.. SimdLevels.Supported];

    [Theory]
    [MemberData(nameof(Levels))]
    public void Partial_loads_and_stores_touch_only_their_lanes(SimdLevel level)
    {
        switch (level)
        {
            case SimdLevel.Vector512: PartialAccess<Simd512, Vector512<float>>(); break;
            case SimdLevel.Vector256: PartialAccess<Simd256, Vector256<float>>(); break;
            default: PartialAccess<Simd128, Vector128<float>>(); break;
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Transpose_turns_rows_into_columns(SimdLevel level)
    {
        switch (level)
        {
            case SimdLevel.Vector512: Transposes<Simd512, Vector512<float>>(); break;
            case SimdLevel.Vector256: Transposes<Simd256, Vector256<float>>(); break;
            default: Transposes<Simd128, Vector128<float>>(); break;
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Reductions_scaling_and_selection_follow_their_definitions(SimdLevel level)
    {
        switch (level)
        {
            case SimdLevel.Vector512: Definitions<Simd512, Vector512<float>>(); break;
            case SimdLevel.Vector256: Definitions<Simd256, Vector256<float>>(); break;
            default: Definitions<Simd128, Vector128<float>>(); break;
        }
    }

    private static void PartialAccess<S, V>()
        where S : struct, ISimd<V>
        where V : struct
    {
        float* source = stackalloc float[S.Count];
        float* target = stackalloc float[S.Count];
        for (int i = 0; i < S.Count; i++)
            source[i] = i + 1;
        for (int count = 0; count <= S.Count; count++)
        {
            S.Store(target, S.LoadPartial(source, count));
            for (int i = 0; i < S.Count; i++)
                Assert.Equal(i < count ? i + 1f : 0f, target[i]);
            S.Store(target, S.Create(-7f));
            S.StorePartial(target, S.Load(source), count);
            for (int i = 0; i < S.Count; i++)
                Assert.Equal(i < count ? i + 1f : -7f, target[i]);
        }
    }

    private static void Transposes<S, V>()
        where S : struct, ISimd<V>
        where V : struct
    {
        int n = S.Count, stride = n + 3;
        var source = new float[n * stride];
        var target = new float[n * (n + 1)];
        for (int i = 0; i < source.Length; i++)
            source[i] = i + 1;
        fixed (float* from = source, to = target)
            S.Transpose(from, stride, to, n + 1);
        for (int row = 0; row < n; row++)
            for (int column = 0; column < n; column++)
                Assert.Equal(source[column * stride + row], target[row * (n + 1) + column]);
    }

    private static void Definitions<S, V>()
        where S : struct, ISimd<V>
        where V : struct
    {
        float* lanes = stackalloc float[S.Count];
        float* result = stackalloc float[S.Count];
        double sum = 0;
        for (int i = 0; i < S.Count; i++)
        {
            lanes[i] = (i * 7 % 5 - 2) * 1.5f + i;
            sum += lanes[i];
        }
        V x = S.Load(lanes);
        Assert.Equal(sum, S.Sum(x), 1e-4);
        Assert.Equal(sum, S.SumDouble(x), 1e-12);
        Assert.Equal(new Span<float>(lanes, S.Count).ToArray().Max(), S.MaxLane(x));

        S.Store(result, S.Scale(S.Create(1.5f), S.Create(-149f)));
        Assert.Equal(MathF.ScaleB(1.5f, -149), result[0]);
        S.Store(result, S.Scale(S.Create(1.5f), S.Create(128f)));
        Assert.Equal(float.PositiveInfinity, result[S.Count - 1]);
        S.Store(result, S.Select(S.LessThan(x, S.Zero), S.Negate(x), S.Abs(x)));
        for (int i = 0; i < S.Count; i++)
            Assert.Equal(Math.Abs(lanes[i]), result[i]);
        S.Store(result, S.Min(S.Create(1f), S.Max(S.Create(-1f), S.Create(float.NaN))));
        Assert.True(float.IsNaN(result[0]));
        S.Store(result, S.CopySign(S.Create(3f), S.Create(-0f)));
        Assert.Equal(-3f, result[0]);
    }
}
