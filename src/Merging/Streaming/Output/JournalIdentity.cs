using System.Text.Json.Serialization;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Output;

/// <summary>The first line of a journal: which merge it belongs to.</summary>
internal sealed record JournalIdentity(
    string Engine,
    string Recipe,
    string Dialect,
    ulong? Seed,
    SortedDictionary<string, string> Options,
    string Plan,
    JournalInput[] Inputs)
{
    /// <returns>What is not the same, as the rest of a sentence; null if this is the same merge.</returns>
    public string? DifferenceTo(JournalIdentity now)
    {
        if (Engine != now.Engine) return $"was begun by version {Engine}, and this is {now.Engine}";
        if (Recipe != now.Recipe) return "was begun with another recipe";
        if (Dialect != now.Dialect) return $"was begun in the dialect {Dialect}, and this is {now.Dialect}";
        if (Seed != now.Seed) return $"was begun with {(Seed is { } seed ? $"the seed {seed}" : "no seed")}, and this has {(now.Seed is { } other ? $"the seed {other}" : "none")}";
        if (!Options.SequenceEqual(now.Options)) return $"was begun with other options ({MergeDescription.OtherOptions(Options, now.Options)})";
        if (Inputs.Length != now.Inputs.Length) return $"was begun with {Counting.Of(Inputs.Length, "input file")}, and there {(now.Inputs.Length == 1 ? "is" : "are")} {now.Inputs.Length} now";
        for (int i = 0; i < Inputs.Length; i++)
        {
            if (Inputs[i].Path != now.Inputs[i].Path) return $"was begun with the input {Inputs[i].Path}, and now it is {now.Inputs[i].Path}";
            if (Inputs[i].Bytes != now.Inputs[i].Bytes) return $"was begun before its input {Inputs[i].Path} was changed";
        }

        return Plan == now.Plan ? null : "was begun with other tensors, dtypes or shard sizes";
    }

    /// <summary>Which inputs of the same merge have another time now: copies of the same bytes, or other bytes.</summary>
    public IEnumerable<int> TouchedInputs(JournalIdentity now) => Enumerable.Range(0, Inputs.Length).Where(i => Inputs[i].Modified != now.Inputs[i].Modified);
}

/// <summary>An input as it was when the merge began.</summary>
internal sealed record JournalInput(string Path, long Bytes, string Modified);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(JournalIdentity))]
internal sealed partial class JournalJson : JsonSerializerContext;
