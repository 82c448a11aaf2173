using System.Text;
using MergeEngine.Merging.Streaming.Files;
using MergeEngine.Merging.Streaming.Planning;

namespace MergeEngine.Merging.Tests.Streaming.Files;

/// <summary>The model card and the chat template.</summary>
public sealed class CardTests : IDisposable
{
    private readonly ModelFiles _models = new();

    public void Dispose() => _models.Dispose();

    private string Card(string recipe)
    {
        using MergeJob job = _models.Models.Plan(recipe);
        return Encoding.UTF8.GetString(ModelCard.Build("mixed", job, _models.Read(recipe), recipe, "transformers"));
    }

    [Fact]
    public void The_card_names_method_models_and_recipe()
    {
        _models.Add("a").Add("b");
        string card = Card("merge_method: ties\nbase_model: models/a\nmodels:\n- model: models/b\n  parameters: {weight: 1}\n");
        Assert.StartsWith("---\nlibrary_name: transformers\ntags:\n- mergekit\n- merge\n- merge-engine\n---\n\n# mixed\n", card, StringComparison.Ordinal);
        Assert.Contains("\n`ties`: ", card, StringComparison.Ordinal);
        Assert.Contains("arXiv", card, StringComparison.Ordinal);
        Assert.Contains("\n- `models/b`\n- `models/a` (base)\n", card, StringComparison.Ordinal);
        Assert.Contains("\n```yaml\nmerge_method: ties\n", card, StringComparison.Ordinal);
    }

    [Fact]
    public void Models_of_a_hub_are_named_where_their_path_tells_and_folders_are_not_taken_for_owners()
    {
        _models.Add("a").Add("b");
        foreach (string path in new[] { "owner/model-1.5", "cache/models--some-org--Base_7B/snapshots/0a1b" })
        {
            Directory.CreateDirectory(_models.PathOf(path));
            File.Copy(_models.PathOf("models/a/model.safetensors"), _models.PathOf($"{path}/model.safetensors"));
        }

        string card = Card("merge_method: karcher\nmodels:\n- model: owner/model-1.5\n- model: ./models/b\n- model: models/a\n- model: cache/models--some-org--Base_7B/snapshots/0a1b\n");
        Assert.StartsWith("---\nbase_model:\n- owner/model-1.5\n- some-org/Base_7B\nlibrary_name", card, StringComparison.Ordinal);
    }

    [Fact]
    public void A_recipe_cannot_end_its_own_block()
    {
        _models.Add("a").Add("b");
        string card = Card(ModelFiles.Linear + "# ```\n# # Not a heading of the card\n");
        Assert.Contains("\n````yaml\n", card, StringComparison.Ordinal);
        Assert.Contains("\n````\n", card, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("alpaca", "### Response:")]
    [InlineData("chatml", "<|im_start|>assistant")]
    [InlineData("exaone", "[|endofturn|]")]
    [InlineData("llama3", "<|start_header_id|>assistant<|end_header_id|>")]
    [InlineData("mistral", "[INST] ")]
    public void A_named_template_is_written_where_programs_look_for_it(string name, string mark)
    {
        Tokenizer("a", null);
        CompanionFiles files = _models.Plan(ModelFiles.Linear + $"chat_template: {name}\n");
        string template = ModelFiles.Text(files, "chat_template.jinja");
        Assert.Contains(mark, template, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', template);
        Assert.Equal(template.Split("{%").Length, template.Split("%}").Length);
        Assert.Equal("""{"bos_token": "<s>"}""", ModelFiles.Text(files, "tokenizer_config.json"));
    }

    [Fact]
    public void A_text_replaces_what_older_programs_read_too()
    {
        Tokenizer("a", "old").Put("models/a/chat_template.json", "{\"chat_template\": \"older\"}");
        CompanionFiles files = _models.Plan(ModelFiles.Linear + "chat_template: '{% for m in messages %}\"{{ m.content }}\"é{% endfor %}'\n");
        Assert.Equal("{% for m in messages %}\"{{ m.content }}\"é{% endfor %}", ModelFiles.Text(files, "chat_template.jinja"));
        Assert.Equal("""{"bos_token": "<s>", "chat_template": "{% for m in messages %}\"{{ m.content }}\"é{% endfor %}"}""", ModelFiles.Text(files, "tokenizer_config.json"));
        Assert.DoesNotContain("chat_template.json", files.Names);
    }

    [Fact]
    public void The_most_frequent_template_of_the_models_is_taken_wherever_they_have_it()
    {
        Tokenizer("a", "rare");
        Tokenizer("b", "frequent");
        _models.Add("c").Put("models/c/chat_template.jinja", "frequent").Add("d").Put("models/d/tokenizer_config.json", """{"chat_template": [{"name": "tool", "template": "t"}, {"name": "default", "template": "rare"}]}""");
        _models.Add("e").Put("models/e/chat_template.json", """{"chat_template": "frequent"}""");
        string Choice(params string[] models) =>
            ModelFiles.Text(_models.Plan("merge_method: karcher\nchat_template: auto\nmodels:\n" + string.Concat(models.Select(m => $"- model: models/{m}\n"))), "chat_template.jinja");
        Assert.Equal("frequent", Choice("a", "b", "c", "d", "e"));
        Assert.Equal("rare", Choice("a", "b"));
        Assert.Equal("rare", Choice("a", "d", "b"));
    }

    [Fact]
    public void Where_there_is_no_tokenizer_or_no_template_a_note_says_so()
    {
        _models.Add("a", "{}").Add("b");
        Assert.Contains(_models.Plan(ModelFiles.Linear + "chat_template: chatml\n").Notes, n => n.StartsWith("r.yml:7:16: the output has no tokenizer", StringComparison.Ordinal));
        Tokenizer("a", null);
        Assert.Contains(_models.Plan(ModelFiles.Linear + "chat_template: auto\n").Notes, n => n.StartsWith("r.yml:7:16: no model has a chat template", StringComparison.Ordinal));
    }

    private ModelFiles Tokenizer(string model, string? template)
    {
        _models.Add(model, "{}").Put($"models/{model}/tokenizer.json", "{}").Put($"models/{model}/tokenizer_config.json", template is null ? """{"bos_token": "<s>"}""" : $$"""{"bos_token": "<s>", "chat_template": "{{template}}"}""");
        if (!Directory.Exists(_models.PathOf("models/b"))) _models.Add("b");
        return _models;
    }
}
