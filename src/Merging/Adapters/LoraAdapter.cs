using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Adapters;

/// <summary>An adapter as PEFT saves it: a directory with <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.</summary>
internal sealed class LoraAdapter : IDisposable
{
    public const string WeightsName = "adapter_model.safetensors";

    private readonly Dictionary<string, LoraModule> _modules = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TensorEntry> _whole = new(StringComparer.Ordinal);

    private LoraAdapter(string path, LoraConfig config, Checkpoint weights)
    {
        (Path, Config, Weights) = (path, config, weights);
        var problems = new List<string>();
        var unknown = new List<string>();
        foreach (string name in weights.Names)
        {
            if (!Add(AdapterName.Parse(name), weights[name])) unknown.Add(name);
        }

        if (unknown.Count > 0) problems.Add($"{weights.Path}: {unknown.Count} of {Counting.Of(weights.Names.Count, "tensor")} {(unknown.Count == 1 ? "is nothing that plain LoRA has, or stands twice" : "are nothing that plain LoRA has, or stand twice")}: {Quoting.QuoteSome(unknown)}.");
        foreach (LoraModule module in Modules) problems.AddRange(Check(module));
        if (weights.Names.Count == 0) problems.Add($"{weights.Path}: holds no tensors, expected those of an adapter.");
        if (problems.Count > 0) throw new AdapterException(problems);
    }

    /// <summary>The directory, as it was given.</summary>
    public string Path { get; }

    public LoraConfig Config { get; }

    public Checkpoint Weights { get; }

    /// <summary>What has factors, by name.</summary>
    public IEnumerable<LoraModule> Modules => _modules.Values.OrderBy(m => m.Name, StringComparer.Ordinal);

    /// <summary>Tensors that take the place of the model's, by the model's names.</summary>
    public IEnumerable<KeyValuePair<string, TensorEntry>> Whole => _whole.OrderBy(w => w.Key, StringComparer.Ordinal);

    /// <exception cref="AdapterException">There is no such adapter, or one that is not supported; everything that is wrong with its tensors is listed.</exception>
    /// <exception cref="SafetensorsException">The file with the tensors breaks a rule.</exception>
    public static LoraAdapter Open(string path)
    {
        if (!Directory.Exists(path)) throw new AdapterException($"The adapter {Quoting.Quote(path)} does not exist, expected a directory with {AdapterConfigFile.Name} and {WeightsName}.");
        string description = System.IO.Path.Combine(path, AdapterConfigFile.Name), weights = System.IO.Path.Combine(path, WeightsName);
        if (!File.Exists(description)) throw new AdapterException($"{path}: there is no {AdapterConfigFile.Name}, expected a directory with an adapter.");
        LoraConfig config = LoraConfig.Read(description);
        if (!File.Exists(weights))
            throw new AdapterException($"{path}: there is no {WeightsName}{(File.Exists(System.IO.Path.Combine(path, "adapter_model.bin")) ? " but an adapter_model.bin, which PEFT rewrites when it loads and saves the adapter" : "")}.");
        Checkpoint file = Checkpoint.Open(weights);
        try
        {
            return new LoraAdapter(path, config, file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public void Dispose() => Weights.Dispose();

    private bool Add(AdapterName name, TensorEntry entry)
    {
        if (name.Part == AdapterPart.Unknown || name.Target.Length == 0) return false;
        if (name.Part == AdapterPart.Whole) return _whole.TryAdd(name.Target, entry);
        if (!_modules.TryGetValue(name.Target, out LoraModule? module)) _modules.Add(name.Target, module = new LoraModule(name.Target));
        bool embedding = name.Part is AdapterPart.EmbeddingA or AdapterPart.EmbeddingB;
        if (embedding != module.IsEmbedding && (module.A ?? module.B ?? module.Bias) is not null) return false;
        module.IsEmbedding = embedding;
        switch (name.Part)
        {
            case AdapterPart.A or AdapterPart.EmbeddingA when module.A is null: module.A = entry; return true;
            case AdapterPart.B or AdapterPart.EmbeddingB when module.B is null: module.B = entry; return true;
            case AdapterPart.Bias when module.Bias is null: module.Bias = entry; return true;
            default: return false;
        }
    }

    private IEnumerable<string> Check(LoraModule module)
    {
        string title = $"{Weights.Path}: the module {Quoting.Quote(module.Name)}";
        if (module.A is not { } a || module.B is not { } b)
        {
            yield return $"{title} has only one of the factors A and B.";
            yield break;
        }

        foreach (TensorEntry? entry in (TensorEntry?[])[a, b, module.Bias])
        {
            if (entry is not null && !entry.DType.IsArithmetic()) yield return $"{Weights.Path}: the tensor {Quoting.Quote(entry.Name)} is {entry.DType.Name()}, which cannot be computed with, expected F32, F16, BF16 or F64.";
        }

        bool flat = a.Shape.Rank >= 2 && b.Shape.Rank == a.Shape.Rank && b.Shape.ElementCount == b.Shape[0] * b.Shape[1];
        if (!flat || a.Shape[0] != b.Shape[1]) yield return $"{title} has factors A of the shape {a.Shape} and B of the shape {b.Shape}, expected [r, in] and [out, r].";
        else if (a.Shape[0] != Config.RankOf(module.Name)) yield return $"{title} has the rank {a.Shape[0]}, expected {Config.RankOf(module.Name)} as {AdapterConfigFile.Name} says.";
    }
}
