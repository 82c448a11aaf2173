using System.Diagnostics;
using System.Text;
using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Files;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Tests.Streaming.Execution;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Tests.Streaming.Files;

/// <summary>Which files an output gets, of models that nobody trusts.</summary>
public sealed class CompanionTests : IDisposable
{
    private readonly ModelFiles _models = new();

    public void Dispose() => _models.Dispose();

    private static string[] Written(CompanionFiles files) => [.. files.Names.Except(["README.md", "mergekit_config.yml"])];

    [Fact]
    public void The_donors_files_are_copied_but_for_what_is_no_part_of_a_model()
    {
        _models.Add("a", "{}").Add("b", "{}");
        foreach (string name in new[]
        {
            "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "vocab.txt", "spiece.model", "qwen.tiktoken", "chat_template.jinja",
            "generation_config.json", "preprocessor_config.json", "README.md", "LICENSE", "modeling_x.py", "pytorch_model.bin", "optimizer.pt", ".gitattributes", "training_args.bin", "notes.txt",
        }) _models.Put($"models/a/{name}", "{}");
        _models.Put("models/b/processor_config.json", "{}");
        Assert.Equal(
            [
                "added_tokens.json", "chat_template.jinja", "config.json", "generation_config.json", "merges.txt", "preprocessor_config.json", "qwen.tiktoken", "special_tokens_map.json",
                "spiece.model", "tokenizer.json", "tokenizer_config.json", "vocab.json", "vocab.txt",
            ],
            Written(_models.Plan()));
        Assert.Equal(["config.json", "generation_config.json", "preprocessor_config.json"], Written(_models.Plan(options: new CompanionOptions { CopyTokenizer = false })));
        Assert.Contains(_models.Plan().Notes, n => n.Contains("\"modeling_x.py\" is code", StringComparison.Ordinal));
        Assert.Contains(_models.Plan().Notes, n => n.Contains("\"LICENSE\" is not copied", StringComparison.Ordinal));
        Assert.DoesNotContain("README.md", _models.Plan(options: new CompanionOptions { WriteCard = false }).Names);
    }

    [Fact]
    public void A_bare_file_of_weights_gives_no_config_and_says_so()
    {
        _models.Add("a", "{}").Add("b");
        CompanionFiles files = _models.Plan(ModelFiles.Linear.Replace("models/a", "models/a/model.safetensors", StringComparison.Ordinal));
        Assert.Empty(Written(files));
        Assert.Contains(files.Notes, n => n.Contains("is a file of weights alone", StringComparison.Ordinal));
        CompanionFiles index = _models.Plan(ModelFiles.Linear.Replace("models/a", "models/b", StringComparison.Ordinal).Replace("models/b\n  parameters: {weight: 0.5}\n- model: models/b", "models/b\n  parameters: {weight: 0.5}\n- model: models/a", StringComparison.Ordinal));
        Assert.Contains(index.Notes, n => n.EndsWith("config.json does not exist, so the output gets no config.json.", StringComparison.Ordinal));
    }

    [Fact]
    public void A_tokenizer_that_the_recipe_builds_stands_in_the_place_of_the_donors()
    {
        _models.Add("a", """{"vocab_size": 10}""").Add("b");
        foreach (string name in new[] { "vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja" }) _models.Put($"models/a/{name}", "old");
        var vocabulary = new OutputVocabulary(11, new Dictionary<string, ReadOnlyMemory<byte>> { ["tokenizer.json"] = "new"u8.ToArray() }, new Dictionary<int, int>());
        CompanionFiles files = _models.Plan(vocabulary: vocabulary, options: new CompanionOptions { CopyTokenizer = false });
        Assert.Equal(["chat_template.jinja", "config.json", "tokenizer.json", "tokenizer_config.json"], Written(files));
        Assert.Equal("new", ModelFiles.Text(files, "tokenizer.json"));
    }

    [Fact]
    public void A_link_within_the_model_is_followed()
    {
        _models.Add("a", "{}").Add("b").Put("models/a/kept/merges.txt", "m");
        File.CreateSymbolicLink(_models.PathOf("models/a/merges.txt"), Path.Combine("kept", "merges.txt"));
        Assert.Equal(["config.json", "merges.txt"], Written(_models.Plan()));
    }

    /// <summary>Left alone, the output would lack its config or tokenizer and be no model.</summary>
    [Theory]
    [InlineData("config.json", "../../secret/credentials.json")]
    [InlineData("tokenizer.json", "../../secret/credentials.json")]
    [InlineData("vocab.json", "elsewhere/credentials.json")]
    [InlineData("preprocessor_config.json", "../../models--o--m/blobs/123")]
    [InlineData("added_tokens.json", "added_tokens.json")]
    public void A_link_out_of_the_model_is_refused(string name, string target)
    {
        _models.Add("a").Add("b").Put("secret/credentials.json", "{\"key\": 1}").Put("models--o--m/blobs/123", "{}");
        Directory.CreateSymbolicLink(_models.PathOf("models/a/elsewhere"), _models.PathOf("secret"));
        string path = _models.PathOf($"models/a/{name}");
        File.CreateSymbolicLink(path, target);
        string message = Assert.Throws<SafetensorsException>(() => _models.Plan()).Message;
        Assert.EndsWith($"models/a/{name}: is a link that leads out of the model's directory, expected a file of the model.", message, StringComparison.Ordinal);
    }

    /// <summary>As huggingface-cli download --local-dir made them until it copied files: weights and all others are links to where the cache keeps that model.</summary>
    [Fact]
    public void Links_into_the_cached_model_that_the_weights_are_of_are_files_of_the_model()
    {
        _models.Add("a").Add("b").Put("hub/models--o--m/blobs/123", "{}").Put("hub/models--o--n/blobs/456", "{}");
        string weights = _models.PathOf("models/a/model.safetensors");
        File.Move(weights, _models.PathOf("hub/models--o--m/blobs/abc"));
        File.CreateSymbolicLink(weights, "../../hub/models--o--m/blobs/abc");
        File.CreateSymbolicLink(_models.PathOf("models/a/config.json"), "../../hub/models--o--m/blobs/123");
        Assert.Equal(["config.json"], Written(_models.Plan()));
        // Another model of the cache, which may be nobody else's business.
        File.CreateSymbolicLink(_models.PathOf("models/a/tokenizer.json"), "../../hub/models--o--n/blobs/456");
        Assert.Throws<SafetensorsException>(() => _models.Plan());
    }

    [Fact]
    public void Links_into_the_hubs_cache_are_files_of_the_model()
    {
        _models.Add("a", "{}").Add("b").Put("hub/models--o--m/blobs/123", "{}");
        const string snapshot = "hub/models--o--m/snapshots/0a1b2c";
        Directory.CreateDirectory(_models.PathOf(snapshot));
        File.Copy(_models.PathOf("models/a/model.safetensors"), _models.PathOf($"{snapshot}/model.safetensors"));
        File.CreateSymbolicLink(_models.PathOf($"{snapshot}/config.json"), "../../blobs/123");
        CompanionFiles files = _models.Plan($"merge_method: passthrough\nmodels:\n- model: {snapshot}\n");
        Assert.Equal(["config.json"], Written(files));
    }

    [Fact]
    public void Pipes_directories_and_files_of_a_terabyte_are_left_alone()
    {
        _models.Add("a", "{}").Add("b");
        Directory.CreateDirectory(_models.PathOf("models/a/merges.txt"));
        using (FileStream sparse = File.Create(_models.PathOf("models/a/tokenizer.json"))) sparse.SetLength(1L << 40);
        using (FileStream sparse = File.Create(_models.PathOf("models/a/generation_config.json"))) sparse.SetLength(1L << 40);
        if (OperatingSystem.IsLinux())
        {
            using Process made = Process.Start("mkfifo", [_models.PathOf("models/a/vocab.txt")]);
            made.WaitForExit();
        }

        CompanionFiles files = _models.Plan();
        Assert.Equal(["config.json"], Written(files));
        Assert.Contains(files.Notes, n => n.EndsWith("tokenizer.json: is longer than 1024 MiB, and is left alone.", StringComparison.Ordinal));
    }

    [Fact]
    public void Folders_of_sentence_transformers_are_copied_and_no_path_leaves_the_model()
    {
        _models.Add("a", "{}").Add("b").Put("models/a/1_Pooling/config.json", "{\"pooling\": 1}").Put("models/a/1_Pooling/run.py", "x").Put("models/x/1_Y/config.json", "{}");
        Directory.CreateSymbolicLink(_models.PathOf("models/a/3_Out"), _models.PathOf("models/x/1_Y"));
        _models.Put("models/a/modules.json", """[{"path": ""}, {"path": "1_Pooling"}, {"path": "2_Normalize"}, {"path": "../x/1_Y"}, {"path": "3_Out"}, {"path": "/etc"}, {"path": "1_Pooling/../.."}]""");
        CompanionFiles files = _models.Plan();
        Assert.Equal(["1_Pooling/config.json", "config.json", "modules.json"], Written(files));
        Assert.Equal(5, files.Notes.Count(n => n.Contains("modules.json lists", StringComparison.Ordinal)));

        string output = Complete(files);
        Assert.Equal("{\"pooling\": 1}", File.ReadAllText(Path.Combine(output, "1_Pooling", "config.json")));
        Assert.Contains("library_name: sentence-transformers", File.ReadAllText(Path.Combine(output, "README.md")), StringComparison.Ordinal);
        Assert.Empty(OutputVerification.Run(output, 1).Differences);

        File.WriteAllText(Path.Combine(output, "1_Pooling", "more.json"), "{}");
        File.WriteAllText(Path.Combine(output, "1_Pooling", "config.json"), "{\"pooling\": 2}");
        Assert.Equal(
            ["\"1_Pooling/config.json\" has another SHA-256 than the manifest says.", "\"1_Pooling/more.json\" is not in the manifest."], OutputVerification.Run(output, 1).Differences);
        // An output with such a folder can be replaced like any other, unless somebody has put a file there.
        Assert.Throws<SafetensorsException>(() => OutputDirectory.RequirePossible(output, overwrite: true));
        File.Delete(Path.Combine(output, "1_Pooling", "more.json"));
        OutputDirectory.RequirePossible(output, overwrite: true);
        Directory.CreateDirectory(Path.Combine(output, "work"));
        Assert.Throws<SafetensorsException>(() => OutputDirectory.RequirePossible(output, overwrite: true));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[1]")]
    [InlineData("""[{"path": 1}]""")]
    public void A_list_of_modules_that_is_none_is_one_sentence(string modules)
    {
        _models.Add("a", "{}").Add("b").Put("models/a/modules.json", modules);
        Assert.EndsWith("modules.json: is no list of modules, expected a JSON array of objects with a path.", Assert.Throws<SafetensorsException>(() => _models.Plan()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_whole_output_is_verified_with_the_files_and_the_recipe_byte_for_byte()
    {
        string large = string.Concat(Enumerable.Range(0, 300_000).Select(i => $"{i} {i}\n"));
        _models.Add("a", """{"dtype": "float32"}""").Add("b").Put("models/a/merges.txt", large);
        string output = Complete(_models.Plan());
        Assert.Equal(ModelFiles.Linear, File.ReadAllText(Path.Combine(output, "mergekit_config.yml")));
        Assert.Equal(large, File.ReadAllText(Path.Combine(output, "merges.txt")));
        MergeManifest manifest = ManifestFile.Read(Path.Combine(output, MergeManifest.FileName));
        Assert.Equal(["README.md", "config.json", "mergekit_config.yml", "merges.txt", "model.safetensors"], manifest.Outputs.Select(o => o.Name));
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(large))), manifest.Outputs[3].Sha256);
        Assert.Empty(OutputVerification.Run(output, 2).Differences);
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("/x")]
    [InlineData("a/../x")]
    [InlineData("a/b/c")]
    [InlineData("a/")]
    [InlineData("/")]
    [InlineData("..")]
    [InlineData("a\\b")]
    [InlineData("MODEL.safetensors")]
    [InlineData("Merge-Manifest.json")]
    public void No_name_leads_out_of_the_output_or_to_one_of_its_own_files(string name)
    {
        _models.Add("a", "{}").Add("b");
        using MergeJob job = _models.Models.Plan(ModelFiles.Linear);
        using InputFiles inputs = InputFiles.Open(job);
        using OutputDirectory output = OutputDirectory.Open(_models.PathOf("out"), GeneratedModels.Lay(job), GeneratedModels.Describe(inputs), new OutputOptions { Threads = 1 });
        Assert.Throws<ArgumentException>(() => output.AddFile(name, "x"u8));
        Assert.Throws<ArgumentException>(() => output.AddCopy(_models.PathOf("models/a/config.json"), name));
    }

    private string Complete(CompanionFiles files)
    {
        using MergeJob job = _models.Models.Plan(ModelFiles.Linear);
        using Device device = Device.Open("cpu", 2);
        OutputPlan plan = GeneratedModels.Lay(job);
        using InputFiles inputs = InputFiles.Open(job);
        using OutputDirectory output = OutputDirectory.Open(_models.PathOf("out"), plan, GeneratedModels.Describe(inputs), new OutputOptions { Threads = 2 });
        MergeExecutor.Execute(job, plan, output, inputs, new ExecutionOptions { Device = device, Threads = 2 });
        files.Write(output);
        output.Complete();
        return _models.PathOf("out");
    }
}
