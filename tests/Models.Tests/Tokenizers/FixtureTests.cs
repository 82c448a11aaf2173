using System.Text.Json;
using MergeEngine.Models.Tokenizers;

namespace MergeEngine.Models.Tests.Tokenizers;

/// <summary>Ids and offsets are the reference's, exactly: there is nothing to round.</summary>
public sealed class FixtureTests
{
    private static readonly TokenizerOptions s_bare = new() { AddSpecialTokens = false };

    public static TheoryData<string> Names => TokenizerFixtures.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_string_has_the_references_ids_and_offsets(string name)
    {
        ITokenizer tokenizer = TokenizerFixtures.Load(name);
        var tokens = new TokenSequence();
        var differences = new Differences();
        foreach (JsonElement line in TokenizerFixtures.Lines(name))
        {
            tokenizer.Encode(line.Text(), s_bare, tokens);
            // Spans too where NFC changes a text of CLIP's: they follow the reference's bookkeeping of changes.
            differences.Count(tokens.Ids.SequenceEqual(line.Numbers("ids")) && tokens.Offsets.SequenceEqual(line.Offsets()), line, tokens);
            tokenizer.Encode(line.Text(), TokenizerOptions.Default, tokens);
            differences.Count(tokens.Ids.SequenceEqual(line.Numbers("ids_special")), line, tokens);
        }

        differences.AreNone(atLeast: 4000);
    }

    [Theory]
    [InlineData("wordpiece-minilm")]
    [InlineData("wordpiece-cased")]
    [InlineData("bytebpe-roberta")]
    public void Pairs_have_the_references_types_masks_and_truncation(string name)
    {
        ITokenizer tokenizer = TokenizerFixtures.Load(name);
        var tokens = new TokenSequence();
        var differences = new Differences();
        foreach (JsonElement line in TokenizerFixtures.Lines($"pairs-{name}"))
        {
            Encode(tokenizer, line, TokenizerOptions.Default, tokens);
            differences.Count(IsSame(line, tokens), line, tokens);
            Encode(tokenizer, line, new TokenizerOptions { MaxLength = line.GetProperty("max_length").GetInt32() }, tokens);
            differences.Count(IsSame(line.GetProperty("truncated"), tokens), line, tokens);
        }

        differences.AreNone(atLeast: 600);
    }

    [Fact]
    public void Clips_usual_call_truncates_and_pads_with_its_end_mark()
    {
        ITokenizer tokenizer = TokenizerFixtures.Load("bytebpe-clip");
        var tokens = new TokenSequence();
        var differences = new Differences();
        foreach (JsonElement line in TokenizerFixtures.Lines("padded-bytebpe-clip"))
        {
            int length = line.GetProperty("max_length").GetInt32();
            tokenizer.Encode(line.Text(), new TokenizerOptions { MaxLength = length, PadToLength = length }, tokens);
            differences.Count(tokens.Ids.SequenceEqual(line.Numbers("ids")) && tokens.AttentionMask.SequenceEqual(line.Numbers("attention_mask")), line, tokens);
        }

        differences.AreNone(atLeast: 200);
    }

    private static void Encode(ITokenizer tokenizer, JsonElement line, TokenizerOptions options, TokenSequence tokens)
    {
        if (line.GetProperty("b").ValueKind == JsonValueKind.Null) tokenizer.Encode(line.Text("a"), options, tokens);
        else tokenizer.Encode(line.Text("a"), line.Text("b"), options, tokens);
    }

    private static bool IsSame(JsonElement expected, TokenSequence tokens) =>
        tokens.Ids.SequenceEqual(expected.Numbers("ids"))
        && tokens.TypeIds.SequenceEqual(expected.Numbers("type_ids"))
        && tokens.Offsets.SequenceEqual(expected.Offsets())
        && tokens.SpecialMask.ToArray().Select(isSpecial => isSpecial ? 1 : 0).SequenceEqual(expected.Numbers("special_mask"));

    /// <summary>Collects what differs, so that a failure shows more than the first line.</summary>
    private sealed class Differences
    {
        private readonly List<string> _lines = [];
        private int _compared;

        public void Count(bool isSame, JsonElement line, TokenSequence tokens)
        {
            _compared++;
            if (!isSame) _lines.Add($"{line.GetRawText()}\n  got {string.Join(' ', tokens.Ids.ToArray())} at {string.Join(' ', tokens.Offsets.ToArray().Select(o => $"{o.Start}-{o.End}"))}");
        }

        public void AreNone(int atLeast)
        {
            Assert.True(_lines.Count == 0, $"{_lines.Count} of {_compared} differ:\n{string.Join('\n', _lines.Take(5))}");
            Assert.InRange(_compared, atLeast, int.MaxValue);
        }
    }
}
