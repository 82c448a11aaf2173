using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Methods.Statistics;
using MergeEngine.Merging.TensorMethods.TaskVectors;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.WholeModel;

/// <summary>
/// Task arithmetic in a trust region (Sun et al., arXiv 2501.15065, equation 5): output = b + λ·Σ w_k·(m ⊙ d_k) with d_k = x_k − b. The mask m drops the positions where tasks
/// get into each other's way most, those with the largest Ω = Σ_j Σ_{k≠j} g_j·|d_k| over the whole model, with the unweighted d_k and g_j the mean over samples of |∂loss_j/∂θ| at the
/// base, from the file that <c>gradients</c> names; where no model names one |d_j| stands in for g_j (zero-shot).
/// <para>
/// Exactly: a position is live where some d_k is not 0, in tensors that every model's gradient file has; of n live ones the n − ⌊rho·n + ½⌋ with the largest Ω are
/// dropped, among equals the lowest index first, tensors being in the ordinal order of their names. All others are kept. With one model, or rho = 1, this is
/// task_arithmetic bit for bit.
/// </para>
/// </summary>
/// <remarks>
/// The paper's text was not at hand; read were its reviews, which quote equation 5, and independent implementations. One of those compares strictly with the threshold, and so drops one
/// position more and, where most Ω are 0, all of them; another counts frozen positions too.
/// </remarks>
public sealed class TatrMethod : TensorMethod
{
    public override string Name => "tatr";

    public override ModelStatistics? BeginModel(ModelTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        int models = FlatStatistics.CountModels(task, Name);
        if (models == 0) return null;
        TensorTask first = task.Tensors[0];
        var region = new TrustRegion(first.Parameters.Number("rho"), IsZeroShot(first));
        return region.Restricts(models) ? new Region(task, region) : null;
    }

    public override TensorMerge Begin(TensorTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        GeneralizedTaskArithmetic.RequireBase(task, Name);
        double[] weights = [.. task.Parameters.Models.Select(source => task.Parameters.Number("weight", source))];
        double scale = task.Parameters.Number("lambda");
        return task.Statistics is Region region
            ? new RegionMerge(task, region, weights, scale)
            : new DifferenceMerge(task, [.. task.Parameters.Models.Select((source, k) => new ModelDifference(source, weights[k], new NoThinning()))], DifferenceRule.Sum, scale, rescale: false);
    }

    private static bool IsZeroShot(TensorTask task) => task.Parameters.Models.All(source => task.Parameters.File("gradients", source) is null);

    /// <summary>The threshold of Ω.</summary>
    private sealed class Region : FlatStatistics
    {
        private readonly TrustRegionSelection _selection;
        private readonly CompanionSigns? _signs;
        private bool _isFirst = true;

        public Region(ModelTask task, TrustRegion region)
            : base(task, "tatr")
        {
            ZeroShot = region.ZeroShot;
            _selection = new TrustRegionSelection(region, new MergeShape(task.Device, Models, Length, !ZeroShot));
            Statistics = [_selection];
            if (!ZeroShot) _signs = new CompanionSigns(task.Device, Models, "gradients");
        }

        public bool ZeroShot { get; }

        public bool DropsAny => _selection.DropsAny;

        public Selection Selection => _selection.Selection;

        protected override IReadOnlyList<IMergeStatistic> Statistics { get; }

        /// <summary>Keys of a piece.</summary>
        protected override long OtherBytes => sizeof(double) * DifferencePieces.Next(0, Length);

        public override void Accumulate(TensorTask tensor, in TensorChunk chunk)
        {
            base.Accumulate(tensor, chunk);
            if (_isFirst) _signs?.Accumulate(tensor, chunk);
        }

        public override void CompletePass()
        {
            if (_isFirst) _signs?.Check("The gradients", "hold", "'tatr' takes means of absolute values");
            _isFirst = false;
            base.CompletePass();
        }

        /// <summary>Tensors that a gradient file lacks are not live.</summary>
        public bool IsLive(TensorTask tensor, in TensorChunk chunk) => ZeroShot || DifferencePieces.HasCompanions(tensor, chunk);

        protected override bool Counts(TensorTask tensor, in TensorChunk chunk) => IsLive(tensor, chunk);

        protected override void Dispose(bool disposing)
        {
            if (disposing) _signs?.Dispose();
            base.Dispose(disposing);
        }
    }

    private sealed class RegionMerge : TensorMerge
    {
        private readonly TensorTask _task;
        private readonly Region _region;
        private readonly double[] _weights;
        private readonly double _scale;
        private readonly DifferencePieces _pieces;
        private readonly DifferenceTerm[] _terms;

        public RegionMerge(TensorTask task, Region region, double[] weights, double scale)
        {
            (_task, _region, _weights, _scale) = (task, region, weights, scale);
            _pieces = new DifferencePieces(task.Device, weights.Length, task.Length, keys: 1, masks: 1);
            _terms = new DifferenceTerm[weights.Length];
        }

        public override long WorkingBytes => _pieces.Bytes;

        public override void Map(in TensorChunk chunk)
        {
            OperationSet operations = _task.Device.Operations;
            bool masks = _region.DropsAny && _region.IsLive(_task, chunk);
            for (long start = 0, length; start < chunk.Length; start += length)
            {
                length = DifferencePieces.Next(start, chunk.Length);
                DeviceSpan<byte> mask = masks ? Mask(chunk, start, length) : default;
                for (int k = 0; k < _terms.Length; k++) _terms[k] = DifferenceTerm.Whole(_weights[k]) with { Mask = mask };
                operations.MergeDifferences(
                    chunk.Output.Slice(start, length), chunk.Inputs[_task.Base].Slice(start, length), _pieces.Inputs(_task, chunk, start, length), _terms, DifferenceRule.Sum, _scale);
            }
        }

        protected override void Dispose(bool disposing)
        {
            _pieces.Dispose();
            base.Dispose(disposing);
        }

        private DeviceSpan<byte> Mask(in TensorChunk chunk, long start, long length)
        {
            OperationSet operations = _task.Device.Operations;
            DeviceSpan<double> keys = _pieces.Key(0, length);
            DeviceSpan<byte> mask = _pieces.Mask(0, length);
            MergeChunk piece = _pieces.Differences(_task, chunk, start, length);
            operations.CrossMagnitude(keys, _region.ZeroShot ? [] : piece.Gradients, piece.TaskVectors);
            operations.DropMask(mask, keys, _region.Selection, piece.FirstIndex);
            return mask;
        }
    }
}
