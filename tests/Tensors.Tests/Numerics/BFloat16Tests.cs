using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Tests.Numerics;

public class BFloat16Tests
{
    /// <summary>Rounding by the definition: the nearer of the two neighbours, both computed as exact doubles, and the even one at a tie.</summary>
    private static ushort NearestEven(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        ushort below = (ushort)(bits >> 16), above = (ushort)(below + 1);
        double low = BitConverter.UInt32BitsToSingle((uint)below << 16);
        // One step beyond the largest finite value stands for infinity, as if the exponent went on.
        double high = (above & 0x7FFF) == 0x7F80 ? Math.CopySign(Math.ScaleB(1, 128), value) : BitConverter.UInt32BitsToSingle((uint)above << 16);
        double toLow = Math.Abs(value - low), toHigh = Math.Abs(high - value);
        if (toLow == toHigh) return (below & 1) == 0 ? below : above;
        return toLow < toHigh ? below : above;
    }

    [Fact]
    public void Every_value_widens_to_its_bits_and_comes_back()
    {
        for (int i = 0; i <= ushort.MaxValue; i++)
        {
            var value = BFloat16.FromBits((ushort)i);
            Assert.Equal((uint)i << 16, BitConverter.SingleToUInt32Bits(value));
            ushort back = ((BFloat16)(float)value).ToBits();
            // A signalling NaN comes back quiet.
            Assert.Equal(BFloat16.IsNaN(value) ? i | 0x40 : i, back);
        }
    }

    [Fact]
    public void Rounding_is_to_the_nearest_and_to_even_at_ties_around_every_value()
    {
        // Every finite value with the lower halves around zero, the tie and the next value.
        uint[] lower = [0x0000, 0x0001, 0x7FFF, 0x8000, 0x8001, 0xFFFF];
        for (uint upper = 0; upper <= 0xFFFF; upper++)
        {
            if ((upper & 0x7FFF) >= 0x7F80) continue;
            foreach (uint low in lower)
            {
                float value = BitConverter.UInt32BitsToSingle((upper << 16) | low);
                ushort expected = NearestEven(value), found = ((BFloat16)value).ToBits();
                if (expected != found) Assert.Fail($"{upper:x4}{low:x4}: expected {expected:x4}, found {found:x4}");
            }
        }
    }

    [Theory]
    [InlineData(0x7F800001u, 0x7FC0)] // A payload in the lower half must not turn NaN into infinity.
    [InlineData(0xFF80FFFFu, 0xFFC0)]
    [InlineData(0x7FFFFFFFu, 0x7FFF)] // Nor may rounding carry out of the number.
    [InlineData(0x7FC10000u, 0x7FC1)]
    [InlineData(0x7F7FFFFFu, 0x7F80)] // The largest float rounds to infinity.
    [InlineData(0x7F7F7FFFu, 0x7F7F)]
    [InlineData(0x00000001u, 0x0000)]
    [InlineData(0x00008000u, 0x0000)] // Half the smallest subnormal: to even.
    [InlineData(0x00008001u, 0x0001)]
    [InlineData(0x80018000u, 0x8002)]
    public void Edges_round_as_IEEE_754_says(uint single, ushort expected) =>
        Assert.Equal(expected, ((BFloat16)BitConverter.UInt32BitsToSingle(single)).ToBits());

    [Fact]
    public void Constants_are_what_they_say()
    {
        Assert.Equal(1f, BFloat16.One);
        Assert.Equal(0f, BFloat16.Zero);
        Assert.Equal(1 / 128f, BFloat16.MachineEpsilon);
        Assert.Equal(MathF.ScaleB(1, -133), BFloat16.Epsilon);
        Assert.Equal((2 - (1 / 128f)) * MathF.ScaleB(1, 127), BFloat16.MaxValue);
        Assert.Equal(-(float)BFloat16.MaxValue, BFloat16.MinValue);
        Assert.Equal(float.PositiveInfinity, BFloat16.PositiveInfinity);
        Assert.Equal(float.NegativeInfinity, BFloat16.NegativeInfinity);
        Assert.True(float.IsNaN(BFloat16.NaN));
    }

    [Fact]
    public void Comparison_and_classes_are_those_of_the_widened_value()
    {
        BFloat16[] values =
        [
            BFloat16.NaN, BFloat16.NegativeInfinity, BFloat16.MinValue, BFloat16.FromBits(0x8001), BFloat16.FromBits(0x8000), BFloat16.Zero, BFloat16.Epsilon,
            BFloat16.One, BFloat16.MaxValue, BFloat16.PositiveInfinity,
        ];
        foreach (var a in values)
        {
            float x = a;
            Assert.Equal(float.IsNaN(x), BFloat16.IsNaN(a));
            Assert.Equal(float.IsFinite(x), BFloat16.IsFinite(a));
            Assert.Equal(float.IsInfinity(x), BFloat16.IsInfinity(a));
            Assert.Equal(float.IsNegative(x), BFloat16.IsNegative(a));
            foreach (var b in values)
            {
                float y = b;
                Assert.Equal(x == y, a == b);
                Assert.Equal(x != y, a != b);
                Assert.Equal(x < y, a < b);
                Assert.Equal(x > y, a > b);
                Assert.Equal(x <= y, a <= b);
                Assert.Equal(x >= y, a >= b);
                Assert.Equal(x.Equals(y), a.Equals(b));
                Assert.Equal(x.CompareTo(y), a.CompareTo(b));
                if (a.Equals(b)) Assert.Equal(a.GetHashCode(), b.GetHashCode());
            }
        }

        Assert.Equal("1.5", ((BFloat16)1.5f).ToString());
    }
}
