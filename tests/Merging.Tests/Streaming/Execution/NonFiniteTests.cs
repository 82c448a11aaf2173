using MergeEngine.Merging.Streaming.Execution;

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
}
