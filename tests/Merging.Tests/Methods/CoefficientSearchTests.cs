using MergeEngine.Merging.Methods;

namespace MergeEngine.Merging.Tests.Methods;

public sealed class CoefficientSearchTests
{
    [Fact]
    public void The_best_score_wins_and_every_evaluation_is_kept()
    {
        double[] grid = [0.1, 0.2, 0.3, 0.4];
        SearchResult result = CoefficientSearch.Run(grid, v => -Math.Abs(v - 0.3));
        Assert.Equal(0.3, result.Best);
        Assert.Equal(0, result.Score);
        Assert.Equal(grid, result.Evaluations.Select(e => e.Value));
        Assert.All(result.Evaluations, e => Assert.Equal(-Math.Abs(e.Value - 0.3), e.Score));
    }

    [Fact]
    public void Among_equal_scores_the_first_of_the_grid_stands() =>
        Assert.Equal(0.7, CoefficientSearch.Run([0.9, 0.7, 0.5], v => v == 0.9 ? 1 : 2).Best);

    [Fact]
    public void A_score_that_is_no_number_never_wins() =>
        Assert.Equal(0.5, CoefficientSearch.Run([0.9, 0.7, 0.5], v => v > 0.6 ? double.NaN : -1).Best);

    [Fact]
    public void Bad_grids_are_refused()
    {
        BadInputTests.Refused("The grid of a coefficient search is empty.", () => CoefficientSearch.Run([], _ => 1));
        BadInputTests.Refused("The grid of a coefficient search holds NaN, expected finite numbers.", () => CoefficientSearch.Run([double.NaN], _ => 1));
        BadInputTests.Refused("No coefficient of the grid (0.1, 0.2) has a score that is a number.", () => CoefficientSearch.Run([0.1, 0.2], _ => double.NaN));
    }

    [Fact]
    public void Cancelling_stops_between_evaluations()
    {
        using var source = new CancellationTokenSource();
        int evaluated = 0;
        Assert.Throws<OperationCanceledException>(() => CoefficientSearch.Run([1, 2, 3], v => { evaluated++; source.Cancel(); return v; }, source.Token));
        Assert.Equal(1, evaluated);
    }
}
