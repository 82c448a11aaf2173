using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Adapters;

/// <summary>What <c>adapter_config.json</c> says about a LoRA adapter: the ranks and strengths of its modules. What changes a model in another way is refused by name.</summary>
internal sealed class LoraConfig
{
    /// <summary>Ways to begin the training that change the base's weights too, so that the adapter belongs to other weights than the base's files hold.</summary>
    private static readonly string[] s_changedBases = ["pissa", "olora", "corda", "loftq", "lora_ga"];

    private readonly ModulePatterns _ranks;
    private readonly ModulePatterns _alphas;
    private readonly int _rank;
    private readonly double _alpha;

    private LoraConfig(AdapterConfigFile file)
    {
        string path = Path = file.Path;
        if (file.Text("peft_type") is not { } type) throw new AdapterException($"{path}: \"peft_type\" is missing, expected \"LORA\".");
        if (!type.Equals("LORA", StringComparison.OrdinalIgnoreCase)) throw Refused("an adapter of the type " + Quoting.Quote(type));
        if (file.Flag("use_dora") == true) throw Refused("DoRA");
        if (file.Flag("use_qalora") == true) throw Refused("QALoRA");
        if (file.Asks("use_bdlora")) throw Refused("block-diagonal LoRA");
        if (file.Asks("alora_invocation_tokens")) throw Refused("activated LoRA");
        if (file.Asks("layer_replication")) throw Refused("LoRA with replicated layers");
        if (file.Asks("target_parameters")) throw Refused("LoRA of parameters outside of modules");
        if (file.Asks("trainable_token_indices")) throw Refused("LoRA with trained tokens");
        if (InitialisationOf(file) is { } name && s_changedBases.Any(c => name.StartsWith(c, StringComparison.OrdinalIgnoreCase))) throw Refused($"LoRA that began with {Quoting.Quote(name)}, which changes the base too");
        _rank = file.Integer("r") ?? throw new AdapterException($"{path}: \"r\" is missing, expected the rank of the adapter.");
        _alpha = file.Number("lora_alpha") ?? throw new AdapterException($"{path}: \"lora_alpha\" is missing, expected the strength of the adapter.");
        (_ranks, _alphas) = (file.Patterns("rank_pattern"), file.Patterns("alpha_pattern"));
        UsesRootOfRank = file.Flag("use_rslora") ?? false;
        IsTransposed = file.Flag("fan_in_fan_out") ?? false;
        WholeModules = file.Texts("modules_to_save");

        AdapterException Refused(string what) => new($"{path}: describes {what}, which is not supported, expected plain LoRA.");
    }

    public string Path { get; }

    /// <summary>rsLoRA: the strength is over √rank.</summary>
    public bool UsesRootOfRank { get; }

    /// <summary>Whether it says that weights are stored [in, out].</summary>
    public bool IsTransposed { get; }

    /// <summary>Names of modules, or the last parts of such, that the adapter holds whole.</summary>
    public IReadOnlyList<string> WholeModules { get; }

    /// <exception cref="AdapterException">The file cannot be read, is no description of an adapter, or of one that is not supported.</exception>
    public static LoraConfig Read(string path)
    {
        try
        {
            return new LoraConfig(AdapterConfigFile.Open(path));
        }
        catch (InvalidOperationException e)
        {
            throw new AdapterException($"{path}: holds a text that is not Unicode, expected UTF-8 without halves of surrogate pairs.", e);
        }
    }

    /// <summary>The rank that a module is said to have.</summary>
    public double RankOf(string module) => _ranks.Find(module) ?? _rank;

    /// <summary>The factor of B·A: alpha/r, or alpha/√r.</summary>
    public double ScaleOf(string module, long rank) => rank == 0 ? 0 : (_alphas.Find(module) ?? _alpha) / (UsesRootOfRank ? Math.Sqrt(rank) : rank);

    private static string? InitialisationOf(AdapterConfigFile file) => file.IsText("init_lora_weights") ? file.Text("init_lora_weights") : null;
}
