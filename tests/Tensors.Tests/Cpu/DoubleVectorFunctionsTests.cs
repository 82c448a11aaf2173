using System.Runtime.Intrinsics;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Tests.Cpu;

/// <summary>Elementary functions in float64 against the framework's, which is right to one unit in the last place.</summary>
public sealed unsafe class DoubleVectorFunctionsTests
{
    public enum Function { Exp, Log, Tanh }

    public static TheoryData<SimdLevel> Levels() => [.. SimdLevels.Supported];

    /// <summary>2 units of these functions' own and one of the reference's.</summary>
    [Theory]
    [MemberData(nameof(Levels))]
    public void Exponentials_of_numbers_up_to_0_are_within_two_units_in_the_last_place(SimdLevel level)
    {
        double[] inputs = [.. Enumerable.Range(0, 200_001).Select(i => -708 * (i / 200_000.0)), .. Enumerable.Range(0, 1000).Select(i => -Math.ScaleB(1 + (i / 1000.0), -(i % 60)))];
        RequireNear(inputs, Evaluate(level, inputs, Function.Exp), Math.Exp);
        Assert.Equal([1, 1, 0, 0, 0, double.NaN], Evaluate(level, [0.0, -0.0, -709, double.MinValue, double.NegativeInfinity, double.NaN], Function.Exp));
    }

    /// <summary>The same bound, of normal numbers of every size and densely around 1.</summary>
    [Theory]
    [MemberData(nameof(Levels))]
    public void Logarithms_are_within_two_units_in_the_last_place(SimdLevel level)
    {
        double[] inputs =
        [
            .. Enumerable.Range(0, 100_000).Select(i => BitConverter.UInt64BitsToDouble(0x0010_0000_0000_0000 + ((0x7fe0_0000_0000_0000ul / 100_000 + 12_345) * (ulong)i))).Where(double.IsNormal),
            .. Enumerable.Range(0, 100_000).Select(i => 0.5 + (i / 66_000.0)), double.MaxValue, Math.BitDecrement(Math.Sqrt(0.5)), Math.Sqrt(0.5), Math.Sqrt(2), 1, Math.BitIncrement(1), Math.BitDecrement(1),
        ];
        RequireNear(inputs, Evaluate(level, inputs, Function.Log), Math.Log);
        Assert.Equal(
            [double.NegativeInfinity, double.NegativeInfinity, double.PositiveInfinity, double.NaN, double.NaN, double.NaN],
            Evaluate(level, [0.0, -0.0, double.PositiveInfinity, -1, double.NegativeInfinity, double.NaN], Function.Log));
    }

    /// <summary>4 units and one of the reference's.</summary>
    [Theory]
    [MemberData(nameof(Levels))]
    public void Hyperbolic_tangents_are_within_four_units_in_the_last_place(SimdLevel level)
    {
        double[] inputs = [.. Enumerable.Range(-100_000, 200_001).Select(i => i / 5_000.0), .. Enumerable.Range(0, 1000).Select(i => Math.ScaleB(1 + (i / 1000.0), -(i % 60)))];
        RequireNear(inputs, Evaluate(level, inputs, Function.Tanh), Math.Tanh, 5);
        Assert.Equal([0, 1, -1, 1, -1, double.NaN], Evaluate(level, [0.0, 800, double.MinValue, double.PositiveInfinity, double.NegativeInfinity, double.NaN], Function.Tanh));
    }

    [Fact]
    public void Every_width_gives_the_same_bits()
    {
        double[] inputs = [.. Enumerable.Range(0, 10_000).Select(i => i * 0.0708)];
        foreach (Function function in Enum.GetValues<Function>())
        {
            double[] x = function switch { Function.Exp => [.. inputs.Select(v => -v), -0.0], Function.Log => inputs, _ => [.. inputs.SelectMany(v => new[] { v / 100, -v / 100 }), -0.0, double.NaN] };
            double[] expected = function switch
            {
                Function.Exp => [.. x.Select(DoubleFunctions.Exponential)],
                Function.Log => Evaluate(SimdLevel.Vector128, x, function),
                _ => [.. x.Select(DoubleFunctions.Tanh)],
            };
            foreach (SimdLevel level in SimdLevels.Supported) Assert.Equal(expected.Select(BitConverter.DoubleToUInt64Bits), Evaluate(level, x, function).Select(BitConverter.DoubleToUInt64Bits));
        }
    }

    private static void RequireNear(double[] inputs, double[] outputs, Func<double, double> reference, double bound = 3)
    {
        double worst = 0;
        for (int i = 0; i < inputs.Length; i++)
        {
            double expected = reference(inputs[i]), error = Math.Abs(outputs[i] - expected) / (Math.BitIncrement(Math.Abs(expected)) - Math.Abs(expected));
            if (!(error <= bound)) Assert.Fail($"of {inputs[i]:R}: {outputs[i]:R}, expected {expected:R}, {error} units");
            worst = Math.Max(worst, error);
        }

        Assert.True(worst > 0, "a comparison that shows no rounding at all does not compare");
    }

    private static double[] Evaluate(SimdLevel level, double[] inputs, Function function) => level switch
    {
        SimdLevel.Vector512 => Evaluate<Simd512, Vector512<float>, Vector512<double>>(inputs, function),
        SimdLevel.Vector256 => Evaluate<Simd256, Vector256<float>, Vector256<double>>(inputs, function),
        _ => Evaluate<Simd128, Vector128<float>, Vector128<double>>(inputs, function),
    };

    private static double[] Evaluate<S, V, D>(double[] inputs, Function function)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        int lanes = S.Count / 2;
        double[] padded = [.. inputs, .. new double[lanes]];
        fixed (double* x = padded)
        {
            for (int i = 0; i < inputs.Length; i += lanes) S.StoreDouble(x + i, Of<S, V, D>(function, S.LoadDouble(x + i)));
        }

        return padded[..inputs.Length];
    }

    private static D Of<S, V, D>(Function function, D x)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct => function switch
        {
            Function.Exp => DoubleVectorFunctions.Exp<S, V, D>(x),
            Function.Log => DoubleVectorFunctions.Log<S, V, D>(x),
            _ => DoubleVectorFunctions.Tanh<S, V, D>(x),
        };
}
