using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// What <see cref="DifferenceMerge"/> does, of whole tensors in float64: output = base + λ·(m/divisor), with m made of the models' thinned differences by a rule,
/// every product and sum rounded by itself and in the order of the recipe, which is also mergekit's in float64.
/// </summary>
internal static class DifferenceFloat64
{
    /// <param name="task">The tensor; it has a base.</param>
    /// <param name="models">The models in the order of the recipe.</param>
    /// <param name="rule">How their differences are put together.</param>
    /// <param name="divisor">Divides what comes out.</param>
    /// <param name="lambda">Factor of what comes out then.</param>
    /// <param name="rescale">Give every thinned difference the L1 norm that it had.</param>
    /// <param name="inputs">The inputs, whole.</param>
    /// <param name="output">The output, whole.</param>
    public static void Merge(
        TensorTask task, IReadOnlyList<ModelDifference> models, DifferenceRule rule, double divisor, double lambda, bool rescale,
        IReadOnlyList<double[]> inputs, double[] output)
    {
        double[] origin = inputs[task.Base];
        if (lambda == 0 || models.Count == 0)
        {
            origin.CopyTo(output, 0);
            return;
        }

        double[][] differences = [.. models.Select(m => Thinned(m.Thinning, inputs[m.Source], origin, rescale))];
        var column = new double[models.Count];
        for (int i = 0; i < output.Length; i++)
        {
            for (int k = 0; k < column.Length; k++) column[k] = differences[k][i];
            double merged = Merge(models, rule, column);
            output[i] = merged == 0 ? origin[i] : origin[i] + (merged / divisor * lambda);
        }
    }

    /// <summary>x − base where it counts, else 0.</summary>
    public static double[] Thinned(Thinning thinning, double[] values, double[] origin, bool rescale)
    {
        var difference = new double[values.Length];
        for (int i = 0; i < difference.Length; i++) difference[i] = values[i] - origin[i];
        if (thinning.IsWhole) return difference;
        var counts = new bool[difference.Length];
        thinning.Choose(difference, counts);
        double before = 0, after = 0;
        for (int i = 0; i < difference.Length; i++)
        {
            before += Math.Abs(difference[i]);
            if (counts[i]) after += Math.Abs(difference[i]);
            else difference[i] = 0;
        }

        double factor = rescale && after > 0 && double.IsFinite(before / after) ? before / after : 1;
        if (factor != 1)
        {
            for (int i = 0; i < difference.Length; i++) difference[i] *= factor;
        }

        return difference;
    }

    private static double Merge(IReadOnlyList<ModelDifference> models, DifferenceRule rule, double[] d) => rule switch
    {
        DifferenceRule.Sum => Sum(models, d),
        DifferenceRule.SharedMean => SharedMean(models, d),
        DifferenceRule.Largest => Largest(models, d, null),
        _ => Elected(models, rule, d),
    };

    private static double Sum(IReadOnlyList<ModelDifference> models, double[] d)
    {
        double sum = 0;
        for (int k = 0; k < d.Length; k++) sum += d[k] * models[k].Factor;
        return sum;
    }

    /// <summary>The sign of the sum of votes, + where that is 0, and what has it.</summary>
    private static double Elected(IReadOnlyList<ModelDifference> models, DifferenceRule rule, double[] d)
    {
        double votes = 0, sum = 0, weights = 0;
        for (int k = 0; k < d.Length; k++) votes += d[k] * models[k].Vote;
        if (double.IsNaN(votes)) return double.NaN;
        if (rule == DifferenceRule.ElectedLargest) return Largest(models, d, votes);
        for (int k = 0; k < d.Length; k++)
        {
            if (!Agrees(votes, d[k], models[k])) continue;
            sum += d[k] * models[k].Factor;
            weights += models[k].Weight;
        }

        return rule == DifferenceRule.ElectedMean && weights != 0 ? sum / weights : sum;
    }

    private static bool Agrees(double votes, double difference, ModelDifference model) =>
        votes >= 0 ? difference * Math.Sign(model.Vote) > 0 : difference * Math.Sign(model.Vote) < 0;

    /// <summary>The mean of those that are not 0; a lone one by its own factor.</summary>
    private static double SharedMean(IReadOnlyList<ModelDifference> models, double[] d)
    {
        double sum = 0, weights = 0, lone = 0;
        int owners = 0;
        for (int k = 0; k < d.Length; k++)
        {
            if (d[k] == 0) continue;
            owners++;
            sum += d[k] * models[k].Factor;
            weights += models[k].Weight;
            lone = d[k] * models[k].Vote;
        }

        return owners == 1 ? lone : weights != 0 ? sum / weights : sum;
    }

    /// <summary>The first of those that are farthest from 0, among those that agree with the votes where there are some.</summary>
    private static double Largest(IReadOnlyList<ModelDifference> models, double[] d, double? votes)
    {
        double largest = 0;
        for (int k = 0; k < d.Length; k++)
        {
            if ((votes is not { } sum || Agrees(sum, d[k], models[k])) && Math.Abs(d[k]) > Math.Abs(largest)) largest = d[k];
        }

        return largest;
    }
}
