using System.Text;
using System.Text.Json.Nodes;
using MergeEngine.Models.Tokenizers;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Tokenizers;

/// <summary>A broken file is refused with one sentence that names it and the key.</summary>
public sealed class BadTokenizerTests : IDisposable
{
    private const string Words = """{"type":"WordPiece","unk_token":"u","continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":{"u":0,"a":1,"##b":2}}""";
    private const string Bytes = """{"type":"BPE","merges":["a b"],"vocab":{"a":0,"b":1,"ab":2}}""";

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void The_files_that_the_tests_break_are_whole()
    {
        Assert.Equal([1, 2, 0], Encode(Json(Words, "BertPreTokenizer"), "ab c"));
        Assert.Equal([2, 0], Encode(Json(Bytes, "ByteLevel"), "abca"));
    }

    [Theory]
    [InlineData("model", "7", "\"model\" is 7, expected an object")]
    [InlineData("model", "null", "\"model\" is missing")]
    [InlineData("model.type", "\"Unigram\"", "of kind \"Unigram\", expected WordPiece, byte-level BPE or CLIP's BPE")]
    [InlineData("model.type", "\"WordLevel\"", "of kind \"WordLevel\"")]
    [InlineData("model.type", "3", "\"model.type\" is 3, expected a text")]
    [InlineData("model.vocab", "null", "\"model.vocab\" is missing")]
    [InlineData("model.vocab", "[]", "\"model.vocab\" is a JSON array, expected an object from token to id")]
    [InlineData("model.vocab", "{}", "\"model.vocab\" is empty")]
    [InlineData("model.vocab.a", "-1", "token \"a\" of \"model.vocab\" is -1, expected an id of 0 or more")]
    [InlineData("model.vocab.a", "1.5", "token \"a\" of \"model.vocab\" is 1.5")]
    [InlineData("model.vocab.a", "4294967296", "token \"a\" of \"model.vocab\" is 4294967296")]
    [InlineData("model.vocab.a", "\"1\"", "token \"a\" of \"model.vocab\" is \"1\"")]
    [InlineData("model.vocab.a", "2", "tokens \"a\" and \"##b\" of \"model.vocab\" both have id 2")]
    [InlineData("model.unk_token", "\"[UNK]\"", "the unknown token \"[UNK]\" is not in the vocabulary")]
    [InlineData("model.max_input_chars_per_word", "-1", "\"model.max_input_chars_per_word\" is -1")]
    [InlineData("normalizer", "[]", "\"normalizer\" is [], expected an object")]
    [InlineData("normalizer", """{"type":"Precompiled"}""", "\"normalizer.type\" is \"Precompiled\", expected BertNormalizer")]
    [InlineData("normalizer", """{"type":"BertNormalizer","lowercase":1}""", "\"normalizer.lowercase\" is 1, expected true or false")]
    [InlineData("normalizer", """{"type":"Sequence","normalizers":[5]}""", "\"normalizer.normalizers[0]\" is a JSON number")]
    [InlineData("normalizer", """{"type":"Replace","pattern":{"Regex":"(a+)+$"},"content":" "}""", "\"normalizer.pattern\" is {\"Regex\":\"(a+)+$\"}, expected \\s+")]
    [InlineData("pre_tokenizer", "null", "\"pre_tokenizer\" is missing, expected BertPreTokenizer")]
    [InlineData("pre_tokenizer", """{"type":"Metaspace"}""", "\"pre_tokenizer.type\" is \"Metaspace\", expected BertPreTokenizer")]
    [InlineData("pre_tokenizer", """{"type":"ByteLevel"}""", "\"pre_tokenizer.type\" is \"ByteLevel\", expected BertPreTokenizer")]
    [InlineData("added_tokens", "{}", "\"added_tokens\" is {}, expected a list")]
    [InlineData("added_tokens", "[1]", "\"added_tokens[0]\" is a JSON number")]
    [InlineData("added_tokens", """[{"id":-1,"content":"x"}]""", "\"added_tokens[0].id\" is -1")]
    [InlineData("added_tokens", """[{"id":5}]""", "\"added_tokens[0].content\" is missing")]
    [InlineData("added_tokens", """[{"id":1,"content":"x"}]""", "the added token \"x\" has id 1, which is another token's")]
    [InlineData("added_tokens", """[{"id":9,"content":"x"},{"id":9,"content":"y"}]""", "the added token \"y\" has id 9")]
    [InlineData("added_tokens", """[{"id":9,"content":"x","lstrip":"no"}]""", "\"added_tokens[0].lstrip\" is \"no\", expected true or false")]
    [InlineData("post_processor", """{"type":"Fancy"}""", "\"post_processor.type\" is \"Fancy\"")]
    [InlineData("post_processor", """{"type":"BertProcessing","cls":["u"],"sep":["u",0]}""", "\"post_processor.cls\" is [\"u\"], expected a token and its id")]
    [InlineData("post_processor", """{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"c"}}],"pair":[]}""", "\"post_processor.single[0].SpecialToken.id\" is \"c\", which is not in \"special_tokens\"")]
    [InlineData("post_processor", """{"type":"TemplateProcessing","single":[],"pair":[]}""", "\"post_processor.single\" is [], expected one sequence A")]
    [InlineData("post_processor", """{"type":"TemplateProcessing","single":[{"Sequence":{"id":"C"}}],"pair":[]}""", "\"post_processor.single[0].Sequence.id\" is \"C\", expected A or B")]
    [InlineData("padding", """{"pad_id":-3}""", "\"padding.pad_id\" is -3")]
    public void A_wordpiece_file_with_one_wrong_value_is_refused(string key, string value, string sentence) =>
        Refuses(Set(Json(Words, "BertPreTokenizer"), key, value), sentence);

    [Theory]
    [InlineData("model.merges", "null", "\"model.merges\" is missing, expected a list")]
    [InlineData("model.merges", "[\"a b c\"]", "\"model.merges[0]\" is no pair")]
    [InlineData("model.merges", "[\"a b\",[\"a\"]]", "\"model.merges[1]\" is no pair")]
    [InlineData("model.merges", "[[\"a\",1]]", "\"model.merges[0]\" is no pair")]
    [InlineData("model.merges", "[\"a x\"]", "\"model.merges[0]\" needs \"x\", which is not in the vocabulary")]
    [InlineData("model.merges", "[\"b a\"]", "\"model.merges[0]\" needs \"ba\", which is not in the vocabulary")]
    [InlineData("model.unk_token", "\"<unk>\"", "the unknown token \"<unk>\" is not in the vocabulary")]
    [InlineData("model.dropout", "0.1", "\"model.dropout\" is 0.1, expected none")]
    [InlineData("model.byte_fallback", "true", "falls back to bytes as SentencePiece does")]
    [InlineData("pre_tokenizer", """{"type":"Metaspace"}""", "\"pre_tokenizer.type\" is \"Metaspace\", expected ByteLevel")]
    [InlineData("pre_tokenizer", """{"type":"Sequence","pretokenizers":[]}""", "expected ByteLevel")]
    [InlineData("pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"(a+)+$"},"behavior":"Removed","invert":true},{"type":"ByteLevel"}]}""", "expected CLIP's expression")]
    public void A_byte_pair_file_with_one_wrong_value_is_refused(string key, string value, string sentence) =>
        Refuses(Set(Json(Bytes, "ByteLevel"), key, value), sentence);

    [Theory]
    [InlineData("", "is not valid JSON at line 1")]
    [InlineData("[]", "is a JSON array, expected an object")]
    [InlineData("{\"model\":", "is not valid JSON at line 1")]
    [InlineData("{\"model\":{\"type\":\"\\ud800\"}}", "the text at byte 17 is not Unicode")]
    [InlineData("{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":1,\"a\":2}}}", "token \"a\" stands in \"model.vocab\" twice")]
    public void A_file_that_is_no_tokenizer_is_refused(string json, string sentence) => Refuses(json, sentence);

    [Fact]
    public void Nested_sequences_end_where_json_does()
    {
        string nested = string.Concat(Enumerable.Repeat("""{"type":"Sequence","normalizers":[""", 100)) + string.Concat(Enumerable.Repeat("]}", 100));
        Refuses(Json(Words, "BertPreTokenizer").Replace("\"normalizer\":null", $"\"normalizer\":{nested}", StringComparison.Ordinal), "is not valid JSON at line 1");
    }

    [Fact]
    public void Merges_that_lead_in_circles_end()
    {
        // "" + a gives a again: every merge takes a symbol away, so even this comes to an end.
        const string Model = """{"type":"BPE","merges":[["a",""],["","a"],["a","a"]],"vocab":{"":0,"a":1,"aa":2}}""";
        Assert.Equal([2, 2], Encode(Json(Model, "ByteLevel"), "aaaa"));
    }

    [Theory]
    [InlineData("spiece.model", "is a SentencePiece model, expected WordPiece, byte-level BPE or CLIP's BPE")]
    [InlineData("model.safetensors", "holds no tokenizer, expected tokenizer.json, or vocab.txt, or vocab.json with merges.txt")]
    public void A_directory_without_a_known_tokenizer_is_refused(string file, string sentence)
    {
        File.WriteAllText(_directory.File(file), "");
        Assert.Contains(sentence, Assert.Throws<ModelException>(() => Tokenizer.Load(_directory.Path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("T5Tokenizer", "vocab.txt", "[CLS]\n[SEP]\n[UNK]\n", "the tokenizer is a \"T5Tokenizer\"")]
    [InlineData("BertTokenizer", "vocab.txt", "[CLS]\n[UNK]\n", "\"[SEP]\", the \"sep_token\", is not in the vocabulary")]
    [InlineData("BertTokenizer", "vocab.txt", "", "is empty, expected a token a line")]
    public void A_vocabulary_that_does_not_fit_its_config_is_refused(string kind, string file, string lines, string sentence)
    {
        File.WriteAllText(_directory.File("tokenizer_config.json"), $$"""{"tokenizer_class":"{{kind}}"}""");
        File.WriteAllText(_directory.File(file), lines);
        Assert.Contains(sentence, Assert.Throws<ModelException>(() => Tokenizer.Load(_directory.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_vocabulary_that_is_not_utf8_is_refused()
    {
        File.WriteAllBytes(_directory.File("vocab.txt"), [.. Encoding.UTF8.GetBytes("[CLS]\n"), 0xFF]);
        Assert.Contains("byte 6 is not UTF-8", Assert.Throws<ModelException>(() => Tokenizer.Load(_directory.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_merge_that_is_no_pair_is_named_by_its_line()
    {
        File.WriteAllText(_directory.File("vocab.json"), """{"a":0,"b":1,"ab":2,"<|endoftext|>":3}""");
        File.WriteAllText(_directory.File("merges.txt"), "#version: 0.2\na b\nab\n");
        Assert.Contains("merges.txt: line 3 is \"ab\", expected two tokens", Assert.Throws<ModelException>(() => Tokenizer.Load(_directory.Path)).Message, StringComparison.Ordinal);
    }

    private static string Json(string model, string preTokenizer) =>
        $$"""{"added_tokens":[],"normalizer":null,"pre_tokenizer":{"type":"{{preTokenizer}}","add_prefix_space":false},"post_processor":null,"padding":null,"model":{{model}}}""";

    private static string Set(string json, string key, string value)
    {
        JsonNode root = JsonNode.Parse(json)!, place = root;
        string[] keys = key.Split('.');
        foreach (string step in keys[..^1]) place = place[step]!;
        place[keys[^1]] = JsonNode.Parse(value);
        return root.ToJsonString(new System.Text.Json.JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    }

    private int[] Encode(string json, string text)
    {
        var tokens = new TokenSequence();
        Load(json).Encode(text, TokenizerOptions.Default, tokens);
        return tokens.Ids.ToArray();
    }

    private ITokenizer Load(string json)
    {
        string path = _directory.File("tokenizer.json");
        File.WriteAllText(path, json);
        return Tokenizer.Load(path);
    }

    private void Refuses(string json, string sentence)
    {
        string message = Assert.Throws<ModelException>(() => Load(json)).Message;
        Assert.StartsWith(_directory.File("tokenizer.json"), message, StringComparison.Ordinal);
        Assert.Contains(sentence, message, StringComparison.Ordinal);
        Assert.EndsWith(".", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }
}
