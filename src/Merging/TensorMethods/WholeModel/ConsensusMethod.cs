using MergeEngine.Merging.Methods;
using MergeEngine.Merging.TensorMethods.TaskVectors;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.WholeModel;

/// <summary>
/// Consensus merging with TALL masks (Wang et al., arXiv 2405.07813): output = b + λ·Σ w_k·(c ⊙ d_k) with d_k = x_k − b. The mask of model t, m_t = 1 where |d_t| &gt; mask_lambda_t·|Σ_j d_j − d_t|,
/// says where its own difference stands out from those of the others; c = 1 where at least <c>least_models</c> masks are 1, so that positions which
/// no task needs, or one alone, keep the base's bits.
/// </summary>
/// <remarks>
/// Masks are those of unweighted differences, as the paper's merged vector Σ d_j has a factor of 1 there; the sum of the other models' differences is rounded to float32 once.
/// mask_lambda is chosen for each task on validation data in the paper, from 0.2 to 0.6; here the recipe says it, 0.4 if it does not.
/// </remarks>
public sealed class ConsensusMethod : TensorMethod
{
    public override string Name => "consensus";

    public override bool HasFloat64 => true;

    public override TensorMerge Begin(TensorTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        GeneralizedTaskArithmetic.RequireBase(task, Name);
        return new ConsensusMerge(task);
    }

    public override void MergeFloat64(TensorTask task, IReadOnlyList<double[]> inputs, double[] output)
    {
        ArgumentNullException.ThrowIfNull(task);
        GeneralizedTaskArithmetic.RequireBase(task, Name);
        double lambda = task.Parameters.Number("lambda");
        int least = task.Parameters.Integer("least_models");
        IReadOnlyList<int> models = task.Parameters.Models;
        double[] origin = inputs[task.Base], weights = [.. models.Select(m => task.Parameters.Number("weight", m))], masks = [.. models.Select(m => task.Parameters.Number("mask_lambda", m))];
        var d = new double[models.Count];
        for (int i = 0; i < output.Length; i++)
        {
            for (int k = 0; k < d.Length; k++) d[k] = inputs[models[k]][i] - origin[i];
            double sum = 0;
            for (int k = 0; k < d.Length; k++) sum += d[k] * weights[k];
            output[i] = sum == 0 || lambda == 0 || CountOf(d, masks) < least ? origin[i] : origin[i] + (sum * lambda);
        }
    }

    /// <summary>How many differences stand out from the others.</summary>
    private static int CountOf(double[] d, double[] masks)
    {
        int count = 0;
        for (int t = 0; t < d.Length; t++)
        {
            double others = 0;
            for (int j = 0; j < d.Length; j++) others += j == t ? 0 : d[j];
            if (Math.Abs(d[t]) > masks[t] * Math.Abs(others)) count++;
        }

        return count;
    }

    private sealed class ConsensusMerge : TensorMerge
    {
        private readonly TensorTask _task;
        private readonly DifferencePieces _pieces;
        private readonly double[] _weights;
        private readonly double[] _maskLambdas;
        private readonly double _scale;
        private readonly int _least;
        private readonly DifferenceTerm[] _terms;
        private readonly DeviceSpan<float>[] _others;
        private readonly DifferenceTerm[] _otherTerms;
        private readonly DeviceSpan<float>[] _pair = new DeviceSpan<float>[2];
        private readonly DifferenceTerm[] _contest = new DifferenceTerm[2];

        public ConsensusMerge(TensorTask task)
        {
            _task = task;
            _scale = task.Parameters.Number("lambda");
            _least = task.Parameters.Integer("least_models");
            _weights = [.. task.Parameters.Models.Select(source => task.Parameters.Number("weight", source))];
            _maskLambdas = [.. task.Parameters.Models.Select(source => task.Parameters.Number("mask_lambda", source))];
            _terms = new DifferenceTerm[_weights.Length];
            _others = new DeviceSpan<float>[Math.Max(0, _weights.Length - 1)];
            _otherTerms = [.. _others.Select(_ => DifferenceTerm.Whole(1))];
            _pieces = new DifferencePieces(task.Device, _weights.Length, task.Length, floats: 6, masks: 1);
        }

        public override long WorkingBytes => _pieces.Bytes;

        public override void Map(in TensorChunk chunk)
        {
            OperationSet operations = _task.Device.Operations;
            DeviceSpan<float> origin = chunk.Inputs[_task.Base];
            if (_scale == 0 || _weights.Length == 0)
            {
                operations.Copy(chunk.Output, origin);
                return;
            }

            for (long start = 0, length; start < chunk.Length; start += length)
            {
                length = DifferencePieces.Next(start, chunk.Length);
                DeviceSpan<byte> mask = Consensus(_pieces.Differences(_task, chunk, start, length));
                for (int k = 0; k < _terms.Length; k++) _terms[k] = DifferenceTerm.Whole(_weights[k]) with { Mask = mask };
                operations.MergeDifferences(
                    chunk.Output.Slice(start, length), origin.Slice(start, length), _pieces.Inputs(_task, chunk, start, length), _terms, DifferenceRule.Sum, _scale);
            }
        }

        protected override void Dispose(bool disposing)
        {
            _pieces.Dispose();
            base.Dispose(disposing);
        }

        /// <summary>c of a piece: the masks are counted in float32, which is exact.</summary>
        private DeviceSpan<byte> Consensus(in MergeChunk piece)
        {
            OperationSet operations = _task.Device.Operations;
            long n = piece.Length;
            DeviceSpan<float> zero = _pieces.Float(0, n), one = _pieces.Float(1, n), count = _pieces.Float(2, n);
            DeviceSpan<byte> mask = _pieces.Mask(0, n);
            operations.Fill(zero, 0);
            operations.Fill(one, 1);
            operations.Fill(count, 0);
            for (int t = 0; t < _weights.Length; t++)
            {
                operations.KeepMask(mask, StandsOut(piece, t, zero), new Selection(0, -1));
                operations.AddWeightedSum(count, count, [one], [1], mask);
            }

            operations.KeepMask(mask, count, new Selection(_least, long.MaxValue));
            return mask;
        }

        /// <summary>
        /// |d_t| where it is more than mask_lambda_t·|Σ_{j≠t} d_j|, else 0: an election between |d_t| and −mask_lambda_t·|Σ d_j|, in which undecided positions fall to the latter.
        /// </summary>
        private DeviceSpan<float> StandsOut(in MergeChunk piece, int t, DeviceSpan<float> zero)
        {
            OperationSet operations = _task.Device.Operations;
            DeviceSpan<float> own = _pieces.Float(3, piece.Length), others = _pieces.Float(4, piece.Length), result = _pieces.Float(5, piece.Length);
            // Left out rather than multiplied by 0, which would make NaN of an infinity.
            for (int k = 0; k < _others.Length; k++) _others[k] = piece.TaskVectors[k < t ? k : k + 1];
            if (_others.Length == 0) operations.Fill(result, 0);
            else operations.MergeDifferences(result, zero, _others, _otherTerms, DifferenceRule.Sum, 1);
            operations.Fill(own, 0);
            operations.AccumulateAbsolute(own, piece.TaskVectors[t]);
            operations.Fill(others, 0);
            operations.AccumulateAbsolute(others, result);
            operations.Scale(others, -1);
            (_pair[0], _pair[1]) = (own, others);
            _contest[0] = new DifferenceTerm(1, 1, -1, Selection.All, Selection.None);
            _contest[1] = new DifferenceTerm(0, 1, -_maskLambdas[t], Selection.All, Selection.None);
            operations.MergeDifferences(result, zero, _pair, _contest, DifferenceRule.Elected, 1);
            return result;
        }
    }
}
