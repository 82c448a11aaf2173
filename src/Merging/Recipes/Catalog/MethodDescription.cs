using MergeEngine.Merging.Recipes.Parameters;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Recipes.Catalog;

/// <summary>Which of two arithmetics a method's name stands for.</summary>
public enum Dialect
{
    /// <summary>As mergekit computes it: per tensor, weighted signs, L1 rescale, mean of cosines.</summary>
    Mergekit,

    /// <summary>As published.</summary>
    Paper,
}

/// <summary>What a <c>base_model</c> is to a method.</summary>
public enum BaseRole
{
    /// <summary>The method needs one, which is no input of its own. With <c>models</c> it need not be listed; with <c>slices</c> it must.</summary>
    Required,

    /// <summary>The method works on differences from it if there is one.</summary>
    Optional,

    /// <summary>It is an input like any other, with parameters of its own; with <c>models</c> it is added if it is not listed.</summary>
    Input,
}

/// <summary>One merging method in one dialect: how many models it takes, and its parameters.</summary>
/// <param name="Name">As recipes write it.</param>
/// <param name="Dialect">The arithmetic.</param>
/// <param name="Summary">What it does, without a full stop.</param>
/// <param name="Base">What a base model is to it.</param>
/// <param name="LeastModels">Fewest models, not counting a base that is no input.</param>
public sealed record MethodDescription(string Name, Dialect Dialect, string Summary, BaseRole Base, int LeastModels)
{
    /// <summary>Most models, not counting a base that is no input.</summary>
    public int MostModels { get; init; } = int.MaxValue;

    /// <summary>Parameters that hold for all models; they see the name of the output's tensor.</summary>
    public IReadOnlyList<MethodParameter> Shared { get; init; } = [];

    /// <summary>Parameters of one model; they see the name of that input's tensor. Wider scopes give them for all models.</summary>
    public IReadOnlyList<MethodParameter> PerModel { get; init; } = [];

    /// <summary>Where the method was published.</summary>
    public string Source { get; init; } = "";

    /// <summary>What all parameters of a tensor must fulfil together: a sentence for those that do not, otherwise null.</summary>
    public Func<TensorParameters, string?>? Condition { get; init; }

    /// <summary>The parameter of that name, shared or per model; null if there is none.</summary>
    public MethodParameter? Find(string name) => Shared.FirstOrDefault(p => p.Name == name) ?? PerModel.FirstOrDefault(p => p.Name == name);

    /// <summary>The parameter that says how many models there must be at least; null where the method always takes as many.</summary>
    public string? LeastModelsParameter { get; init; }

    /// <summary>How many models the method takes, in words.</summary>
    public string Models => (LeastModels, MostModels) switch
    {
        _ when LeastModelsParameter is { } parameter => $"at least {Counting.Of((long)(Find(parameter)?.Default?.Number ?? LeastModels), "model")}, or as many as {parameter} says",
        (0, int.MaxValue) => "any number of models",
        var (least, most) when least == most => $"exactly {Counting.Of(least, "model")}",
        (var least, int.MaxValue) => $"at least {Counting.Of(least, "model")}",
        var (least, most) => $"{least} to {Counting.Of(most, "model")}",
    };
}
