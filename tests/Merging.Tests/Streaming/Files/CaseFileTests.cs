using System.Text.Json;
using System.Text.Json.Nodes;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Files;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Tests.Support;

namespace MergeEngine.Merging.Tests.Streaming.Files;

/// <summary>Files beside the weights against those that mergekit wrote, over the full set where it lies beside the repository.</summary>
public class CaseFileTests
{
    /// <summary>What mergekit's config.json should say and does not: defects of its own, and choices that vary from run to run.</summary>
    private static readonly Dictionary<string, (string Key, string Json)[]> s_right = new()
    {
        ["dtype-bf16-fp16"] = [("dtype", "\"float32\"")],
        ["dtype-mixed-tensors"] = [("dtype", "\"float32\"")],
        ["tied-untied"] = [("tie_word_embeddings", "false")],
        ["tied-untied-ta"] = [("tie_word_embeddings", "false")],
        ["unsafe-truncate-base-larger"] = [("vocab_size", "96")],
        ["tokenizer-model-permuted"] = [("bos_token_id", "75"), ("eos_token_id", "63"), ("pad_token_id", "21")],
    };

    [Fact]
    public void Every_config_says_what_mergekits_says_or_what_is_right()
    {
        int compared = 0;
        foreach ((string name, string tool, string root) in Cases())
        {
            string expectedPath = Path.Combine(root, "cases", name, "expected", "config.json");
            if (tool != "mergekit-yaml" || !File.Exists(expectedPath)) continue;
            if (name == "unknown-keys") continue;
            var planned = PlanCase(root, name);
            using MergeJob job = planned.Job;
            CompanionFiles files = CompanionFiles.Plan(job, planned.Recipe, planned.Text, new CompanionOptions());
            JsonObject found = Parse(files.ContentOf("config.json")!), expected = Parse(File.ReadAllBytes(expectedPath));
            foreach ((string key, string json) in s_right.GetValueOrDefault(name) ?? []) expected[key] = JsonNode.Parse(json);
            found.Remove("transformers_version");
            expected.Remove("transformers_version");
            Assert.True(JsonNode.DeepEquals(expected, found), $"{name}: {found.ToJsonString()}, expected {expected.ToJsonString()}");
            compared++;
        }

        Assert.InRange(compared, 190, 250);
    }

    private static IEnumerable<(string Name, string Tool, string Root)> Cases()
    {
        Assert.SkipUnless(Directory.Exists(MergekitCases.FullSet), "The full set of mergekit's cases is not beside the repository.");
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(MergekitCases.FullSet, "cases.json")));
        return [.. json.RootElement.GetProperty("cases").EnumerateArray().Select(c => (c.GetProperty("name").GetString()!, c.GetProperty("tool").GetString()!, MergekitCases.FullSet))];
    }

    /// <summary>What transformers adds to a tokenizer's settings on saving it is not compared: whether it came from this disk.</summary>
    [Theory]
    [InlineData("everything-written")]
    [InlineData("tokenizer-copied")]
    [InlineData("chat-template-chatml")]
    [InlineData("chat-template-auto")]
    [InlineData("chat-template-text")]
    public void A_tokenizer_and_its_chat_template_are_those_that_mergekit_writes(string name)
    {
        Assert.SkipUnless(Directory.Exists(MergekitCases.FullSet), "The full set of mergekit's cases is not beside the repository.");
        string expected = Path.Combine(MergekitCases.FullSet, "cases", name, "expected");
        var planned = PlanCase(MergekitCases.FullSet, name);
        using MergeJob job = planned.Job;
        CompanionFiles files = CompanionFiles.Plan(job, planned.Recipe, planned.Text, new CompanionOptions());
        foreach (JsonProperty setting in JsonDocument.Parse(files.ContentOf("tokenizer_config.json")!).RootElement.EnumerateObject())
            Assert.True(JsonElement.DeepEquals(JsonDocument.Parse(File.ReadAllBytes(Path.Combine(expected, "tokenizer_config.json"))).RootElement.GetProperty(setting.Name), setting.Value), setting.Name);
        // The tokens of a union may come in another order; their own tests compare them.
        if (name != "chat-template-text") Assert.True(JsonNode.DeepEquals(Parse(File.ReadAllBytes(Path.Combine(expected, "tokenizer.json"))), Parse(files.ContentOf("tokenizer.json")!)));
        string template = Path.Combine(expected, "chat_template.jinja");
        Assert.Equal(File.Exists(template), files.Names.Contains("chat_template.jinja"));
        // Of a format that has a name the text is our own; that it renders alike was tried with Jinja.
        if (File.Exists(template) && name != "chat-template-chatml") Assert.Equal(File.ReadAllBytes(template), files.ContentOf("chat_template.jinja"));
        if (name == "everything-written") Assert.Equal(File.ReadAllBytes(Path.Combine(expected, "mergekit_config.yml")), files.ContentOf("mergekit_config.yml"));
    }

    private static (MergeJob Job, Recipe Recipe, string Text) PlanCase(string root, string name)
    {
        string path = Path.Combine(root, "cases", name, "recipe.yml"), text = File.ReadAllText(path);
        Recipe recipe = RecipeFile.Parse(text, path, p => Path.Exists(Path.Combine(root, p))).Recipes[^1];
        return (MergePlanner.Plan(recipe, new PlanOptions { WorkingDirectory = root, UnsafeTruncateEmbeddings = name.StartsWith("unsafe", StringComparison.Ordinal) }), recipe, text);
    }

    private static JsonObject Parse(byte[] bytes) => JsonNode.Parse(bytes)!.AsObject();
}
