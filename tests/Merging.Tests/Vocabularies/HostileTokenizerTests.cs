using System.Text;
using MergeEngine.Merging.Streaming.Planning;

namespace MergeEngine.Merging.Tests.Vocabularies;

/// <summary>Tokenizers are untrusted: whatever is in them, there is one sentence or a plan.</summary>
public sealed class HostileTokenizerTests
{
    private const string Recipe = "merge_method: linear\nmodels: [{model: models/base, parameters: {weight: 1}}]\ntokenizer: {source: union, tokens: {'<more>': {}}}";

    private static IEnumerable<string> Problems(byte[] tokenizer, string name = "tokenizer.json")
    {
        using var models = new TokenModels();
        models.Write("base", 0, 4, null);
        File.WriteAllBytes(models.File($"models/base/{name}"), tokenizer);
        return [.. models.ProblemsOf(Recipe)];
    }

    [Theory]
    [InlineData("", "is not valid JSON of at most 64 levels near its byte 0, expected one object.")]
    [InlineData("[]", "the file is a list, expected an object.")]
    [InlineData("{}", "there is no \"vocab\" in a \"model\", expected a tokenizer.")]
    [InlineData("""{"model": 3}""", "\"model\" is the number 3, expected an object.")]
    [InlineData("""{"model": {"vocab": 3}}""", "\"vocab\" is the number 3, expected an object from token to id or a list of tokens with scores.")]
    [InlineData("""{"model": {"vocab": {}}}""", "the vocabulary is empty, expected tokens.")]
    [InlineData("""{"model": {"vocab": {"a": -1}}}""", "the token \"a\" is the number -1, expected an id of 0 or more.")]
    [InlineData("""{"model": {"vocab": {"a": 1e30}}}""", "the token \"a\" is the number 1e30, expected an id of 0 or more.")]
    [InlineData("""{"model": {"vocab": {"a": 2147483647}}}""", "the token \"a\" is the number 2147483647, expected an id of 0 or more.")]
    [InlineData("""{"model": {"vocab": {"a": "0"}}}""", "the token \"a\" is a string, expected an id of 0 or more.")]
    [InlineData("""{"model": {"vocab": {"a": 0, "b": 2000000000}}}""", "the token \"b\" has the id 2000000000, expected ids near the number of tokens, 2.")]
    [InlineData("""{"model": {"vocab": {"a": 0, "b": 0}}}""", "the tokens \"a\" and \"b\" both have the id 0, expected one of its own for each.")]
    [InlineData("""{"model": {"vocab": {"a": 0, "a": 1}}}""", "the token \"a\" stands in the vocabulary twice, expected it once.")]
    [InlineData("""{"model": {"vocab": {"a": 0}}, "model": {}}""", "\"model\" stands twice in the file, expected it once.")]
    [InlineData("""{"model": {"vocab": {"\ud800": 0}}}""", "holds half a surrogate pair near its byte")]
    [InlineData("""{"model": {"vocab": [["a", "x"]]}}""", "the score of \"a\" is a string, expected a number.")]
    [InlineData("""{"model": {"vocab": [["a"]]}}""", "the score of \"a\" is missing, expected a number.")]
    [InlineData("""{"model": {"vocab": [["a", 1, 2]]}}""", "entry 0 of \"vocab\" is the number 2, expected a token with its score and nothing else.")]
    [InlineData("""{"model": {"vocab": {"a": 0}}, "added_tokens": {}}""", "\"added_tokens\" is an object, expected a list.")]
    [InlineData("""{"model": {"vocab": {"a": 0}}, "added_tokens": [3]}""", "added token 0 is the number 3, expected an object.")]
    [InlineData("""{"model": {"vocab": {"a": 0}}, "added_tokens": [{"id": 1}]}""", "added token 0 has no \"content\", expected both.")]
    [InlineData("""{"model": {"vocab": {"a": 0}}, "added_tokens": [{"id": 1, "content": "b", "special": 1}]}""", "special of added token 0 is the number 1, expected true or false.")]
    [InlineData("""{"model": {"vocab": {"a": 0}}, "added_tokens": [{"id": 1, "content": "b"}, {"id": 2, "content": "b"}]}""", "the token \"b\" stands among the added tokens twice, expected it once.")]
    [InlineData("""{"model": {"vocab": {"a": 0}}, "added_tokens": [{"id": 1, "content": "a"}]}""", "the added token \"a\" has the id 1, expected 0 as in the vocabulary.")]
    [InlineData("""{"model": {"vocab": {"a": 0}}, "added_tokens": [{"id": 0, "content": "b"}]}""", "the tokens \"a\" and \"b\" both have the id 0, expected one of its own for each.")]
    public void A_broken_tokenizer_is_one_sentence(string json, string sentence)
    {
        string problem = Assert.Single(Problems(Encoding.UTF8.GetBytes(json)));
        Assert.StartsWith("models/base/tokenizer.json: ", problem, StringComparison.Ordinal);
        Assert.Contains(sentence, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Depth_and_bytes_that_are_no_text_are_refused()
    {
        Assert.Contains("is not valid JSON of at most 64 levels", Assert.Single(Problems(Encoding.UTF8.GetBytes($"{{\"x\": {new string('[', 100_000)}"))), StringComparison.Ordinal);
        Assert.Contains("is not UTF-8, expected JSON.", Assert.Single(Problems([(byte)'{', 0xff, (byte)'}'])), StringComparison.Ordinal);
        Assert.Contains("vocab.txt: byte 1 is not UTF-8, expected a text file.", Assert.Single(Problems([(byte)'a', 0xff], "vocab.txt")), StringComparison.Ordinal);
        Assert.Contains("vocab.json: the token \"a\" is null, expected an id of 0 or more.", Assert.Single(Problems("""{"a": null}"""u8.ToArray(), "vocab.json")), StringComparison.Ordinal);
        Assert.Equal(
            "models/base/tokenizer.model: the directory has its tokenizer only in this form, expected a tokenizer.json beside it, which transformers' AutoTokenizer writes with save_pretrained.",
            Assert.Single(Problems([1, 2, 3], "tokenizer.model")));
    }

    /// <summary>The output's tokenizer is made of these files, and merges are published: a link must not carry a file of this machine into one.</summary>
    [Theory]
    [InlineData("tokenizer.json")]
    [InlineData("chat_template.jinja")]
    public void Links_that_lead_out_of_the_model_are_refused(string name)
    {
        using var models = new TokenModels();
        const string tokenizer = """{"model": {"vocab": {"a": 0, "b": 1}}}""";
        models.Write("base", 0, 4, name == "tokenizer.json" ? null : tokenizer);
        File.WriteAllText(models.File("private"), tokenizer);
        File.CreateSymbolicLink(models.File($"models/base/{name}"), models.File("private"));
        Assert.Equal($"models/base/{name}: is a link that leads out of the model's directory, expected a file of the model.", Assert.Single(models.ProblemsOf(Recipe)));
        File.Delete(models.File($"models/base/{name}"));
        File.Move(models.File("private"), models.File("models/base/other"));
        File.CreateSymbolicLink(models.File($"models/base/{name}"), "other");
        using MergeJob job = models.Plan(Recipe);
        Assert.NotNull(job.Vocabulary);
    }

    [Fact]
    public void A_merge_that_is_none_is_refused_where_merges_are_read()
    {
        using var models = new TokenModels();
        models.Write("base", 0, 1, """{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}""");
        models.Write("one", 0, 2, """{"model": {"type": "BPE", "vocab": {"a": 0, "aa": 1}, "merges": ["a a a"]}}""");
        string recipe = "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: models/base}, {model: models/one}]\ntokenizer_source: union";
        Assert.Equal("models/one/tokenizer.json: merge 0 is not two tokens.", Assert.Single(models.ProblemsOf(recipe)));
    }

    /// <summary>Any bytes changed anywhere: a plan, or sentences; no other exception.</summary>
    [Fact]
    public void Changed_bytes_never_end_in_anything_but_a_plan_or_sentences()
    {
        using var models = new TokenModels();
        models.Write("base", 0, 4, null);
        byte[] start = Encoding.UTF8.GetBytes(
            """{"added_tokens":[{"id":3,"content":"<x>","special":true}],"model":{"type":"BPE","continuing_subword_prefix":"","vocab":{"a":0,"b":1,"ab":2},"merges":[["a","b"]]}}""");
        byte[] config = """{"added_tokens_decoder":{"3":{"content":"<x>","special":true}},"pad_token":"<x>","additional_special_tokens":["<x>"]}"""u8.ToArray();
        var random = new Random(11);
        int plans = 0, refusals = 0;
        string[] pieces = ["\"", "{", "}", "[", "]", ":", ",", "0", "9", "-", "null", "\\u", "\\ud800", "a", "<x>", "id", " "];
        for (int i = 0; i < 1000; i++)
        {
            var bytes = new List<byte>(i % 4 == 3 ? config : start);
            for (int n = random.Next(1, 4); n > 0; n--)
            {
                int at = random.Next(bytes.Count);
                if (random.Next(3) == 0) bytes[at] = (byte)random.Next(256);
                else if (random.Next(2) == 0) bytes.RemoveRange(at, Math.Min(random.Next(1, 6), bytes.Count - at));
                else bytes.InsertRange(at, Encoding.UTF8.GetBytes(pieces[random.Next(pieces.Length)]));
                if (bytes.Count == 0) break;
            }

            File.WriteAllBytes(models.File("models/base/tokenizer.json"), i % 4 == 3 ? start : [.. bytes]);
            File.WriteAllBytes(models.File("models/base/tokenizer_config.json"), i % 4 == 3 ? [.. bytes] : config);
            try
            {
                using MergeJob job = models.Plan(Recipe);
                plans++;
            }
            catch (PlanningException e)
            {
                Assert.All(e.Problems, p => Assert.EndsWith(".", p, StringComparison.Ordinal));
                refusals++;
            }
        }

        Assert.InRange(plans, 30, 970);
        Assert.InRange(refusals, 30, 970);
    }
}
