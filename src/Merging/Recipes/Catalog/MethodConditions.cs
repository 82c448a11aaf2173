using System.Globalization;
using MergeEngine.Merging.Recipes.Parameters;

namespace MergeEngine.Merging.Recipes.Catalog;

/// <summary>What several parameters must fulfil together.</summary>
internal static class MethodConditions
{
    /// <summary>An average needs a sum to divide by. What is left of weights that cancel, such as 0.1 + 0.2 - 0.3, is no sum.</summary>
    public static string? NonzeroSumOfWeights(TensorParameters parameters)
    {
        double sum = 0, magnitude = 0;
        foreach (int model in parameters.Models)
        {
            double weight = parameters.Number("weight", model);
            sum += weight;
            magnitude += Math.Abs(weight);
        }

        if (!double.IsFinite(magnitude)) return "the weights sum to more than a number can be, and the average divides by their sum";
        return Math.Abs(sum) > 1e-12 * magnitude ? null : "the weights sum to 0, and the average divides by their sum";
    }

    /// <summary>DELLA's probabilities run from density - epsilon to density + epsilon; at density 0 and 1 there is nothing to draw.</summary>
    public static string? KeepProbabilities(TensorParameters parameters)
    {
        foreach (int model in parameters.Models)
        {
            double density = parameters.Number("density", model), epsilon = parameters.Number("epsilon", model);
            if (density is > 0 and < 1 && !(density - epsilon > 0 && density + epsilon < 1))
                return string.Create(CultureInfo.InvariantCulture, $"the keep probabilities of 'della' run from density - epsilon to density + epsilon and must lie inside (0, 1), found {density} and {epsilon}");
        }

        return null;
    }
}
