using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Recipes.Catalog;

/// <summary>Short forms for the tables of parameters.</summary>
internal static class Describe
{
    public static MethodParameter Weight(string summary) => new("weight", ParameterType.Number, summary) { Required = true };

    public static MethodParameter Weight(string summary, double fallback) => new("weight", ParameterType.Number, summary) { Default = fallback };

    public static MethodParameter Number(string name, double fallback, string summary, double least = double.NegativeInfinity, double most = double.PositiveInfinity) =>
        new(name, ParameterType.Number, summary) { Default = fallback, Least = least, Most = most };

    public static MethodParameter RequiredNumber(string name, string summary, double least = double.NegativeInfinity, double most = double.PositiveInfinity) =>
        new(name, ParameterType.Number, summary) { Required = true, Least = least, Most = most };

    public static MethodParameter Integer(string name, int fallback, string summary, int least, int most = int.MaxValue) =>
        new(name, ParameterType.Integer, summary) { Default = fallback, Least = least, Most = most };

    public static MethodParameter Flag(string name, bool fallback, string summary) => new(name, ParameterType.Flag, summary) { Default = fallback };

    /// <summary>"is 1 model", "are 3 models".</summary>
    public static string Are(int models) => $"{(models == 1 ? "is" : "are")} {Counting.Of(models, "model")}";

    /// <summary>mergekit's switch for the type of a temporary: accepted, and without effect on any result.</summary>
    public static MethodParameter Int8Mask { get; } = Flag("int8_mask", false, "no effect; accepted because mergekit's recipes have it");
}
