using System.Text.Json;
using System.Text.Json.Nodes;
using MergeEngine.Models.Tokenizers;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Tokenizers;

/// <summary>The same tokenizer from different files is the same tokenizer, on every string of its fixture.</summary>
public sealed class LoadingTests
{
    [Theory]
    [InlineData("wordpiece-cased")]
    [InlineData("bytebpe-roberta")]
    [InlineData("bytebpe-clip")]
    public void Vocabulary_files_make_the_tokenizer_of_tokenizer_json(string name)
    {
        using TemporaryDirectory directory = TokenizerFixtures.Unpack(name, without: "tokenizer.json");
        AreSame(TokenizerFixtures.Load(name), Tokenizer.Load(directory.Path), name);
    }

    [Theory]
    [InlineData("bytebpe-roberta")]
    [InlineData("bytebpe-clip")]
    public void Without_a_config_the_vocabulary_tells_the_kind(string name)
    {
        using TemporaryDirectory directory = TokenizerFixtures.Unpack(name, "tokenizer");
        AreSame(TokenizerFixtures.Load(name), Tokenizer.Load(directory.Path), name);
    }

    [Fact]
    public void Merges_written_as_text_are_the_merges_written_as_pairs()
    {
        using TemporaryDirectory directory = TokenizerFixtures.Unpack("bytebpe-roberta");
        AreSame(Tokenizer.Load(directory.Path), Tokenizer.Load(directory.File("tokenizer-string-merges.json")), "bytebpe-roberta");
    }

    [Theory]
    [InlineData("wordpiece-cased")]
    [InlineData("bytebpe-roberta")]
    public void A_model_without_its_kind_is_known_by_what_it_has(string name) =>
        AreSame(TokenizerFixtures.Load(name), Edited(name, root => root["model"]!.AsObject().Remove("type")), name);

    [Fact]
    public void Named_processors_are_the_templates_that_they_stand_for() => AreSame(
        TokenizerFixtures.Load("wordpiece-cased"),
        Edited("wordpiece-cased", root => root["post_processor"] = JsonNode.Parse("""{"type":"BertProcessing","cls":["[CLS]",2],"sep":["[SEP]",3]}""")),
        "pairs-wordpiece-cased");

    [Fact]
    public void Words_and_template_may_be_a_sequence_of_steps() => AreSame(
        TokenizerFixtures.Load("bytebpe-roberta"),
        Edited("bytebpe-roberta", root =>
        {
            root["pre_tokenizer"] = JsonNode.Parse("""{"type":"Sequence","pretokenizers":[{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true}]}""");
            root["post_processor"] = JsonNode.Parse("""
                {"type":"Sequence","processors":[
                  {"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true},
                  {"type":"TemplateProcessing",
                   "single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}],
                   "pair":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"two","type_id":0}},{"Sequence":{"id":"B","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}],
                   "special_tokens":{"<s>":{"id":"<s>","ids":[0],"tokens":["<s>"]},"</s>":{"id":"</s>","ids":[2],"tokens":["</s>"]},"two":{"id":"two","ids":[2,2],"tokens":["</s>","</s>"]}}}]}
                """);
        }),
        "pairs-bytebpe-roberta");

    [Fact]
    public void What_fills_up_is_what_the_files_say()
    {
        Assert.Equal(0, TokenizerFixtures.Load("wordpiece-minilm").PadId);
        Assert.Equal(1, TokenizerFixtures.Load("bytebpe-roberta").PadId);
        Assert.Equal(1499, TokenizerFixtures.Load("bytebpe-clip").PadId);
    }

    [Fact]
    public void Ids_and_sizes_are_told()
    {
        ITokenizer tokenizer = TokenizerFixtures.Load("bytebpe-roberta");
        Assert.Equal(3000, tokenizer.VocabularySize);
        Assert.Equal(2999, tokenizer.IdOf("<mask>"));
        Assert.Null(tokenizer.IdOf("no such token"));
        Assert.Equal((2, 4), (tokenizer.SpecialTokenCount(pair: false), tokenizer.SpecialTokenCount(pair: true)));
    }

    /// <summary>A tokenizer whose tokenizer.json was changed.</summary>
    internal static ITokenizer Edited(string name, Action<JsonNode> edit)
    {
        using TemporaryDirectory directory = TokenizerFixtures.Unpack(name);
        string path = directory.File("tokenizer.json");
        JsonNode root = JsonNode.Parse(File.ReadAllText(path))!;
        edit(root);
        File.WriteAllText(path, root.ToJsonString());
        return Tokenizer.Load(path);
    }

    private static void AreSame(ITokenizer expected, ITokenizer actual, string strings)
    {
        Assert.Equal((expected.VocabularySize, expected.PadId), (actual.VocabularySize, actual.PadId));
        var wanted = new TokenSequence();
        var got = new TokenSequence();
        foreach (JsonElement line in TokenizerFixtures.Lines(strings))
        {
            string first = line.TryGetProperty("text", out JsonElement text) ? text.GetString()! : line.Text("a");
            string? second = line.TryGetProperty("b", out JsonElement b) ? b.GetString() : null;
            foreach ((ITokenizer tokenizer, TokenSequence tokens) in ((ITokenizer, TokenSequence)[])[(expected, wanted), (actual, got)])
            {
                if (second is null) tokenizer.Encode(first, TokenizerOptions.Default, tokens);
                else tokenizer.Encode(first, second, TokenizerOptions.Default, tokens);
            }

            Assert.Equal(wanted.Ids.ToArray(), got.Ids.ToArray());
            Assert.Equal(wanted.TypeIds.ToArray(), got.TypeIds.ToArray());
            Assert.Equal(wanted.Offsets.ToArray(), got.Offsets.ToArray());
        }
    }
}
