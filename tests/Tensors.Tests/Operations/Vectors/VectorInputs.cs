using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Tests.Operations.Vectors;

/// <summary>Inputs that hold everything a float can be: the same for every device, made once for each length.</summary>
public static class VectorInputs
{
    private static readonly float[] s_special =
    [
        0f, -0f, float.Epsilon, -float.Epsilon, 1e-39f, -3e-40f, float.MinValue, float.MaxValue, float.PositiveInfinity, float.NegativeInfinity,
        float.NaN, BitConverter.UInt32BitsToSingle(0x7F80_0001), BitConverter.UInt32BitsToSingle(0xFFC1_2345), 1f, -1f, 1.17549435e-38f,
    ];

    private static readonly ConcurrentDictionary<(int, int), float[]> s_floats = [];
    private static readonly ConcurrentDictionary<int, byte[]> s_bytes = [];
    private static readonly ConcurrentDictionary<int, double[]> s_keys = [];

    public static IReadOnlyList<int> Lengths { get; } = [.. Enumerable.Range(0, 71), 1000, 65535, 65536, 65537, 300_000];

    public static float[] Floats(int k, int length) => s_floats.GetOrAdd((k, length), static key =>
    {
        var random = new Random((key.Item1 * 7919) + key.Item2);
        var values = new float[key.Item2];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = random.Next(16) switch
            {
                0 => s_special[random.Next(s_special.Length)],
                < 5 => 0f,
                < 9 => (random.Next(7) - 3) * 0.25f,
                _ => (float)((random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-6, 3))),
            };
        }

        return values;
    });

    /// <summary>Values without NaN and infinities, for float64 sums.</summary>
    public static float[] Finite(int k, int length) =>
        Array.ConvertAll(Floats(k, length), x => float.IsFinite(x) && Math.Abs(x) < 1e30f ? x : 0.5f);

    public static byte[] Bytes(int length) => s_bytes.GetOrAdd(length, static n =>
    {
        var random = new Random(n);
        return [.. Enumerable.Range(0, n).Select(_ => random.Next(3) == 0 ? (byte)0 : (byte)random.Next(256))];
    });

    public static double[] Keys(int length) => s_keys.GetOrAdd(length, static n =>
    {
        var random = new Random(n + 1);
        return [.. Enumerable.Range(0, n).Select(_ => random.Next(12) switch
        {
            0 => -1.0,
            1 => double.NaN,
            2 => 0.0,
            3 => double.PositiveInfinity,
            4 => double.Epsilon,
            < 9 => random.Next(4),
            _ => random.NextDouble() * 4,
        })];
    });

    /// <summary>Bit patterns, with one pattern for NaN: which operand's payload survives an addition is the hardware's choice.</summary>
    public static ulong[] ToBits<T>(T[] values)
        where T : unmanaged => values switch
        {
            float[] floats => Array.ConvertAll(floats, x => (ulong)BitConverter.SingleToUInt32Bits(float.IsNaN(x) ? float.NaN : x)),
            double[] doubles => Array.ConvertAll(doubles, x => BitConverter.DoubleToUInt64Bits(double.IsNaN(x) ? double.NaN : x)),
            _ => Array.ConvertAll(MemoryMarshal.AsBytes<T>(values).ToArray(), b => (ulong)b),
        };
}
