using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Tensors.Tests.Cpu;

public sealed class SimdLevelsTests
{
    [Fact]
    public void Every_supported_level_can_be_asked_for_by_its_width()
    {
        foreach (SimdLevel level in SimdLevels.Supported)
            Assert.Equal(level, SimdLevels.Parse($" {(int)level} "));
        Assert.Equal(SimdLevels.Best, SimdLevels.Supported[^1]);
        Assert.Equal(SimdLevels.Best, SimdLevels.Parse(null));
        Assert.Equal(SimdLevels.Best, SimdLevels.Parse(""));
    }

    [Fact]
    public void An_unknown_level_is_refused_with_the_choices()
    {
        var exception = Assert.Throws<NotSupportedException>(() => SimdLevels.Parse("avx"));
        Assert.Equal("MERGE_ENGINE_SIMD is 'avx'; expected 128, 256 or 512.", exception.Message);
    }

    [Fact]
    public void A_level_that_the_processor_lacks_is_refused_with_what_it_has()
    {
        var exception = Assert.Throws<NotSupportedException>(() => SimdLevels.Require((SimdLevel)1024));
        Assert.Equal($"1024-bit vector kernels were asked for, but this processor supports at most {(int)SimdLevels.Best} bits.", exception.Message);
    }
}
