using System.Text.Json;
using MergeEngine.Models.Checkpoints;
using MergeEngine.Models.Tokenizers.AddedTokens;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Tokenizers.Loading;

/// <summary>What tokenizer_config.json and special_tokens_map.json say beside the vocabulary; either may be missing.</summary>
internal sealed class SpecialTokens
{
    private readonly ConfigSection? _config;
    private readonly ConfigSection? _map;

    private SpecialTokens(ConfigSection? config, ConfigSection? map)
    {
        _config = config;
        _map = map;
    }

    /// <summary>The class of transformers that the files are for, without <c>Fast</c>; null if it is not said.</summary>
    public string? Class => _config?.Text("tokenizer_class") is not { } name ? null
        : name.EndsWith("Fast", StringComparison.Ordinal) ? name[..^"Fast".Length] : name;

    public static SpecialTokens Of(string directory) => new(Open(directory, "tokenizer_config.json"), Open(directory, "special_tokens_map.json"));

    /// <summary>A switch of tokenizer_config.json.</summary>
    public bool? Flag(string key) => _config?.Flag(key);

    /// <summary>How a token such as <c>pad_token</c> is spelled; null if it is not said.</summary>
    public string? NameOf(string key) => NameIn(_config, key) ?? NameIn(_map, key);

    /// <summary>The flags of a token, where the files spell them out.</summary>
    /// <param name="key">Such as <c>mask_token</c>.</param>
    /// <param name="token">What it is without them.</param>
    public AddedToken WithFlags(string key, AddedToken token)
    {
        foreach (ConfigSection? place in (ConfigSection?[])[_config, _map])
        {
            if (place is { } section && section.IsObject(key)) return AddedTokenReader.WithFlags(section.Section(key)!.Value, token);
        }

        return token;
    }

    /// <summary>The tokens of <c>added_tokens_decoder</c>.</summary>
    public IEnumerable<AddedToken> Added()
    {
        if (_config?.Section("added_tokens_decoder") is not { } decoder) yield break;
        foreach (JsonProperty entry in decoder.Element.EnumerateObject())
        {
            if (!int.TryParse(entry.Name, System.Globalization.NumberStyles.None, null, out int id) || id == int.MaxValue)
                throw new ModelException($"{decoder.Path}: {Quoting.Quote(entry.Name)} in \"added_tokens_decoder\" is no id, expected a whole number.");
            yield return AddedTokenReader.Read(decoder.Section(entry.Name) ?? throw new ModelException($"{decoder.Describe(entry.Name)}, expected an object."), id);
        }
    }

    private static ConfigSection? Open(string directory, string name)
    {
        string path = Path.Combine(directory, name);
        return File.Exists(path) ? ConfigFile.Open(path).Root : null;
    }

    private static string? NameIn(ConfigSection? place, string key) => place is not { } section ? null
        : section.IsObject(key) ? section.Section(key)!.Value.Text("content")
        : section.Text(key);
}
