using System.Diagnostics;
using System.Globalization;

namespace MergeEngine.Merging.Methods;

/// <summary>One setting that a search tried.</summary>
/// <param name="Value">The setting, λ or ρ.</param>
/// <param name="Score">What the score function gave it; higher is better.</param>
/// <param name="Seconds">Merging and scoring.</param>
public readonly record struct SearchEvaluation(double Value, double Score, double Seconds);

/// <param name="Best">The setting with the highest score, the first of equals.</param>
/// <param name="Score">Its score.</param>
/// <param name="Evaluations">All that were tried, in order: what the choice cost.</param>
public sealed record SearchResult(double Best, double Score, IReadOnlyList<SearchEvaluation> Evaluations);

/// <summary>
/// Chooses one coefficient from a grid by a score on validation data. Every evaluation is kept, because a method that was searched for has
/// seen more data than one that was not.
/// </summary>
public static class CoefficientSearch
{
    /// <summary>Tries every value of the grid in order; among equal scores the first stands.</summary>
    /// <param name="grid">The values.</param>
    /// <param name="score">Score of a value, higher is better.</param>
    /// <param name="cancellation">Checked between evaluations.</param>
    /// <exception cref="ArgumentException">The grid is empty or holds a value that is not finite, or no value has a score that is a number.</exception>
    public static SearchResult Run(IReadOnlyList<double> grid, Func<double, double> score, CancellationToken cancellation = default)
    {
        if (grid.Count == 0) throw new ArgumentException("The grid of a coefficient search is empty.", nameof(grid));
        foreach (double value in grid)
        {
            if (!double.IsFinite(value)) throw new ArgumentException($"The grid of a coefficient search holds {value}, expected finite numbers.", nameof(grid));
        }

        var evaluations = new List<SearchEvaluation>(grid.Count);
        int best = -1;
        foreach (double value in grid)
        {
            cancellation.ThrowIfCancellationRequested();
            long start = Stopwatch.GetTimestamp();
            double result = score(value);
            evaluations.Add(new SearchEvaluation(value, result, Stopwatch.GetElapsedTime(start).TotalSeconds));
            if (!double.IsNaN(result) && (best < 0 || result > evaluations[best].Score)) best = evaluations.Count - 1;
        }

        if (best < 0)
        {
            string tried = string.Join(", ", grid.Select(v => v.ToString(CultureInfo.InvariantCulture)));
            throw new ArgumentException($"No coefficient of the grid ({tried}) has a score that is a number.", nameof(score));
        }

        return new SearchResult(evaluations[best].Value, evaluations[best].Score, evaluations);
    }
}
