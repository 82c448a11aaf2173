using System.Runtime.InteropServices;
using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Merging.Tests.Streaming.Execution;

public sealed class NonFiniteTests
{
    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void One_value_is_found_wherever_it_stands(float value)
    {
        var values = new float[203];
        Array.Fill(values, -float.MaxValue);
        Assert.Equal(0, NonFinite.Count(values));
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = value;
            Assert.Equal(1, NonFinite.Count(values));
            Assert.Equal(0, NonFinite.Count(values.AsSpan(0, i)));
            values[i] = float.Epsilon;
        }
    }

    [Fact]
    public void All_are_counted()
    {
        float[] values = [.. Enumerable.Range(0, 1000).Select(i => i % 7 == 0 ? float.NaN : i % 11 == 0 ? float.NegativeInfinity : i)];
        Assert.Equal(values.Count(x => !float.IsFinite(x)), NonFinite.Count(values));
    }

    /// <summary>Halves of either kind: all exponent bits set is no number, one less is the largest.</summary>
    [Theory]
    [InlineData(DType.F16, 0x7BFF, 0x7C00)]
    [InlineData(DType.F16, 0x7BFF, 0xFE01)]
    [InlineData(DType.BF16, 0x7F7F, 0xFF80)]
    [InlineData(DType.BF16, 0x7F7F, 0x7FC0)]
    public void One_half_is_found_wherever_it_stands(DType type, int largest, int bad)
    {
        var values = new ushort[301];
        Array.Fill(values, (ushort)(largest | 0x8000));
        Assert.Equal(0, NonFinite.Count(MemoryMarshal.AsBytes<ushort>(values), type));
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (ushort)bad;
            Assert.Equal(1, NonFinite.Count(MemoryMarshal.AsBytes<ushort>(values), type));
            values[i] = (ushort)largest;
        }
    }
}
