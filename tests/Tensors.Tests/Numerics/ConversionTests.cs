using System.Numerics;
using System.Runtime.InteropServices;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Tests.Numerics;

/// <summary>
/// The spans against the scalar conversions of the runtime (F16, F64, integers) and of <see cref="BFloat16"/>, which has tests of its own.
/// Lengths around the vector widths reach every loop; <see cref="NarrowerVectorsTests"/> runs them on the narrower paths too.
/// </summary>
public class ConversionTests
{
    private static readonly int[] s_lengths = [.. Enumerable.Range(0, 70), 127, 128, 129, 1000];

    /// <summary>Floats that are hard to round: values, ties and their neighbours for F16 and BF16, subnormals, infinities, NaN.</summary>
    private static float[] HardFloats()
    {
        var values = new List<float> { float.NaN, float.PositiveInfinity, float.NegativeInfinity, 0f, -0f, float.Epsilon, -float.Epsilon, float.MaxValue, float.MinValue };
        for (int i = 0; i < 65536; i++)
        {
            float half = (float)BitConverter.UInt16BitsToHalf((ushort)i), next = (float)BitConverter.UInt16BitsToHalf((ushort)(i + 1));
            float tie = (half / 2) + (next / 2);
            values.AddRange([half, tie, MathF.BitIncrement(tie), MathF.BitDecrement(tie)]);
            foreach (uint low in (uint[])[0x7FFF, 0x8000, 0x8001]) values.Add(BitConverter.UInt32BitsToSingle(((uint)i << 16) | low));
        }

        return [.. values];
    }

    private static void SameBits<T>(ReadOnlySpan<T> expected, ReadOnlySpan<T> found)
        where T : unmanaged => Assert.True(MemoryMarshal.AsBytes(expected).SequenceEqual(MemoryMarshal.AsBytes(found)));

    [Fact]
    public void Every_half_widens_as_the_runtime_does()
    {
        var source = new Half[65536];
        for (int i = 0; i < source.Length; i++) source[i] = BitConverter.UInt16BitsToHalf((ushort)i);
        var found = new float[source.Length];
        HalfConversion.ToSingle(source, found);
        SameBits<float>(source.Select(h => (float)h).ToArray(), found);
    }

    [Fact]
    public void Floats_round_to_half_as_the_runtime_does()
    {
        float[] source = HardFloats();
        var found = new Half[source.Length];
        HalfConversion.FromSingle(source, found);
        for (int i = 0; i < source.Length; i++)
        {
            var expected = (Half)source[i];
            // Any quiet NaN will do; everything else is one bit pattern.
            bool same = Half.IsNaN(expected) ? Half.IsNaN(found[i]) : BitConverter.HalfToUInt16Bits(expected) == BitConverter.HalfToUInt16Bits(found[i]);
            if (!same) Assert.Fail($"{source[i]:R}: expected {expected}, found {found[i]}");
        }
    }

    [Fact]
    public void Every_half_comes_back()
    {
        var source = new Half[65536];
        for (int i = 0; i < source.Length; i++) source[i] = BitConverter.UInt16BitsToHalf((ushort)i);
        var wide = new float[source.Length];
        var back = new Half[source.Length];
        HalfConversion.ToSingle(source, wide);
        HalfConversion.FromSingle(wide, back);
        for (int i = 0; i < source.Length; i++)
        {
            if (Half.IsNaN(source[i])) Assert.True(Half.IsNaN(back[i]));
            else Assert.Equal(i, BitConverter.HalfToUInt16Bits(back[i]));
        }
    }

    [Fact]
    public void Every_bfloat16_widens_and_hard_floats_round_as_the_scalar_does()
    {
        var source = new BFloat16[65536];
        for (int i = 0; i < source.Length; i++) source[i] = BFloat16.FromBits((ushort)i);
        var wide = new float[source.Length];
        BFloat16Conversion.ToSingle(source, wide);
        SameBits<float>(source.Select(b => (float)b).ToArray(), wide);

        float[] hard = HardFloats();
        var found = new BFloat16[hard.Length];
        BFloat16Conversion.FromSingle(hard, found);
        SameBits<BFloat16>(hard.Select(f => (BFloat16)f).ToArray(), found);
    }

    [Fact]
    public void Doubles_round_once_as_the_runtime_does()
    {
        var source = new List<double>
        {
            double.NaN, double.PositiveInfinity, double.NegativeInfinity, -0.0, double.Epsilon, double.MaxValue, float.MaxValue,
            float.MaxValue * (1 + Math.ScaleB(1, -25)), Math.BitDecrement(float.MaxValue * (1 + Math.ScaleB(1, -25))), Math.ScaleB(1, -150), Math.BitIncrement(Math.ScaleB(1, -150)),
        };
        var random = new PhiloxStream(1, "doubles");
        for (int i = 0; i < 100_000; i++)
        {
            // Around the ties of binary32: the 29 bits that are dropped are 10…0 give or take one.
            ulong bits = ((ulong)random.NextUInt() << 32) | random.NextUInt();
            bits = (bits & ~0x1FFF_FFFFUL) + 0x1000_0000UL + (ulong)random.NextInt(3) - 1;
            double value = BitConverter.UInt64BitsToDouble(bits);
            source.Add(double.IsNaN(value) ? 1 : Math.ScaleB(value, -Math.ILogB(value == 0 ? 1 : value) + random.NextInt(290) - 155));
        }

        var found = new float[source.Count];
        DoubleConversion.ToSingle(CollectionsMarshal.AsSpan(source), found);
        for (int i = 0; i < found.Length; i++)
        {
            if (double.IsNaN(source[i])) Assert.True(float.IsNaN(found[i]));
            else Assert.Equal(BitConverter.SingleToInt32Bits((float)source[i]), BitConverter.SingleToInt32Bits(found[i]));
        }

        var back = new double[found.Length];
        DoubleConversion.FromSingle(found, back);
        SameBits<double>(found.Select(f => (double)f).ToArray(), back);
    }

    [Theory]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    [InlineData(DType.F32)]
    [InlineData(DType.F64)]
    public void Every_length_and_address_gives_the_same_values(DType dtype)
    {
        int size = dtype.Bits() / 8;
        foreach (int length in s_lengths)
        {
            float[] values = [.. Enumerable.Range(0, length).Select(i => (i % 251 - 125) / 2f)];
            // One byte in front makes every element unaligned; one behind must stay as it was.
            var bytes = new byte[1 + (length * size) + 1];
            bytes[0] = bytes[^1] = 0xA5;
            Conversion.FromSingle(values, dtype, bytes.AsSpan(1, length * size));
            Assert.Equal((0xA5, 0xA5), (bytes[0], bytes[^1]));
            var back = new float[length + 1];
            back[length] = 42;
            Conversion.ToSingle(dtype, bytes.AsSpan(1, length * size), back.AsSpan(0, length));
            Assert.Equal([.. values, 42f], back);
        }
    }

    [Fact]
    public void Bytes_that_do_not_fit_are_refused()
    {
        Assert.Throws<ArgumentException>(() => Conversion.ToSingle(DType.F16, new byte[3], new float[1]));
        Assert.Throws<ArgumentException>(() => Conversion.ToSingle(DType.F32, new byte[8], new float[1]));
        Assert.Throws<ArgumentException>(() => Conversion.FromSingle(new float[2], DType.BF16, new byte[2]));
        Assert.Throws<ArgumentException>(() => HalfConversion.FromSingle(new float[2], new Half[1]));
        Assert.Contains("F8_E5M2", Assert.Throws<ArgumentException>(() => Conversion.ToSingle(DType.F8E5M2, new byte[1], new float[1])).Message, StringComparison.Ordinal);
        Assert.Contains("I64", Assert.Throws<ArgumentException>(() => Conversion.FromSingle(new float[1], DType.I64, new byte[8])).Message, StringComparison.Ordinal);
    }

    private static void CheckInteger<T>(DType dtype)
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var random = new PhiloxStream(2, dtype.Name());
        T[] values = [T.MinValue, T.MaxValue, T.Zero, T.One, .. Enumerable.Range(0, 1000).Select(_ => T.CreateTruncating(((ulong)random.NextUInt() << 32) | random.NextUInt()))];

        var floats = new float[values.Length];
        IntegerConversion.ToSingle<T>(values, floats);
        for (int i = 0; i < values.Length; i++)
        {
            // The nearest float by the distance in exact integers; a tie has an even fraction.
            var exact = BigInteger.CreateChecked(values[i]);
            BigInteger Distance(float f) => BigInteger.Abs(new BigInteger(f) - exact);
            var mine = Distance(floats[i]);
            foreach (float neighbour in (float[])[MathF.BitIncrement(floats[i]), MathF.BitDecrement(floats[i])])
            {
                if (neighbour != MathF.Truncate(neighbour)) continue;
                Assert.True(mine <= Distance(neighbour), $"{dtype.Name()} {exact} became {floats[i]:R}");
                if (mine == Distance(neighbour)) Assert.Equal(0, BitConverter.SingleToInt32Bits(floats[i]) & 1);
            }
        }

        foreach (var value in values)
        {
            var exact = BigInteger.CreateChecked(value);
            bool fits = exact >= int.MinValue && exact <= int.MaxValue;
            int[] target = [-77];
            int bad = IntegerConversion.ToInt32(dtype, MemoryMarshal.AsBytes([value]), target);
            Assert.Equal(fits ? -1 : 0, bad);
            if (fits) Assert.Equal(exact, target[0]);
            else Assert.Equal(exact.ToString(), IntegerConversion.Format(dtype, MemoryMarshal.AsBytes([value])));
        }
    }

    [Fact]
    public void Integers_round_to_the_nearest_float_and_narrow_only_when_they_fit()
    {
        CheckInteger<byte>(DType.U8);
        CheckInteger<sbyte>(DType.I8);
        CheckInteger<ushort>(DType.U16);
        CheckInteger<short>(DType.I16);
        CheckInteger<uint>(DType.U32);
        CheckInteger<int>(DType.I32);
        CheckInteger<ulong>(DType.U64);
        CheckInteger<long>(DType.I64);
    }
}
