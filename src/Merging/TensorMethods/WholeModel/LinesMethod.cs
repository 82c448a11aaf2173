using MergeEngine.Merging.Methods;
using MergeEngine.Merging.TensorMethods.TaskVectors;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.WholeModel;

/// <summary>
/// LiNeS (Wang et al., arXiv 2410.17146): output = b + (alpha + beta·p)·Σ w_k·d_k with d_k = x_k − b, where p runs from 0 at the first layer of a stack to 1 at the last; tensors outside of
/// the layers have p = 0. So early layers, which hold what all tasks share, move less. Without <c>alpha</c> it is the paper's for merging K models,
/// (1/K)·‖Σ d_k‖₁ / ‖Σ w_k·d_k‖₁ over the whole model: 1/K with weights of 1.
/// </summary>
/// <remarks>
/// Read was the authors' code, which has alpha for what stands before and behind the layers alike, and norms of one factor for the whole model. A stack of one layer has p = 1: it is the last.
/// </remarks>
public sealed class LinesMethod : TensorMethod
{
    public override string Name => "lines";

    public override bool HasFloat64 => true;

    public override int Float64Arrays(int models) => models;

    public override ModelStatistics? BeginModel(ModelTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        int models = FlatStatistics.CountModels(task, Name);
        if (models == 0 || task.Tensors[0].Parameters.NumberOrNull("alpha") is not null) return null;
        // Norms of a vector and of its multiple need no pass.
        double first = task.Tensors[0].Parameters.Number("weight", task.Tensors[0].Parameters.Models[0]);
        return first != 0 && task.Tensors.All(t => t.Parameters.Models.All(source => t.Parameters.Number("weight", source) == first)) ? null : new Norms(task);
    }

    public override TensorMerge Begin(TensorTask task)
    {
        (ModelDifference[] models, double factor) = Differences(task);
        return new DifferenceMerge(task, models, DifferenceRule.Sum, factor, rescale: false);
    }

    /// <summary>An alpha that comes from norms is that of differences in float32.</summary>
    /// <inheritdoc/>
    public override void MergeFloat64(TensorTask task, IReadOnlyList<double[]> inputs, double[] output)
    {
        (ModelDifference[] models, double factor) = Differences(task);
        DifferenceFloat64.Merge(task, models, DifferenceRule.Sum, 1, factor, rescale: false, inputs, output);
    }

    private (ModelDifference[] Models, double Factor) Differences(TensorTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        GeneralizedTaskArithmetic.RequireBase(task, Name);
        ModelDifference[] models = [.. task.Parameters.Models.Select(source => new ModelDifference(source, task.Parameters.Number("weight", source), new NoThinning()))];
        double alpha = task.Parameters.NumberOrNull("alpha") ?? (task.Statistics as Norms)?.Alpha ?? (models.Length == 0 ? 0 : 1 / Math.Abs(models.Length * models[0].Factor));
        return (models, alpha + (task.Parameters.Number("beta") * task.Position));
    }

    private sealed class Norms : ModelStatistics
    {
        private readonly DifferencePieces _pieces;
        private readonly RunningSums _sums;
        private readonly DifferenceTerm[] _terms;

        public Norms(ModelTask task)
        {
            int models = task.Tensors[0].Parameters.Models.Count;
            _pieces = new DifferencePieces(task.Device, models, FlatStatistics.Longest(task), floats: 3);
            _sums = new RunningSums(task.Device, 2, SumTerms.Magnitudes);
            _terms = new DifferenceTerm[models];
        }

        public double? Alpha { get; private set; }

        public override long WorkingBytes => _pieces.Bytes;

        public override bool NeedsPass => Alpha is null;

        public override void Accumulate(TensorTask tensor, in TensorChunk chunk)
        {
            OperationSet operations = tensor.Device.Operations;
            for (long start = 0, length; start < chunk.Length; start += length)
            {
                length = DifferencePieces.Next(start, chunk.Length);
                MergeChunk piece = _pieces.Differences(tensor, chunk, start, length);
                DeviceSpan<float> zero = _pieces.Float(0, length), plain = _pieces.Float(1, length), weighted = _pieces.Float(2, length);
                operations.Fill(zero, 0);
                _terms.AsSpan().Fill(DifferenceTerm.Whole(1));
                operations.MergeDifferences(plain, zero, piece.TaskVectors, _terms, DifferenceRule.Sum, 1);
                for (int k = 0; k < _terms.Length; k++) _terms[k] = DifferenceTerm.Whole(tensor.Parameters.Number("weight", tensor.Parameters.Models[k]));
                operations.MergeDifferences(weighted, zero, piece.TaskVectors, _terms, DifferenceRule.Sum, 1);
                _sums.Add([plain, weighted]);
            }
        }

        public override void CompletePass()
        {
            ReadOnlySpan<double> sums = _sums.Read();
            // Weights that cancel everything leave nothing to scale.
            Alpha = sums[1] > 0 && double.IsFinite(sums[0] / sums[1]) ? sums[0] / sums[1] / _terms.Length : 1.0 / _terms.Length;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                _pieces.Dispose();
                _sums.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
