using MergeEngine.Merging.Yaml;

namespace MergeEngine.Merging.Experiments;

/// <summary>Where the frozen heads of an experiment come from: a file, or logistic regression on the features of the pre-trained model.</summary>
/// <param name="File">Path of the safetensors file; null where heads are fitted.</param>
/// <param name="L2">Penalty of the regression.</param>
public sealed record HeadsEntry(string? File, double L2 = 1)
{
    internal static HeadsEntry? Read(YamlValue? value, Func<string, string> resolve)
    {
        if (value is null) return null;
        if (value is not YamlMapping map) return new HeadsEntry(resolve(value.AsScalar("'heads'").Text));
        map.Require("fit");
        map.Choice("fit", "", "logistic-regression");
        var entry = new HeadsEntry(null, map.NumberAbove("l2", 1, 0));
        map.Finish("'heads'");
        return entry;
    }
}
