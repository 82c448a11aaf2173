using System.Text.Json;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Support;

/// <summary>The models of mergekit's reference merges as files with their headers and nothing but zeros, and the headers of its outputs.</summary>
public sealed class HeaderFixture : IDisposable
{
    private static readonly (string Model, string File)[] s_tokenizers = [("tok-base", "base"), ("tok-a", "base"), ("tok-p", "base"), ("tok-b", "b"), ("tok-s", "b"), ("tok-c", "c")];

    private readonly TemporaryDirectory _directory = new();
    private readonly JsonDocument _headers = JsonDocument.Parse(File.ReadAllBytes(FixtureFiles.PathOf("mergekit-headers/headers.json")));

    public HeaderFixture()
    {
        foreach (JsonProperty model in _headers.RootElement.GetProperty("models").EnumerateObject()) WriteModel($"models/{model.Name}", model.Value.GetString()!);
        foreach (string adapter in Directory.GetDirectories(_directory.File("models"), "lora-*"))
        {
            File.Move(Path.Combine(adapter, "model.safetensors"), Path.Combine(adapter, "adapter_model.safetensors"));
            File.WriteAllText(Path.Combine(adapter, "adapter_config.json"), """{"peft_type": "LORA", "r": 4, "lora_alpha": 8}""");
        }

        foreach ((string model, string file) in s_tokenizers) File.Copy(FixtureFiles.PathOf($"mergekit-headers/tokenizers/{file}.json"), _directory.File($"models/{model}/tokenizer.json"));
        WriteBroken();
    }

    public static string Shared { get; } = Path.GetFullPath(FixtureFiles.PathOf("../../../shared/fixtures/mergekit"));

    public string Root => _directory.Path;

    public JsonElement Case(string name) => _headers.RootElement.GetProperty("cases").GetProperty(name);

    /// <summary>Name, dtype and shape of every tensor of an output or a model.</summary>
    public SortedDictionary<string, string> Layout(string name)
    {
        var tensors = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (JsonProperty kind in _headers.RootElement.GetProperty("layouts").GetProperty(name).EnumerateObject())
        {
            foreach (JsonElement tensor in kind.Value.EnumerateArray()) tensors.Add(tensor.GetString()!, kind.Name);
        }

        return tensors;
    }

    public SortedDictionary<string, string> Model(string name) => Layout(_headers.RootElement.GetProperty("models").GetProperty(name).GetString()!);

    /// <summary>Writes the intermediate results of a case, by the names of their documents.</summary>
    public Dictionary<string, string> WriteIntermediates(string name)
    {
        var documents = new Dictionary<string, string>();
        if (!Case(name).TryGetProperty("intermediate", out JsonElement results)) return documents;
        foreach (JsonProperty result in results.EnumerateObject())
        {
            documents[result.Name] = $"{name}/{result.Name}";
            WriteModel(documents[result.Name], result.Value.GetString()!);
        }

        return documents;
    }

    /// <summary>A model of given tensors, such as <c>("a.weight", "F32 2x3")</c>.</summary>
    public string Write(string path, params (string Name, string Kind)[] tensors)
    {
        Directory.CreateDirectory(_directory.File(path));
        SafetensorsLayout layout = SafetensorsLayout.Create(path, [.. tensors.Select(t => (t.Name, TypeOf(t.Kind), ShapeOf(t.Kind)))], null);
        using FileStream file = File.Create(_directory.File($"{path}/model.safetensors"));
        file.Write(layout.HeaderBytes.Span);
        file.SetLength(layout.FileLength);
        return path;
    }

    public MergeJob Plan(string recipe, Func<PlanOptions, PlanOptions>? change = null) => Plan(RecipeText.Read(recipe), change);

    public MergeJob Plan(Recipe recipe, Func<PlanOptions, PlanOptions>? change = null)
    {
        var options = new PlanOptions { Methods = Find, WorkingDirectory = _directory.Path };
        return MergePlanner.Plan(recipe, change?.Invoke(options) ?? options);
    }

    public IReadOnlyList<string> ProblemsOf(string recipe, Func<PlanOptions, PlanOptions>? change = null) =>
        Assert.Throws<PlanningException>(() => Plan(recipe, change)).Problems;

    /// <summary>Any method: a plan only carries it.</summary>
    internal static TensorMethod Find(MethodDescription method) => new NamedMethod(method.Name);

    public static SortedDictionary<string, string> Describe(MergeJob job)
    {
        var tensors = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (TensorJob tensor in job.Tensors) tensors.Add(tensor.Name, $"{tensor.DType.Name()} {string.Join('x', tensor.Shape)}");
        return tensors;
    }

    public void Dispose()
    {
        _headers.Dispose();
        _directory.Dispose();
    }

    /// <summary>The models that cannot be opened, and position ids unlike those of the others.</summary>
    private void WriteBroken()
    {
        void Text(string path, string text)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_directory.File(path))!);
            File.WriteAllText(_directory.File(path), text);
        }

        Text("models/empty/config.json", "{}");
        Text("models/broken-index/model.safetensors.index.json", """{"metadata": {}, "weight_map": {"model.norm.weight": "model-00001-of-00001.safetensors"}}""");
        Text("models/index-outside/model.safetensors.index.json", """{"metadata": {}, "weight_map": {"model.norm.weight": "../llama-b/model.safetensors"}}""");
        Write("models/truncated", [.. Model("llama-a").Select(t => (t.Key, t.Value))]);
        using (FileStream truncated = File.OpenWrite(_directory.File("models/truncated/model.safetensors"))) truncated.SetLength(truncated.Length - 100);

        string ids = _directory.File("models/bertcls-b-ids/model.safetensors");
        long offset;
        using (SafetensorsFile file = SafetensorsFile.Open(ids)) offset = 8 + file.Header.ByteLength + file["bert.embeddings.position_ids"].Begin;
        using FileStream values = File.OpenWrite(ids);
        values.Position = offset;
        values.WriteByte(1);
    }

    private void WriteModel(string path, string layout) => Write(path, [.. Layout(layout).Select(t => (t.Key, t.Value))]);

    private static DType TypeOf(string kind) => DTypes.TryParse(kind[..kind.IndexOf(' ', StringComparison.Ordinal)], out DType type) ? type : throw new FormatException(kind);

    private static Shape ShapeOf(string kind) =>
        new([.. kind[(kind.IndexOf(' ', StringComparison.Ordinal) + 1)..].Split('x', StringSplitOptions.RemoveEmptyEntries).Select(long.Parse)]);

    private sealed class NamedMethod(string name) : TensorMethod
    {
        public override string Name => name;

        public override TensorMerge Begin(TensorTask task) => new Nothing();

        private sealed class Nothing : TensorMerge
        {
            public override void Map(in TensorChunk chunk) => throw new InvalidOperationException("Plans compute nothing.");
        }
    }
}
