namespace MergeEngine.Tensors.Operations;

/// <summary>What <see cref="OperationSet.CompetitionScores"/> and <see cref="OperationSet.MergeCompetition"/> know of one vector as a whole.</summary>
/// <param name="Low">Smallest magnitude: lesser ones are raised to it.</param>
/// <param name="High">Largest magnitude: greater ones are cut to it.</param>
/// <param name="Threshold">Score up to which an element has no weight.</param>
/// <param name="Most">Score from which on it has a weight of 1.</param>
/// <param name="Factor">Factor of the vector.</param>
public readonly record struct CompetitionTerm(double Low, double High, double Threshold = 0, double Most = 0, double Factor = 1)
{
    /// <summary>The nearest magnitude within the limits; NaN stays.</summary>
    internal double Clip(double size) => Within(size, Low, High);

    /// <summary>Where a magnitude stands between the limits, from 0 to 1; 0 where they are one.</summary>
    internal double Share(double size) => High > Low ? (Clip(size) - Low) / (High - Low) : 0;

    /// <summary>Where a score stands between the threshold and the largest.</summary>
    internal double Weight(double score) => Most > Threshold ? (Within(score, Threshold, Most) - Threshold) / (Most - Threshold) : 0;

    /// <summary>The score of an element with the value <paramref name="value"/> among <paramref name="count"/> vectors whose signed shares add up to <paramref name="sum"/>.</summary>
    internal double Score(double value, double sum, int count)
    {
        double share = Share(Math.Abs(value));
        double score = DoubleFunctions.Exponential(count * ((share * share) - 1)) * DoubleFunctions.Tanh(value * sum);
        return score <= 0 ? 0 : score;
    }

    private static double Within(double x, double low, double high)
    {
        x = x < low ? low : x;
        return high < x ? high : x;
    }
}
