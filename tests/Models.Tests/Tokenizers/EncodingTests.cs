using System.Text.Json;
using System.Text.Json.Nodes;
using MergeEngine.Models.Tokenizers;
using MergeEngine.Models.Tokenizers.Templates;

namespace MergeEngine.Models.Tests.Tokenizers;

/// <summary>What every tokenizer promises besides its ids, and the flags that the fixtures' own files do not use.</summary>
public sealed class EncodingTests
{
    private static readonly TokenizerOptions s_bare = new() { AddSpecialTokens = false };

    public static TheoryData<string> Names => TokenizerFixtures.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Encoding_again_allocates_nothing(string name)
    {
        ITokenizer tokenizer = TokenizerFixtures.Load(name);
        string[] texts = [.. TokenizerFixtures.Lines(name).Select(line => line.Text())];
        var tokens = new TokenSequence();
        var options = new TokenizerOptions { MaxLength = 64, PadToLength = 64 };
        long allocated = long.MaxValue;
        // The first round grows what is kept; the runtime may allocate for itself once more while it recompiles hot loops.
        for (int round = 0; round < 4 && allocated > 0; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            foreach (string text in texts)
            {
                tokenizer.Encode(text, TokenizerOptions.Default, tokens);
                tokenizer.Encode(text, text, options, tokens);
            }

            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal(0, allocated);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Threads_share_a_tokenizer(string name)
    {
        ITokenizer tokenizer = TokenizerFixtures.Load(name);
        JsonElement[] lines = [.. TokenizerFixtures.Lines(name)];
        Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, _ =>
        {
            var tokens = new TokenSequence();
            foreach (JsonElement line in lines)
            {
                tokenizer.Encode(line.Text(), s_bare, tokens);
                if (!tokens.Ids.SequenceEqual(line.Numbers("ids"))) Assert.Fail(line.GetRawText());
            }
        });
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_truncated_text_is_the_start_of_the_whole_one(string name)
    {
        ITokenizer tokenizer = TokenizerFixtures.Load(name);
        var whole = new TokenSequence();
        var cut = new TokenSequence();
        foreach (JsonElement line in TokenizerFixtures.Lines(name))
        {
            tokenizer.Encode(line.Text(), s_bare, whole);
            tokenizer.Encode(line.Text(), s_bare with { MaxLength = 5 }, cut);
            int count = Math.Min(5, whole.Count);
            Assert.True(cut.Ids.SequenceEqual(whole.Ids[..count]) && cut.Offsets.SequenceEqual(whole.Offsets[..count]), line.GetRawText());
        }
    }

    [Fact]
    public void One_sequence_serves_one_tokenizer_after_the_other()
    {
        ITokenizer[] tokenizers = [.. TokenizerFixtures.Names.Select(row => TokenizerFixtures.Load(row.Data))];
        var shared = new TokenSequence();
        foreach (JsonElement line in TokenizerFixtures.Lines("bytebpe-clip").Take(500))
        {
            foreach (ITokenizer tokenizer in tokenizers)
            {
                var own = new TokenSequence();
                tokenizer.Encode(line.Text(), TokenizerOptions.Default, own);
                tokenizer.Encode(line.Text(), TokenizerOptions.Default, shared);
                Assert.Equal(own.Ids.ToArray(), shared.Ids.ToArray());
            }
        }
    }

    [Fact]
    public void Half_a_surrogate_pair_counts_as_one_replacement_character()
    {
        ITokenizer tokenizer = TokenizerFixtures.Load("bytebpe-roberta");
        var tokens = new TokenSequence();
        tokenizer.Encode("a\uD83D b", s_bare, tokens);
        int[] ids = tokens.Ids.ToArray();
        TokenOffset[] offsets = tokens.Offsets.ToArray();
        tokenizer.Encode("a\uFFFD b", s_bare, tokens);
        Assert.Equal(ids, tokens.Ids.ToArray());
        Assert.Equal(offsets, tokens.Offsets.ToArray());
        Assert.Equal(new TokenOffset(3, 4), offsets[^1]);
    }

    [Fact]
    public void A_space_put_before_the_text_changes_its_first_word_and_no_offset()
    {
        ITokenizer plain = TokenizerFixtures.Load("bytebpe-roberta");
        ITokenizer spaced = LoadingTests.Edited("bytebpe-roberta", root =>
        {
            root["pre_tokenizer"]!["add_prefix_space"] = true;
            root["post_processor"]!["add_prefix_space"] = true;
        });
        var expected = new TokenSequence();
        var actual = new TokenSequence();
        plain.Encode(" hello world", s_bare, expected);
        spaced.Encode("hello world", s_bare, actual);
        Assert.Equal(expected.Ids.ToArray(), actual.Ids.ToArray());
        Assert.Equal(expected.Offsets.ToArray().Select(o => new TokenOffset(Math.Max(0, o.Start - 1), o.End - 1)), actual.Offsets.ToArray());
        // A text that begins with a space gets none.
        spaced.Encode(" hello world", s_bare, actual);
        Assert.Equal(expected.Ids.ToArray(), actual.Ids.ToArray());
    }

    [Theory]
    [InlineData("""{"lstrip":true}""", "x  new  y", "0-1 1-6 8-9")]
    [InlineData("""{"rstrip":true}""", "x  new  y", "0-1 3-8 8-9")]
    [InlineData("""{"lstrip":true,"rstrip":true}""", "new  new", "0-5 5-8")]
    [InlineData("""{"single_word":true}""", "new anew new1 (new)", "0-3 4-8 9-13 14-15 15-18 18-19")]
    [InlineData("""{"normalized":true}""", "NEW x", "0-3 4-5")]
    [InlineData("""{"normalized":false}""", "x Néw", "0-1 2-5")]
    public void Added_tokens_keep_their_flags(string flags, string text, string spans)
    {
        // The word "new" is a token already; as an added one it is told apart by its id.
        ITokenizer tokenizer = LoadingTests.Edited("wordpiece-minilm", root =>
        {
            JsonNode token = JsonNode.Parse(flags)!;
            token["id"] = 30522;
            token["content"] = flags.Contains("normalized", StringComparison.Ordinal) ? "NÉW" : "new";
            root["model"]!["vocab"]!.AsObject().Remove("new");
            root["added_tokens"]!.AsArray().Add(token);
        });
        var tokens = new TokenSequence();
        tokenizer.Encode(text, s_bare, tokens);
        string[] words = [.. tokens.Offsets.ToArray().Select(o => $"{o.Start}-{o.End}")];
        int[] added = [.. Enumerable.Range(0, tokens.Count).Where(i => tokens.Ids[i] == 30522)];
        bool isFound = !flags.Contains("\"normalized\":false", StringComparison.Ordinal);
        Assert.Equal(isFound, added.Length > 0);
        Assert.All(added, i => Assert.Contains(words[i], spans.Split(' ')));
        if (flags.Contains("single_word", StringComparison.Ordinal)) Assert.Equal(["0-3", "15-18"], added.Select(i => words[i]));
        if (flags.Contains("strip", StringComparison.Ordinal)) Assert.Equal(spans, string.Join(' ', words));
        Assert.Equal(30523, tokenizer.VocabularySize);
    }

    [Fact]
    public void Bytes_without_a_token_are_left_out_or_unknown()
    {
        const string Vocabulary = """{"a":0,"b":1,"ab":2,"?":3}""";
        ITokenizer Make(string unknown) => LoadingTests.Edited("bytebpe-roberta", root =>
        {
            root["added_tokens"] = new JsonArray();
            root["post_processor"] = null;
            root["model"] = JsonNode.Parse($$"""{"type":"BPE","vocab":{{Vocabulary}},"merges":["a b"],{{unknown}}}""");
        });
        var tokens = new TokenSequence();
        Make("\"unk_token\":null").Encode("axb", s_bare, tokens);
        Assert.Equal([2], tokens.Ids.ToArray());
        Assert.Equal([new TokenOffset(0, 2)], tokens.Offsets.ToArray());
        Make("\"unk_token\":\"?\"").Encode("axyb", s_bare, tokens);
        Assert.Equal([0, 3, 3, 1], tokens.Ids.ToArray());
        Make("\"unk_token\":\"?\",\"fuse_unk\":true").Encode("axyb", s_bare, tokens);
        Assert.Equal([0, 3, 1], tokens.Ids.ToArray());
        Assert.Equal([new TokenOffset(0, 1), new TokenOffset(1, 3), new TokenOffset(3, 4)], tokens.Offsets.ToArray());
        Make("\"unk_token\":\"?\",\"ignore_merges\":true").Encode("ab", s_bare, tokens);
        Assert.Equal([2], tokens.Ids.ToArray());
    }

    [Fact]
    public void A_megabyte_of_marks_or_of_one_letter_takes_no_square_of_time()
    {
        // A square of this length would be 10^12 steps: the test would not end.
        string marks = string.Concat(Enumerable.Repeat("\u0301\u0323", 500_000)), letters = new('a', 1_000_000);
        var tokens = new TokenSequence();
        foreach (string name in TokenizerFixtures.Names.Select(row => row.Data))
        {
            ITokenizer tokenizer = TokenizerFixtures.Load(name);
            tokenizer.Encode(marks, s_bare, tokens);
            tokenizer.Encode(letters, s_bare, tokens);
            Assert.InRange(tokens.Count, 1, letters.Length);
        }
    }

    [Fact]
    public void A_length_without_room_for_special_tokens_is_refused()
    {
        ITokenizer tokenizer = TokenizerFixtures.Load("bytebpe-roberta");
        var tokens = new TokenSequence();
        ArgumentException refusal = Assert.Throws<ArgumentException>(() => tokenizer.Encode("a", "b", new TokenizerOptions { MaxLength = 3 }, tokens));
        Assert.StartsWith("the longest sequence is 3 tokens, expected at least 4", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(3, 20, 10, 3, 7)]
    [InlineData(20, 3, 10, 7, 3)]
    [InlineData(20, 21, 11, 5, 6)]
    [InlineData(21, 20, 11, 6, 5)]
    [InlineData(5, 5, 10, 5, 5)]
    [InlineData(4, 9, 0, 0, 0)]
    [InlineData(0, 9, 4, 0, 4)]
    [InlineData(6, 6, 7, 3, 4)]
    public void The_longer_text_is_cut_first(int first, int second, int limit, int expectedFirst, int expectedSecond) =>
        Assert.Equal((expectedFirst, expectedSecond), LongestFirst.Lengths(first, second, limit));

    [Theory]
    [InlineData(true, 0, 0, 5, 1, 0, 0, 5)] // the space was put there
    [InlineData(true, 3, 0, 5, 1, 0, 0, 5)] // so at the start of a text, whichever token it is
    [InlineData(true, 0, 0, 5, 2, 0, 2, 5)] // of two spaces both were in the text
    [InlineData(true, 1, 7, 9, 1, 0, 8, 9)]
    [InlineData(false, 0, 0, 5, 1, 0, 1, 5)]
    [InlineData(false, 2, 4, 5, 1, 1, 5, 5)] // a token that is only a space
    [InlineData(false, 2, 4, 9, 0, 2, 4, 7)]
    [InlineData(false, 0, 0, 1, 0, 2, 0, 1)] // more blanks than the text has before the end
    public void Blanks_are_taken_off_spans(bool addsPrefixSpace, int index, int start, int end, int leading, int trailing, int expectedStart, int expectedEnd) =>
        Assert.Equal(new TokenOffset(expectedStart, expectedEnd), new OffsetTrimming(true, addsPrefixSpace).Apply(index, start, end, new SpaceCount(leading, trailing)));
}
