using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Tests.Numerics;

public class PhiloxTests
{
    /// <summary>The philox4x32 lines with 10 rounds of Random123's kat_vectors file.</summary>
    [Theory]
    [InlineData(0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8)]
    [InlineData(0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd)]
    [InlineData(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88, 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1)]
    public void The_published_known_answers_come_out(ulong key, ulong high, ulong low, uint x0, uint x1, uint x2, uint x3) =>
        Assert.Equal((x0, x1, x2, x3), Philox.Generate(key, high, low));

    [Fact]
    public void Uniform_stays_below_one_and_takes_the_upper_24_bits()
    {
        Assert.Equal(0f, Philox.Uniform(0xFF));
        Assert.Equal(1f / (1 << 24), Philox.Uniform(0x100));
        Assert.Equal(1f - (1f / (1 << 24)), Philox.Uniform(uint.MaxValue));
    }

    /// <summary>Computed apart with arbitrary-precision integers; pinned because written masks depend on it.</summary>
    [Theory]
    [InlineData(0UL, "", KeyOfNothing)]
    [InlineData(42UL, "vit.embeddings.cls_token", KeyOfToken)]
    [InlineData(ulong.MaxValue, "é🦊", KeyOfFox)]
    public void Keys_never_change(ulong seed, string name, ulong key) => Assert.Equal(key, PhiloxKey.From(seed, name));

    private const ulong KeyOfNothing = 0x5b21f68ffa77f14c;
    private const ulong KeyOfToken = 0xaa616c7d5ca48f6b;
    private const ulong KeyOfFox = 0xae16d7bdb6e5183b;

    [Fact]
    public void A_stream_gives_the_words_of_consecutive_counters()
    {
        var stream = new PhiloxStream(123, 5);
        for (ulong counter = 0; counter < 3; counter++)
        {
            var (x0, x1, x2, x3) = Philox.Generate(123, 5, counter);
            Assert.Equal([x0, x1, x2, x3], [stream.NextUInt(), stream.NextUInt(), stream.NextUInt(), stream.NextUInt()]);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    [InlineData(1000)]
    public void Integers_are_equally_likely(int n)
    {
        var stream = new PhiloxStream(7, "integers");
        const int PerCell = 2000;
        var counts = new int[n];
        for (int i = 0; i < n * PerCell; i++) counts[stream.NextInt(n)]++;
        double chiSquare = counts.Sum(c => (c - (double)PerCell) * (c - (double)PerCell) / PerCell);
        // The statistic has mean n-1 and deviation sqrt(2(n-1)); five deviations, and the draw is fixed by the seed.
        Assert.True(chiSquare <= n - 1 + (5 * Math.Sqrt(2.0 * (n - 1))), $"chi-square {chiSquare} over {n} cells");
    }

    [Fact]
    public void Rejection_keeps_a_large_range_unbiased()
    {
        // 2^32 / (3·2^29) = 8/3: without rejection the residues of 3 would come as 3 : 3 : 2.
        const int Range = 3 << 29;
        var stream = new PhiloxStream(11, "large range");
        var residues = new int[3];
        const int Draws = 90_000;
        for (int i = 0; i < Draws; i++)
        {
            int value = stream.NextInt(Range);
            Assert.InRange(value, 0, Range - 1);
            residues[value % 3]++;
        }

        // Deviation of a count is sqrt(90000·2/9) = 141; the biased draw would be off by 3750 and 7500.
        Assert.All(residues, count => Assert.InRange(count, (Draws / 3) - 710, (Draws / 3) + 710));
    }

    [Fact]
    public void Gaussians_have_the_moments_of_the_normal_distribution()
    {
        var stream = new PhiloxStream(3, "gaussian");
        const int Draws = 1_000_000;
        double first = 0, second = 0, third = 0, fourth = 0;
        for (int i = 0; i < Draws; i++)
        {
            double z = stream.NextGaussian();
            first += z;
            second += z * z;
            third += z * z * z;
            fourth += z * z * z * z;
        }

        // Five standard errors of each sample moment: sqrt(1/n), sqrt(2/n), sqrt(15/n), sqrt(96/n).
        Assert.Equal(0, first / Draws, 0.005);
        Assert.Equal(1, second / Draws, 0.0071);
        Assert.Equal(0, third / Draws, 0.0194);
        Assert.Equal(3, fourth / Draws, 0.049);
    }

    /// <summary>Percentage points from published tables of the normal distribution, to the digits of a double.</summary>
    [Theory]
    [InlineData(0.5, 0.0)]
    [InlineData(0.75, 0.6744897501960817)]
    [InlineData(0.975, 1.959963984540054)]
    [InlineData(0.995, 2.5758293035489004)]
    [InlineData(0.001, -3.090232306167813)]
    [InlineData(1e-9, -5.9978070150076865)]
    [InlineData(1e-20, -9.262340089798408)]
    public void The_normal_quantile_matches_tables(double probability, double z) =>
        Assert.Equal(z, NormalQuantile.Of(probability), 4e-15 * Math.Max(1, Math.Abs(z)));

    [Fact]
    public void The_logarithm_is_within_two_units_in_the_last_place()
    {
        var stream = new PhiloxStream(5, "log");
        for (int i = 0; i < 100_000; i++)
        {
            double x = (stream.NextUInt() + 0.5) * Math.ScaleB(1, -(int)(stream.NextUInt() % 80));
            double expected = Math.Log(x);
            // Near 1 the two parts of the sum cancel, so the bound there is that of ln 2 and not of the small result.
            Assert.Equal(expected, NormalQuantile.Log(x), 2 * Math.Max(Math.BitIncrement(Math.Abs(expected)) - Math.Abs(expected), 1.2e-16));
        }
    }

    [Fact]
    public void Shuffles_are_permutations_and_every_order_is_as_likely()
    {
        var stream = new PhiloxStream(9, "shuffle");
        var counts = new Dictionary<string, int>();
        const int Draws = 24_000;
        for (int i = 0; i < Draws; i++)
        {
            int[] order = [0, 1, 2, 3];
            stream.Shuffle(order);
            string key = string.Concat(order);
            counts[key] = counts.GetValueOrDefault(key) + 1;
        }

        Assert.Equal(24, counts.Count);
        // 1000 expected with a deviation of 31.
        Assert.All(counts.Values, count => Assert.InRange(count, 845, 1155));
        Assert.All(counts.Keys, key => Assert.Equal("0123", string.Concat(key.Order())));
    }
}
