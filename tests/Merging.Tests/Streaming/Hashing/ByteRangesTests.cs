using FsCheck;
using FsCheck.Fluent;
using MergeEngine.Merging.Streaming.Hashing;

namespace MergeEngine.Merging.Tests.Streaming.Hashing;

public sealed class ByteRangesTests
{
    private const int Length = 60;

    /// <summary>A flag for every byte says the same.</summary>
    [Fact]
    public void Ranges_in_any_order_are_what_a_flag_for_each_byte_says()
    {
        Gen<(int Start, int Count)[]> generator = (from start in Gen.Choose(0, Length - 1) from count in Gen.Choose(0, Length - start) select (start, count)).ArrayOf(12);
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(500).WithReplay(20251122, 1).WithQuietOnSuccess(true), Prop.ForAll(generator.ToArbitrary(), adds =>
        {
            bool[] flags = new bool[Length];
            var ranges = new ByteRanges();
            var news = new List<(int Start, int End)>();
            foreach (var (start, count) in adds)
            {
                int[] expected = [.. Enumerable.Range(start, count).Where(i => !flags[i])];
                news.Clear();
                Assert.Equal(expected.Length, ranges.Add(start, start + count, news));
                Assert.Equal(expected, news.SelectMany(n => Enumerable.Range(n.Start, n.End - n.Start)));
                flags.AsSpan(start, count).Fill(true);
                for (int i = 0; i < Length; i++)
                {
                    int end = i;
                    while (end < Length && flags[end]) end++;
                    Assert.Equal(end, ranges.EndFrom(i));
                }
            }
        }));
    }
}
