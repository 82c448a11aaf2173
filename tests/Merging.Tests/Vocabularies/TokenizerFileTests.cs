using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Models.Tokenizers;

namespace MergeEngine.Merging.Tests.Vocabularies;

/// <summary>The tokenizer files of an output: new tokens and their rules are in them, and nothing else is changed.</summary>
public sealed class TokenizerFileTests
{
    private const string Recipe = "merge_method: linear\nbase_model: models/base\nmodels: [{model: models/base, parameters: {weight: 1}}, {model: models/one, parameters: {weight: 1}}]\n";

    private static string BytePairs(string vocab, string merges, string added = "") =>
        $$"""
        {
          "version": "1.0",
          "truncation": null,
          "added_tokens": [{{added}}],
          "normalizer": null,
          "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
          "post_processor": null,
          "decoder": {"type": "ByteLevel"},
          "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false,
            "vocab": {
              {{vocab}}
            },
            "merges": [
              {{merges}}
            ]
          },
          "kept": 1.50e+3
        }
        """;

    private static string Added(string text, int id) => $$"""{"id": {{id}}, "content": "{{text}}", "single_word": false, "lstrip": true, "rstrip": false, "normalized": false, "special": true}""";

    private static Dictionary<string, string> Texts(MergeJob job) => job.Vocabulary!.Files.ToDictionary(f => f.Key, f => Encoding.UTF8.GetString(f.Value.Span));

    private static int[] Encode(string directory, string text)
    {
        var output = new TokenSequence();
        Tokenizer.Load(directory).Encode(text, new TokenizerOptions(), output);
        return output.Ids.ToArray();
    }

    /// <summary>
    /// The base knows an added token behind its vocabulary, so that new ordinary tokens come behind that; a reader gives every token the id of the file all the same. The merges of the
    /// other model stand last: where the base merges otherwise, it still does.
    /// </summary>
    [Theory]
    [InlineData("\"a b\"", "\"b c\",\n\"a bc\", \"abc d\", \"a b\"", "\"a bc\"")]
    [InlineData("[\"a\", \"b\"]", "[\"b\", \"c\"], [\"a\", \"bc\"], [\"abc\", \"d\"]", "[\"a\", \"bc\"]")]
    public void New_ordinary_tokens_of_byte_pairs_bring_their_merges(string baseMerges, string otherMerges, string merge)
    {
        using var models = new TokenModels();
        models.Write("base", 0, 6, BytePairs("\"a\": 0, \"b\": 1, \"c\": 2, \"d\": 3, \"ab\": 4", baseMerges, Added("<x>", 5)));
        models.Write("one", 1, 8, BytePairs("\"bc\": 0, \"a\": 1, \"b\": 2, \"c\": 3, \"d\": 4, \"abc\": 5, \"abcd\": 6", otherMerges, Added("<y>", 7)));
        using MergeJob job = models.Plan($"{Recipe}tokenizer_source: union");
        string text = Texts(job)["tokenizer.json"];
        Dictionary<string, int> tokens = TokenTable.Read(job.Vocabulary!.Files["tokenizer.json"].Span);
        Assert.Equal(["a", "b", "c", "d", "ab", "<x>", "bc", "abc", "abcd", "<y>"], tokens.OrderBy(t => t.Value).Select(t => t.Key));
        JsonNode file = JsonNode.Parse(text)!;
        Assert.Equal(4, file["model"]!["merges"]!.AsArray().Count);
        Assert.Contains(merge, text, StringComparison.Ordinal);
        Assert.True(file["added_tokens"]![1]!["lstrip"]!.GetValue<bool>());

        // All the rest is there byte for byte.
        Assert.Contains("\"kept\": 1.50e+3\n}", text, StringComparison.Ordinal);
        Assert.StartsWith("{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n", text, StringComparison.Ordinal);
        Assert.Contains("\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": true},", text, StringComparison.Ordinal);

        string output = models.File("output");
        Directory.CreateDirectory(output);
        File.WriteAllText(Path.Combine(output, "tokenizer.json"), text);
        Assert.Equal([tokens["ab"], tokens["c"]], Encode(output, "abc"));
        Assert.Equal([tokens["bc"], tokens["d"]], Encode(output, "bcd"));
        Assert.Equal([tokens["ab"], tokens["<y>"]], Encode(output, "ab<y>"));
        Assert.Contains(job.Notes, n => n.Contains("3 merges for new tokens stand behind those of", StringComparison.Ordinal));
    }

    [Fact]
    public void What_does_not_change_is_copied_byte_for_byte()
    {
        using var models = new TokenModels();
        models.Write("base", 0, 6, BytePairs("\"a\": 0, \"b\": 1", "", Added("<x>", 2)));
        models.Write("one", 1, 3, BytePairs("\"a\": 0, \"b\": 1", "", Added("<x>", 2)));
        File.WriteAllText(models.File("models/base/tokenizer_config.json"), """{"model_max_length": 1000000000000000019884624838656,"a":  1}""");
        using MergeJob job = models.Plan($"{Recipe}tokenizer_source: union");
        Assert.Equal(["tokenizer.json", "tokenizer_config.json"], job.Vocabulary!.Files.Keys.Order());
        foreach ((string name, string text) in Texts(job)) Assert.Equal(File.ReadAllText(models.File($"models/base/{name}")), text);
    }

    [Fact]
    public void Tokens_that_go_take_their_merges_names_and_entries_along()
    {
        using var models = new TokenModels();
        models.Write("base", 0, 4, BytePairs("\"a\": 0, \"b\": 1, \"c\": 2, \"ab\": 3, \"bc\": 4", "\"a b\", \"b c\"", $"{Added("<pad>", 5)}, {Added("<e>", 6)}"));
        models.Write("one", 1, 4, null);
        File.WriteAllText(models.File("models/base/tokenizer_config.json"), $$"""
            {"added_tokens_decoder": {"5": {"content": "<pad>", "special": true}, "6": {"content": "<e>", "special": true} },
             "pad_token": "<pad>", "eos_token": {"content": "<e>"}, "bos_token": "<never known>", "additional_special_tokens": ["<e>", "<other>"], "model_max_length": 1000000000000000019884624838656}
            """);
        using MergeJob job = models.Plan($"{Recipe}tokenizer: {{source: base, tokens: {{'<e>': {{}}}}}}");
        Dictionary<string, string> texts = Texts(job);
        Assert.Equal(["a", "b", "c", "ab", "<e>"], TokenTable.Read(job.Vocabulary!.Files["tokenizer.json"].Span).OrderBy(t => t.Value).Select(t => t.Key));
        Assert.Equal(["a b"], JsonNode.Parse(texts["tokenizer.json"])!["model"]!["merges"]!.AsArray().Select(m => m!.GetValue<string>()));
        JsonObject config = JsonNode.Parse(texts["tokenizer_config.json"])!.AsObject();
        Assert.Equal(["4"], config["added_tokens_decoder"]!.AsObject().Select(t => t.Key));
        Assert.False(config.ContainsKey("pad_token"));
        Assert.Equal(["<e>", "<other>"], config["additional_special_tokens"]!.AsArray().Select(t => t!.GetValue<string>()));
        Assert.Equal("<never known>", config["bos_token"]!.GetValue<string>());
        Assert.Contains("1000000000000000019884624838656", texts["tokenizer_config.json"], StringComparison.Ordinal);
    }

    /// <summary>In a Unigram vocabulary the place in the list is the id, so added tokens before new pieces take a place too.</summary>
    [Fact]
    public void New_pieces_of_a_unigram_model_bring_their_scores()
    {
        string Pieces(string vocab, string added) => $$$"""{"added_tokens":[{{{added}}}],"model":{"type":"Unigram","unk_id":0,"vocab":[{{{vocab}}}]}}""";
        using var models = new TokenModels();
        models.Write("base", 0, 3, Pieces("[\"<unk>\",0.0],[\"a\",-1.5]", Added("<x>", 2)));
        models.Write("one", 1, 4, Pieces("[\"<unk>\",0.0],[\"a\",-1.5],[\"b\",-2.25],[\"c\",-3]", ""));
        using MergeJob job = models.Plan($"{Recipe}tokenizer_source: union");
        Assert.Equal("""{"added_tokens":[""" + Added("<x>", 2) + """],"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0.0],["a",-1.5],["<x>", -11.5],["b", -2.25],["c", -3]]}}""", Texts(job)["tokenizer.json"]);
        Assert.Equal(5, TokenTable.Read(job.Vocabulary!.Files["tokenizer.json"].Span).Count);
    }

    /// <summary>The older files of byte pairs, and those of BERT, without a tokenizer.json.</summary>
    [Fact]
    public void Older_files_are_read_and_written()
    {
        using var models = new TokenModels();
        models.Write("base", 0, 4, null);
        models.Write("one", 1, 5, null);
        File.WriteAllText(models.File("models/base/vocab.json"), """{"a":0,"b":1,"c":2}""");
        File.WriteAllText(models.File("models/base/merges.txt"), "#version: 0.2\na b\n");
        File.WriteAllText(models.File("models/base/added_tokens.json"), """{"<x>": 3}""");
        File.WriteAllText(models.File("models/one/vocab.json"), """{"c":0,"b":1,"bc":2,"a":3}""");
        File.WriteAllText(models.File("models/one/merges.txt"), "#version: 0.2\nb c\na a\n");
        File.WriteAllText(models.File("models/one/added_tokens.json"), """{"<y>": 4}""");
        using MergeJob job = models.Plan($"{Recipe}tokenizer_source: union");
        Dictionary<string, string> texts = Texts(job);
        Assert.Equal("""{"a":0,"b":1,"c":2,"bc": 4}""", texts["vocab.json"]);
        Assert.Equal("#version: 0.2\na b\nb c\n", texts["merges.txt"]);
        Assert.Equal("""{"<x>": 3,"<y>": 5}""", texts["added_tokens.json"]);

        using var bert = new TokenModels();
        bert.Write("base", 0, 3, null);
        bert.Write("one", 1, 4, null);
        File.WriteAllText(bert.File("models/base/vocab.txt"), "[PAD]\r\n[UNK]\r\na\r\nbeyond\r\n");
        File.WriteAllText(bert.File("models/one/vocab.txt"), "[PAD]\n[UNK]\nb\na");
        using MergeJob words = bert.Plan($"{Recipe}tokenizer_source: union");
        Assert.Equal("[PAD]\n[UNK]\na\nb\n", Texts(words)["vocab.txt"]);
    }

    /// <summary>A SentencePiece model cannot be written anew: it stays while only added tokens change, and goes where pieces do.</summary>
    [Fact]
    public void A_sentencepiece_model_is_left_out_where_it_no_longer_fits()
    {
        using var models = new TokenModels();
        models.Write("base", 0, 2, TokenModels.Words("a", "b"));
        models.Write("one", 1, 3, TokenModels.Words("a", "b", "c"));
        models.Write("two", 1, 3, TokenModels.Words("a", "b", "<c>"));
        File.WriteAllText(models.File("models/base/tokenizer.model"), "pieces");
        using MergeJob pieces = models.Plan($"{Recipe}tokenizer_source: union");
        Assert.DoesNotContain("tokenizer.model", pieces.Vocabulary!.Files.Keys);
        Assert.Contains(pieces.Notes, n => n.Contains("tokenizer.model is left out", StringComparison.Ordinal));
        using MergeJob added = models.Plan($"{Recipe.Replace("models/one", "models/two", StringComparison.Ordinal)}tokenizer_source: union");
        Assert.Equal("pieces", Texts(added)["tokenizer.model"]);
    }

    [Fact]
    public void A_file_without_added_tokens_gets_its_list()
    {
        using var models = new TokenModels();
        models.Write("base", 0, 1, """{ "model": {"vocab": {"a": 0}} }""");
        models.Write("one", 1, 2, TokenModels.Words("a", "<b>"));
        using MergeJob job = models.Plan($"{Recipe}tokenizer_source: union");
        Assert.Equal(new Dictionary<string, int> { ["a"] = 0, ["<b>"] = 1 }, TokenTable.Read(job.Vocabulary!.Files["tokenizer.json"].Span));
        using JsonDocument document = JsonDocument.Parse(job.Vocabulary.Files["tokenizer.json"]);
        Assert.True(document.RootElement.GetProperty("added_tokens")[0].GetProperty("special").GetBoolean());
    }
}
