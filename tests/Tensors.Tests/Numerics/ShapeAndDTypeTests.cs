using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Tests.Numerics;

public class ShapeAndDTypeTests
{
    [Fact]
    public void A_shape_is_its_dimensions()
    {
        Shape shape = [2, 3, 4];
        Assert.Equal(3, shape.Rank);
        Assert.Equal(24, shape.ElementCount);
        Assert.Equal(2, shape[0]);
        Assert.Equal(4, shape[^1]);
        Assert.Equal("[2, 3, 4]", shape.ToString());
        Assert.Equal([2L, 3L, 4L], shape.Dimensions);
        Assert.True(shape == new Shape(2, 3, 4));
        Assert.True(shape != new Shape(4, 3, 2));
        Assert.Equal(shape.GetHashCode(), new Shape(2, 3, 4).GetHashCode());
        Assert.Throws<IndexOutOfRangeException>(() => shape[3]);
    }

    [Fact]
    public void The_default_shape_is_a_scalar()
    {
        Shape empty = [];
        Assert.True(default == empty);
        Assert.Equal(1, default(Shape).ElementCount);
        Assert.Equal(1, empty.ElementCount);
        Assert.Equal("[]", default(Shape).ToString());
        Assert.Equal(default(Shape).GetHashCode(), empty.GetHashCode());
        Assert.Empty(default(Shape));
    }

    [Fact]
    public void A_shape_that_cannot_be_is_refused()
    {
        Assert.Throws<ArgumentException>(() => new Shape(2, -1));
        Assert.Throws<ArgumentException>(() => new Shape(new long[65]));
        Assert.Throws<OverflowException>(() => new Shape(2, long.MaxValue));
        Assert.Throws<OverflowException>(() => new Shape(1L << 32, 1L << 32, 0));
        Assert.Equal(0, new Shape(0, long.MaxValue, long.MaxValue).ElementCount);
        Assert.Equal(long.MaxValue, new Shape(long.MaxValue).ElementCount);
    }

    /// <summary>The table of the format's documentation.</summary>
    [Theory]
    [InlineData(DType.Bool, "BOOL", 8, 1, false, false)]
    [InlineData(DType.F4, "F4", 4, 1, true, false)]
    [InlineData(DType.F6E2M3, "F6_E2M3", 6, 1, true, false)]
    [InlineData(DType.F6E3M2, "F6_E3M2", 6, 1, true, false)]
    [InlineData(DType.U8, "U8", 8, 1, false, false)]
    [InlineData(DType.I8, "I8", 8, 1, false, false)]
    [InlineData(DType.F8E5M2, "F8_E5M2", 8, 1, true, false)]
    [InlineData(DType.F8E4M3, "F8_E4M3", 8, 1, true, false)]
    [InlineData(DType.F8E8M0, "F8_E8M0", 8, 1, true, false)]
    [InlineData(DType.F8E4M3Fnuz, "F8_E4M3FNUZ", 8, 1, true, false)]
    [InlineData(DType.F8E5M2Fnuz, "F8_E5M2FNUZ", 8, 1, true, false)]
    [InlineData(DType.I16, "I16", 16, 2, false, false)]
    [InlineData(DType.U16, "U16", 16, 2, false, false)]
    [InlineData(DType.F16, "F16", 16, 2, true, true)]
    [InlineData(DType.BF16, "BF16", 16, 2, true, true)]
    [InlineData(DType.I32, "I32", 32, 4, false, false)]
    [InlineData(DType.U32, "U32", 32, 4, false, false)]
    [InlineData(DType.F32, "F32", 32, 4, true, true)]
    [InlineData(DType.C64, "C64", 64, 8, false, false)]
    [InlineData(DType.F64, "F64", 64, 8, true, true)]
    [InlineData(DType.I64, "I64", 64, 8, false, false)]
    [InlineData(DType.U64, "U64", 64, 8, false, false)]
    public void Dtypes_have_the_names_and_widths_of_the_format(DType dtype, string name, int bits, int alignment, bool floating, bool arithmetic)
    {
        Assert.Equal((name, bits, alignment), (dtype.Name(), dtype.Bits(), dtype.Alignment()));
        Assert.Equal((floating, arithmetic), (dtype.IsFloatingPoint(), dtype.IsArithmetic()));
        Assert.Equal(!floating && dtype is not (DType.Bool or DType.C64), dtype.IsInteger());
        Assert.True(DTypes.TryParse(name, out var parsed));
        Assert.Equal(dtype, parsed);
        Assert.True(DTypes.TryParse(System.Text.Encoding.UTF8.GetBytes(name), out parsed));
        Assert.Equal(dtype, parsed);
        Assert.False(DTypes.TryParse(name.ToLowerInvariant(), out _));
        Assert.Equal(bits, dtype.ByteCount(8));
    }

    [Fact]
    public void The_order_of_the_enumeration_never_lowers_the_alignment_and_misses_nothing()
    {
        Assert.Equal(22, DTypes.All.Count);
        Assert.All(DTypes.All.Zip(DTypes.All.Skip(1)), pair => Assert.True(pair.First.Alignment() <= pair.Second.Alignment()));
    }

    [Fact]
    public void Sizes_are_whole_bytes_that_fit_63_bits()
    {
        Assert.Throws<ArgumentException>(() => DType.F4.ByteCount(3));
        Assert.Throws<OverflowException>(() => DType.F32.ByteCount(long.MaxValue));
        Assert.Equal(long.MaxValue, DType.U8.ByteCount(long.MaxValue));
    }
}
