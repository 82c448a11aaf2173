using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Methods.Statistics;
using MergeEngine.Merging.TensorMethods.TaskVectors;
using MergeEngine.Merging.TensorMethods.WholeModel;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.Published;

/// <summary>
/// TIES (Yadav et al., arXiv 2306.01708), d_k = x_k − b. Trim: of each d_k the ⌊density·n + ½⌋ largest |d_k| of the whole model of n elements stay, equal ones by lowest index; all else is 0: v_k.
/// Elect: at each position the sign s of Σ v_k, unweighted; where that is 0, the sign that most positions have, + if neither. Disjoint mean: output = b + λ·Σ w_k·v_k / Σ w_k over the v_k that are
/// not 0 and have the sign s.
/// </summary>
/// <remarks>
/// The mean has weights of 1 in the paper. Its code keeps one element more, and all that equal the smallest one kept. The order of elements is that of tensors by the ordinal order of their names.
/// </remarks>
public sealed class PublishedTies : TensorMethod
{
    public override string Name => "ties";

    public override ModelStatistics? BeginModel(ModelTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        return FlatStatistics.CountModels(task, Name) == 0 ? null : new TrimAndSign(task);
    }

    public override TensorMerge Begin(TensorTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        GeneralizedTaskArithmetic.RequireBase(task, Name);
        int undecided = (task.Statistics as TrimAndSign)?.UndecidedSign ?? 1;
        // Votes turned around give what is undecided, where + wins, to −.
        return new DifferenceMerge(
            task, [.. task.Parameters.Models.Select((source, k) => new ModelDifference(source, task.Parameters.Number("weight", source), new ModelTrim(task, k)) { Vote = undecided })],
            DifferenceRule.ElectedMean, task.Parameters.Number("lambda"), rescale: false);
    }

    /// <summary>What the whole model's trim keeps of one tensor, whose elements a merge counts from its first.</summary>
    private sealed class ModelTrim(TensorTask task, int model) : Thinning
    {
        public override Selection Kept
        {
            get
            {
                Selection kept = FlatStatistics.Of<TrimAndSign>(task).Kept[model];
                return kept.LastIndex == long.MaxValue ? kept : kept with { LastIndex = kept.LastIndex - task.FirstIndex };
            }
        }

        public override void Choose(ReadOnlySpan<double> difference, Span<bool> counts) => new LimitThinning(Kept).Choose(difference, counts);
    }

    private sealed class TrimAndSign : FlatStatistics
    {
        private readonly MagnitudeSelections _trim;
        private readonly MajoritySign _majority;

        public TrimAndSign(ModelTask task)
            : base(task, "ties")
        {
            TensorTask first = task.Tensors[0];
            _trim = new MagnitudeSelections(task.Device, [.. first.Parameters.Models.Select(source => Ties.CountOf(first.Parameters.Number("density", source), Length))]);
            _majority = new MajoritySign(new MergeShape(task.Device, Models, Length, false), _trim);
            Statistics = [_trim, _majority];
        }

        public Selection[] Kept => _trim.Kept;

        public int UndecidedSign => _majority.Sign;

        protected override IReadOnlyList<IMergeStatistic> Statistics { get; }
    }
}
