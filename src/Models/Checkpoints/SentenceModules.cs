using MergeEngine.Models.Encoders;

namespace MergeEngine.Models.Checkpoints;

/// <summary>
/// What a sentence-transformers directory says about embeddings: <c>modules.json</c> lists a Transformer, a Pooling with a config of its own, and
/// perhaps a Normalize; <c>sentence_bert_config.json</c> has the longest text.
/// </summary>
/// <param name="Pooling">From tokens to an embedding.</param>
/// <param name="Normalizes">True if embeddings have length 1.</param>
/// <param name="MaxTokens">Tokens that texts are cut to; null where nothing says so.</param>
/// <param name="PoolingConfig">The Pooling module's config, relative to the model's directory.</param>
internal sealed record SentenceModules(TextPooling Pooling, bool Normalizes, int? MaxTokens, string PoolingConfig)
{
    private const string FileName = "modules.json";

    /// <summary>Modes of a Pooling module's config that are more than a key's default.</summary>
    private static readonly string[] Modes = ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"];

    /// <summary>Reads them; null where the directory has no <c>modules.json</c>.</summary>
    /// <exception cref="ModelException">A module or a mode is not supported, or a file is broken.</exception>
    public static SentenceModules? Find(string directory)
    {
        string file = Path.Combine(directory, FileName);
        if (!File.Exists(file)) return null;
        (TextPooling Pooling, string Config)? pooling = null;
        bool normalizes = false;
        foreach (ConfigSection module in ConfigFile.OpenList(file))
        {
            string type = module.Text("type") ?? throw new ModelException($"{module.Describe("type")}, expected the name of a module.");
            switch (type[(type.LastIndexOf('.') + 1)..])
            {
                case "Transformer":
                    break;
                case "Pooling" when pooling is null:
                    pooling = ReadPooling(directory, module);
                    break;
                case "Normalize" when pooling is not null:
                    normalizes = true;
                    break;
                default:
                    throw new ModelException($"{module.Describe("type")}, expected Transformer, Pooling and perhaps Normalize, in this order.");
            }
        }

        if (pooling is null) throw new ModelException($"{file}: there is no Pooling module, expected one.");
        return new SentenceModules(pooling.Value.Pooling, normalizes, ReadLength(directory), pooling.Value.Config);
    }

    private static (TextPooling Pooling, string Config) ReadPooling(string directory, ConfigSection module)
    {
        string path = module.Text("path") ?? throw new ModelException($"{module.Describe("path")}, expected the module's directory.");
        // A path from an untrusted file stays inside of the model's directory.
        if (path.Length == 0 || path is "." or ".." || path.AsSpan().ContainsAny('/', '\\')) throw new ModelException($"{module.Describe("path")}, expected the name of a directory beside the model.");
        string file = Path.Combine(path, "config.json");
        return (ReadMode(ConfigFile.Open(Path.Combine(directory, file)).Root), file);
    }

    private static TextPooling ReadMode(ConfigSection config)
    {
        if (config.Text("pooling_mode") is { } named) return ModeOf(named) ?? throw new ModelException($"{config.Describe("pooling_mode")}, expected mean or cls.");
        TextPooling? found = null;
        foreach (string mode in Modes)
        {
            string key = $"pooling_mode_{mode}";
            if (config.Flag(key) != true) continue;
            if (found is not null || ModeOf(mode.Replace("_tokens", "", StringComparison.Ordinal).Replace("_token", "", StringComparison.Ordinal)) is not { } pooling)
                throw new ModelException($"{config.Describe(key)}, expected the mean of the tokens alone, or the class token alone.");
            found = pooling;
        }

        return found ?? throw new ModelException($"{config.Describe("pooling_mode_mean_tokens")} and no other mode is true, expected the mean of the tokens or the class token.");
    }

    private static TextPooling? ModeOf(string mode) => mode switch
    {
        "mean" => TextPooling.Mean,
        "cls" => TextPooling.ClassToken,
        _ => null,
    };

    private static int? ReadLength(string directory)
    {
        string file = Path.Combine(directory, "sentence_bert_config.json");
        return File.Exists(file) ? ConfigFile.Open(file).Root.Size("max_seq_length") : null;
    }
}
