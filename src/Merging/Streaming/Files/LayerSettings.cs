using System.Globalization;
using System.Text;
using System.Text.Json;
using MergeEngine.Merging.Analysis;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Files;

/// <summary>Settings that count layers, or have one value for each, where the output has other layers than the donor.</summary>
internal static class LayerSettings
{
    private static readonly string[] s_counts =
        ["num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_encoder_layers", "encoder_layers", "num_decoder_layers", "decoder_layers", "depth", "layers"];

    /// <summary>Lists with one value for each layer, in the configs of transformers; lists of layers' numbers are not among them.</summary>
    private static readonly string[] s_lists =
    [
        "layer_types", "mlp_layer_types", "layers_block_type", "block_types", "block_configs", "no_rope_layers", "attention_layers", "attn_type_list", "layers_types", "indexer_types",
        "activation_sparsity_pattern", "moe_layer_freq", "intermediate_size", "num_attention_heads", "num_key_value_heads", "num_query_heads", "num_kv_heads", "ffn_multipliers",
    ];

    private readonly record struct Origin(JobModel Model, LayerPlace Place);

    public static bool IsSought(string key) => s_counts.Contains(key) || s_lists.Contains(key);

    public static void Apply(JsonEdits config, MergeJob job, LayerFinder finder, Func<JobModel, JsonEdits?> configOf, List<string> notes)
    {
        var stacks = Origins(job, finder);
        foreach ((string stack, SortedDictionary<int, Origin> layers) in stacks)
        {
            int after = layers.Keys.Last() + 1, before = LayersOf(job.Donor.Checkpoint, stack, finder);
            bool moved = after != before || layers.Any(l => l.Value.Place.Number != l.Key);
            if (!moved) continue;
            string[] scopes = ScopesOf(config, stack);
            if (after != before) SetCount(config, stack, scopes, before, after, stacks.Keys, notes);
            foreach (JsonSetting list in config.All(s_lists).Where(s => s.Kind == JsonTokenType.StartArray && scopes.Contains(s.Scope)))
            {
                if (Rebuild(config, list, before, after, layers, finder, configOf, notes) is { } text) config.Set(list, text);
            }
        }
    }

    /// <summary>Where each layer of the output comes from: of several sources the base, or else the first.</summary>
    private static SortedDictionary<string, SortedDictionary<int, Origin>> Origins(MergeJob job, LayerFinder finder)
    {
        var stacks = new SortedDictionary<string, SortedDictionary<int, Origin>>(StringComparer.Ordinal);
        foreach (TensorJob tensor in job.Tensors)
        {
            if (finder.Find(tensor.Name) is not { } place) continue;
            if (!stacks.TryGetValue(place.Stack, out var layers)) stacks.Add(place.Stack, layers = []);
            if (layers.ContainsKey(place.Number)) continue;
            TensorSource source = tensor.Sources[Math.Max(tensor.Base, 0)];
            JobModel model = job.Models.FirstOrDefault(m => m.Checkpoint == source.Checkpoint) ?? job.Donor;
            layers.Add(place.Number, new Origin(model, finder.Find(source.Tensor) ?? place));
        }

        return stacks;
    }

    /// <summary>Layers of a stack in a file, which may lack the prefix of the whole encoder.</summary>
    private static int LayersOf(Checkpoint checkpoint, string stack, LayerFinder finder)
    {
        int layers = 0;
        foreach (string name in checkpoint.Names)
        {
            if (finder.Find(name) is { } place && (place.Stack == stack || TensorRoles.EndsWithPart(stack, place.Stack) || TensorRoles.EndsWithPart(place.Stack, stack))) layers = Math.Max(layers, place.Number + 1);
        }

        return layers;
    }

    /// <summary>The settings of the part of the model that a stack belongs to.</summary>
    private static string[] ScopesOf(JsonEdits config, string stack)
    {
        string[] scopes = [.. config.Settings.Select(s => s.Scope).Distinct()];
        string first = stack[..(stack.IndexOf('.', StringComparison.Ordinal) + 1)];
        if (first is "encoder." or "decoder." && scopes.Any(s => s.StartsWith(first, StringComparison.Ordinal))) return [.. scopes.Where(s => s.StartsWith(first, StringComparison.Ordinal))];
        bool sees = ModelConfig.IsOtherSense(stack);
        if (sees && scopes.Any(ModelConfig.IsOtherSense)) return [.. scopes.Where(ModelConfig.IsOtherSense)];
        string[] texts = [.. scopes.Where(s => s.Contains("text", StringComparison.Ordinal) || s.Contains("llm", StringComparison.Ordinal) || s.Contains("language", StringComparison.Ordinal))];
        // Of a model of several parts the settings of the whole, where there are some, are those of its language model.
        return sees ? [""] : ["", .. texts];
    }

    private static void SetCount(JsonEdits config, string stack, string[] scopes, int before, int after, IEnumerable<string> stacks, List<string> notes)
    {
        JsonSetting[] counts = [.. config.All(s_counts).Where(s => scopes.Contains(s.Scope) && config.Integer(s) is not null)];
        // Where encoder and decoder have a config each, that has been told apart already.
        bool isDecoder = HasPart(stack, "decoder") && !scopes[0].StartsWith("decoder.", StringComparison.Ordinal), isEncoder = !isDecoder && HasPart(stack, "encoder");
        if (isEncoder) counts = [.. counts.Where(s => !IsOf(s, "decoder"))];
        else if (isDecoder && counts.Any(s => IsOf(s, "decoder"))) counts = [.. counts.Where(s => IsOf(s, "decoder"))];
        else if (isDecoder && stacks.Any(s => HasPart(s, "encoder")) && counts.Length > 0)
        {
            // T5's decoder has as many layers as the encoder where this setting is absent.
            config.Add("num_decoder_layers", Text(after));
            return;
        }

        JsonSetting[] fitting = [.. counts.Where(s => config.Integer(s) == before)];
        if (fitting.Length == 0)
        {
            fitting = counts.Length == 1 ? counts : [];
            notes.Add(fitting.Length == 0
                ? $"{config.FilePath}: no setting tells that {Quoting.Quote(stack + "N")} has {Counting.Of(before, "layer")}, so the new number {after} is not written."
                : $"{config.FilePath}: {counts[0].Key} is not the number {before} of layers in the donor's file; the output's {after} is written.");
        }

        foreach (JsonSetting setting in fitting) config.Set(setting, Text(after));
    }

    /// <summary>A list for the new layers, each value from the config of the model that the layer is from; null where the list is no such list.</summary>
    private static string? Rebuild(
        JsonEdits config, JsonSetting list, int before, int after, SortedDictionary<int, Origin> layers, LayerFinder finder, Func<JobModel, JsonEdits?> configOf, List<string> notes)
    {
        string[] own = Elements(config, list);
        if (own.Length != before || before == 0) return null;
        var values = new string[after];
        var others = new Dictionary<JobModel, string[]?>();
        for (int i = 0; i < after; i++)
        {
            if (!layers.TryGetValue(i, out Origin origin)) return null;
            if (!others.TryGetValue(origin.Model, out string[]? source)) others.Add(origin.Model, source = ElementsOf(configOf(origin.Model), list, origin, finder));
            source ??= own;
            if (origin.Place.Number >= source.Length)
            {
                notes.Add($"{config.FilePath}: {list.Key} has no value for the layer {origin.Place.Number} of {origin.Model.Reference}, and is left as it is.");
                return null;
            }

            values[i] = source[origin.Place.Number];
        }

        return Join(config, list, values);
    }

    private static string[]? ElementsOf(JsonEdits? config, JsonSetting like, Origin origin, LayerFinder finder)
    {
        if (config is null || config.Settings.LastOrDefault(s => s.Scope == like.Scope && s.Key == like.Key) is not { Kind: JsonTokenType.StartArray } list) return null;
        string[] elements = Elements(config, list);
        return elements.Length == LayersOf(origin.Model.Checkpoint, origin.Place.Stack, finder) ? elements : null;
    }

    private static string[] Elements(JsonEdits config, JsonSetting list)
    {
        using JsonDocument value = config.Value(list);
        return [.. value.RootElement.EnumerateArray().Select(e => e.GetRawText())];
    }

    /// <summary>In the manner of the list that was there: on one line, or a value a line.</summary>
    private static string Join(JsonEdits config, JsonSetting list, string[] values)
    {
        string old = config.TextOf(list);
        string lead = old[1..(old.Length - old[1..].TrimStart().Length)], trail = old[old[..^1].TrimEnd().Length..^1];
        return new StringBuilder("[").Append(lead).AppendJoin(lead.Length > 0 ? $",{lead}" : ", ", values).Append(trail).Append(']').ToString();
    }

    private static bool HasPart(string stack, string part) => stack.Split('.').Contains(part);

    private static bool IsOf(JsonSetting setting, string part) => setting.Key.Contains(part, StringComparison.Ordinal);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
