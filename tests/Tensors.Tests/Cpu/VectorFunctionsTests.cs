using System.Runtime.Intrinsics;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Tests.Cpu;

/// <summary>Elementary functions and activations against float64, over all sizes of number and densely where the functions bend.</summary>
public sealed unsafe class VectorFunctionsTests
{
    public enum Function { Exp, Tanh, Sigmoid, Erf }

    public static TheoryData<Function, SimdLevel> Functions()
    {
        var data = new TheoryData<Function, SimdLevel>();
        foreach (Function function in Enum.GetValues<Function>())
            foreach (SimdLevel level in SimdLevels.Supported)
                data.Add(function, level);
        return data;
    }

    public static TheoryData<Activation, SimdLevel> Activations()
    {
        var data = new TheoryData<Activation, SimdLevel>();
        foreach (Activation activation in Enum.GetValues<Activation>())
            foreach (SimdLevel level in SimdLevels.Supported)
                data.Add(activation, level);
        return data;
    }

    /// <summary>
    /// The bound is 2 units in the last place, 2.5 for the sigmoid: e (1 unit), 1 + e and the quotient (half a unit each, counted double where the
    /// divisor's binade is wider). Denormal results count in units of the smallest denormal.
    /// </summary>
    [Theory]
    [MemberData(nameof(Functions))]
    public void Functions_are_within_two_or_so_units_in_the_last_place(Function function, SimdLevel level)
    {
        float[] inputs = Inputs(-110f, 110f);
        float[] outputs = Evaluate(function, level, inputs);
        double worst = 0;
        for (int i = 0; i < inputs.Length; i++)
        {
            double expected = Reference(function, inputs[i]);
            if ((float)expected is float rounded && (float.IsInfinity(rounded) || float.IsNaN(rounded)))
            {
                Assert.Equal(rounded, outputs[i]);
                continue;
            }
            double unit = MathF.BitIncrement(Math.Abs((float)expected)) - Math.Abs((float)expected);
            double error = Math.Abs(outputs[i] - expected) / unit;
            if (!(error <= (function == Function.Sigmoid ? 2.5 : 2)))
                Assert.Fail($"{function}({inputs[i]:R}) = {outputs[i]:R}, expected {expected:R}: {error} units");
            worst = Math.Max(worst, error);
        }
        Assert.True(worst > 0.25, "a comparison with float64 that shows no rounding at all does not compare");
    }

    /// <summary>
    /// One unit in the last place, or 6·10⁻⁸ near 1, where the logarithm is smaller than that unit of its argument: what the method says. Sums of exponentials, which it is
    /// for, lie between 1 and the number of terms.
    /// </summary>
    [Theory]
    [MemberData(nameof(Levels))]
    public void Logarithms_of_normal_numbers_are_within_one_unit_in_the_last_place(SimdLevel level)
    {
        var inputs = new List<float>();
        for (uint bits = 0x0080_0000; bits < 0x7F80_0000; bits += 20_011) inputs.Add(BitConverter.UInt32BitsToSingle(bits));
        for (int i = 0; i <= 400_000; i++) inputs.Add(1 + (i / 1000f));
        for (int i = -50_000; i <= 50_000; i++) inputs.Add(1 + (i / 65536f / 64));
        inputs.Add(float.NaN);
        float[] outputs = level switch
        {
            SimdLevel.Vector512 => Logarithms<Simd512, Vector512<float>>([.. inputs]),
            SimdLevel.Vector256 => Logarithms<Simd256, Vector256<float>>([.. inputs]),
            _ => Logarithms<Simd128, Vector128<float>>([.. inputs]),
        };
        double worst = 0;
        for (int i = 0; i < inputs.Count - 1; i++)
        {
            double expected = Math.Log(inputs[i]), unit = MathF.BitIncrement(Math.Abs((float)expected)) - Math.Abs((float)expected);
            double error = Math.Abs(outputs[i] - expected) / Math.Max(unit, 6e-8);
            if (!(error <= 1)) Assert.Fail($"ln {inputs[i]:R} = {outputs[i]:R}, expected {expected:R}: {error} units");
            worst = Math.Max(worst, error);
        }

        Assert.True(worst > 0.25, "a comparison with float64 that shows no rounding at all does not compare");
        Assert.True(float.IsNaN(outputs[^1]));
    }

    public static TheoryData<SimdLevel> Levels() => [.. SimdLevels.Supported];

    private static float[] Logarithms<S, V>(float[] inputs)
        where S : struct, ISimd<V>
        where V : struct
    {
        var outputs = new float[inputs.Length];
        fixed (float* source = inputs, target = outputs)
        {
            for (int i = 0; i < inputs.Length; i += S.Count)
            {
                int count = Math.Min(S.Count, inputs.Length - i);
                S.StorePartial(target + i, VectorFunctions.Log<S, V>(S.LoadPartial(source + i, count)), count);
            }
        }

        return outputs;
    }

    [Theory]
    [MemberData(nameof(Functions))]
    public void Functions_keep_their_limits(Function function, SimdLevel level)
    {
        float[] at = [float.PositiveInfinity, float.NegativeInfinity, float.NaN, 0f, -0f, float.MaxValue, float.MinValue, float.Epsilon];
        (float, float) limits = function switch
        {
            Function.Exp => (float.PositiveInfinity, 0f),
            Function.Sigmoid => (1f, 0f),
            _ => (1f, -1f),
        };
        float[] got = Evaluate(function, level, at);
        Assert.Equal(limits.Item1, got[0]);
        Assert.Equal(limits.Item2, got[1]);
        Assert.True(float.IsNaN(got[2]));
        Assert.Equal((float)Reference(function, 0), got[3]);
        Assert.Equal((float)Reference(function, 0), Math.Abs(got[4]));
        Assert.Equal(limits.Item1, got[5]);
        Assert.Equal(limits.Item2, got[6]);
        Assert.InRange(got[7], (float)Reference(function, 0), (float)Reference(function, 0) + float.Epsilon * 2);
    }

    /// <summary>
    /// 2e-7·max(1, |x|): three roundings of a number up to 1 (half a unit is 6e-8 each), times x.
    /// </summary>
    [Theory]
    [MemberData(nameof(Activations))]
    public void Activations_and_derivatives_are_exact_to_float32(Activation activation, SimdLevel level)
    {
        float[] inputs = Inputs(-30f, 30f);
        float[] values = Evaluate(activation, level, inputs, derivative: false);
        float[] derivatives = Evaluate(activation, level, inputs, derivative: true);
        for (int i = 0; i < inputs.Length; i++)
        {
            (double value, double derivative) = Reference(activation, inputs[i]);
            double bound = 2e-7 * Math.Max(1, Math.Abs((double)inputs[i]));
            if (!(Math.Abs(values[i] - value) <= bound))
                Assert.Fail($"{activation}({inputs[i]:R}) = {values[i]:R}, expected {value:R}");
            if (!(Math.Abs(derivatives[i] - derivative) <= bound))
                Assert.Fail($"{activation}'({inputs[i]:R}) = {derivatives[i]:R}, expected {derivative:R}");
        }
    }

    [Theory]
    [MemberData(nameof(Activations))]
    public void Activations_keep_their_limits(Activation activation, SimdLevel level)
    {
        float[] at = [float.PositiveInfinity, float.NegativeInfinity, float.NaN, 0f, float.MaxValue, float.MinValue];
        float[] value = Evaluate(activation, level, at, derivative: false);
        float[] slope = Evaluate(activation, level, at, derivative: true);
        bool gelu = activation is Activation.GeluErf or Activation.GeluTanh or Activation.GeluQuick;
        bool tanh = activation is Activation.Tanh;
        Assert.Equal(tanh ? 1f : float.PositiveInfinity, value[0]);
        Assert.Equal(gelu ? 0f : tanh ? -1f : float.NegativeInfinity, value[1]);
        Assert.True(float.IsNaN(value[2]));
        Assert.Equal(0f, value[3]);
        Assert.Equal(tanh ? 1f : float.MaxValue, value[4]);
        Assert.Equal(gelu ? 0f : tanh ? -1f : float.MinValue, value[5]);
        Assert.Equal(tanh ? 0f : 1f, slope[0]);
        Assert.Equal(gelu || tanh ? 0f : 1f, slope[1]);
        Assert.True(activation == Activation.None || float.IsNaN(slope[2]));
        Assert.Equal(gelu ? 0.5f : 1f, slope[3]);
    }

    [Fact]
    public void The_reference_error_function_agrees_with_the_tables()
    {
        // Abramowitz and Stegun, table 7.1, and erfc for the tail.
        Assert.Equal(0.5204998778130465, ReferenceErf(0.5), 15);
        Assert.Equal(0.8427007929497149, ReferenceErf(1), 15);
        Assert.Equal(0.9953222650189527, ReferenceErf(2), 15);
        Assert.Equal(-0.9999779095030014, ReferenceErf(-3), 15);
    }

    /// <summary>Every bit pattern in steps of 65 537, and 200 000 steps between the bounds.</summary>
    private static float[] Inputs(float low, float high)
    {
        var inputs = new List<float>();
        for (long bits = 0; bits <= uint.MaxValue; bits += 65_537)
        {
            float x = BitConverter.UInt32BitsToSingle((uint)bits);
            if (float.IsFinite(x))
                inputs.Add(x);
        }
        for (int i = 0; i <= 200_000; i++)
            inputs.Add(low + (high - low) * (i / 200_000f));
        for (int i = 0; i <= 100_000; i++)
            inputs.Add(-5f + 10f * (i / 100_000f));
        return [.. inputs];
    }

    private static double Reference(Function function, double x) => function switch
    {
        Function.Exp => Math.Exp(x),
        Function.Tanh => Math.Tanh(x),
        Function.Sigmoid => x < 0 ? Math.Exp(x) / (1 + Math.Exp(x)) : 1 / (1 + Math.Exp(-x)),
        _ => ReferenceErf(x),
    };

    internal static (double Value, double Derivative) Reference(Activation activation, double x)
    {
        switch (activation)
        {
            case Activation.None:
                return (x, 1);
            case Activation.Tanh:
                return (Math.Tanh(x), 1 - Math.Tanh(x) * Math.Tanh(x));
            case Activation.GeluErf:
                double phi = 0.5 * (1 + ReferenceErf(x / Math.Sqrt(2)));
                double density = Math.Exp(-0.5 * x * x) / Math.Sqrt(2 * Math.PI);
                return (x * phi, density == 0 ? phi : phi + x * density);
            case Activation.GeluTanh:
                double u = Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x);
                double slope = Math.Sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
                double t = Math.Tanh(u);
                double rest = 1 - t * t;
                return (0.5 * x * (1 + t), 0.5 * (1 + t) + (rest == 0 ? 0 : 0.5 * x * rest * slope));
            default:
                double s = Reference(Function.Sigmoid, 1.702 * x);
                double left = 1 - s;
                return (x * s, s + (left == 0 || s == 0 ? 0 : 1.702 * x * s * left));
        }
    }

    /// <summary>Taylor series up to 2.5, continued fraction of erfc beyond.</summary>
    private static double ReferenceErf(double x)
    {
        double t = Math.Abs(x);
        double result;
        if (t < 2.5)
        {
            double term = t, sum = t;
            for (int n = 1; n < 80; n++)
            {
                term *= -t * t / n;
                sum += term / (2 * n + 1);
            }
            result = 2 / Math.Sqrt(Math.PI) * sum;
        }
        else if (t > 30)
        {
            result = 1;
        }
        else
        {
            double fraction = 0;
            for (int n = 200; n >= 1; n--)
                fraction = n / 2.0 / (t + fraction);
            result = 1 - Math.Exp(-t * t) / Math.Sqrt(Math.PI) / (t + fraction);
        }
        return x < 0 ? -result : result;
    }

    private static float[] Evaluate(Function function, SimdLevel level, float[] inputs) => level switch
    {
        SimdLevel.Vector512 => Evaluate<Simd512, Vector512<float>>(function, inputs),
        SimdLevel.Vector256 => Evaluate<Simd256, Vector256<float>>(function, inputs),
        _ => Evaluate<Simd128, Vector128<float>>(function, inputs),
    };

    private static float[] Evaluate(Activation activation, SimdLevel level, float[] inputs, bool derivative) => level switch
    {
        SimdLevel.Vector512 => Evaluate<Simd512, Vector512<float>>(activation, inputs, derivative),
        SimdLevel.Vector256 => Evaluate<Simd256, Vector256<float>>(activation, inputs, derivative),
        _ => Evaluate<Simd128, Vector128<float>>(activation, inputs, derivative),
    };

    private static float[] Evaluate<S, V>(Function function, float[] inputs)
        where S : struct, ISimd<V>
        where V : struct
    {
        var outputs = new float[inputs.Length];
        fixed (float* source = inputs, target = outputs)
        {
            for (int i = 0; i < inputs.Length; i += S.Count)
            {
                int count = Math.Min(S.Count, inputs.Length - i);
                V x = S.LoadPartial(source + i, count);
                V y = function switch
                {
                    Function.Exp => VectorFunctions.Exp<S, V>(x),
                    Function.Tanh => VectorFunctions.Tanh<S, V>(x),
                    Function.Sigmoid => VectorFunctions.Sigmoid<S, V>(x),
                    _ => VectorFunctions.Erf<S, V>(x),
                };
                S.StorePartial(target + i, y, count);
            }
        }
        return outputs;
    }

    private static float[] Evaluate<S, V>(Activation activation, float[] inputs, bool derivative)
        where S : struct, ISimd<V>
        where V : struct => activation switch
        {
            Activation.GeluErf => Evaluate<S, V, GeluErf>(inputs, derivative),
            Activation.GeluTanh => Evaluate<S, V, GeluTanh>(inputs, derivative),
            Activation.GeluQuick => Evaluate<S, V, QuickGelu>(inputs, derivative),
            Activation.Tanh => Evaluate<S, V, HyperbolicTangent>(inputs, derivative),
            _ => Evaluate<S, V, Identity>(inputs, derivative),
        };

    private static float[] Evaluate<S, V, A>(float[] inputs, bool derivative)
        where S : struct, ISimd<V>
        where V : struct
        where A : struct, IActivation
    {
        var outputs = new float[inputs.Length];
        fixed (float* source = inputs, target = outputs)
        {
            for (int i = 0; i < inputs.Length; i += S.Count)
            {
                int count = Math.Min(S.Count, inputs.Length - i);
                V x = S.LoadPartial(source + i, count);
                S.StorePartial(target + i, derivative ? A.Derivative<S, V>(x) : A.Value<S, V>(x), count);
            }
        }
        return outputs;
    }
}
