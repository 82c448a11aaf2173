using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Tensors.Tests.Safetensors;

public sealed class CountingTests
{
    [Theory]
    [InlineData(0, "0 tensors", "0 classes have")]
    [InlineData(1, "1 tensor", "1 class has")]
    [InlineData(2, "2 tensors", "2 classes have")]
    [InlineData(21, "21 tensors", "21 classes have")]
    public void One_is_not_several(long number, string simple, string whole)
    {
        Assert.Equal(simple, Counting.Of(number, "tensor"));
        Assert.Equal(whole, Counting.Of(number, "class has", "classes have"));
    }
}
