using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.Averages;

/// <summary>
/// The model's values whose importance is an outlier, the base's elsewhere: I = |x − b|·D(row), D = Σ P ln(P/Q) with P = softmax(x) + 1e-8 and
/// Q = softmax(b) + 1e-8 over the last dimension; kept where I ≥ median + 1.5·(third − first quartile) (mergekit's arcee_fusion).
/// </summary>
/// <remarks>
/// No parameters. Median and quartiles are the values of rank int(q(n − 1)) among all elements, exact at any size by radix search in two passes, where mergekit takes a random million
/// of a larger tensor. Divergences are float64 sums of terms that are not negative, rounded to float32 at the end, so the importance is right to float32's rounding in
/// every dtype; mergekit's sums cancel, in bfloat16 to the point that its mask is noise, and it returns float32 for bfloat16 files. Chunks are whole rows.
/// </remarks>
public sealed class ArceeFusion : TensorMethod
{
    public override string Name => "arcee_fusion";

    /// <summary>What keeps the quotients of two softmax values finite.</summary>
    private const double Floor = 1e-8;

    public override bool HasFloat64 => true;

    /// <summary>Importances with a sorted copy, and of a vector, which is one row, two distributions.</summary>
    /// <inheritdoc/>
    public override int Float64Arrays(int models) => 4;

    public override TensorMerge Begin(TensorTask task)
    {
        int origin = RequiredBase.Of(task, Name);
        return new Merge(task, task.Parameters.Models.First(m => m != origin));
    }

    public override void MergeFloat64(TensorTask task, IReadOnlyList<double[]> inputs, double[] output)
    {
        double[] origin = inputs[RequiredBase.Of(task, Name)], model = inputs[task.Parameters.Models.First(m => m != task.Base)];
        var importance = new double[origin.Length];
        int length = (int)Math.Max(1, task.RowLength);
        for (int row = 0; row < importance.Length; row += length)
        {
            double divergence = Divergence(model.AsSpan(row, length), origin.AsSpan(row, length));
            for (int i = row; i < row + length; i++) importance[i] = Math.Abs(model[i] - origin[i]) * divergence;
        }

        // NaN comes first and has no rank.
        double[] sorted = [.. importance];
        Array.Sort(sorted);
        int numbers = importance.Count(v => !double.IsNaN(v));
        double At(double share) => sorted[sorted.Length - numbers + (int)(share * (numbers - 1))];
        double least = numbers == 0 ? double.PositiveInfinity : At(0.5) + (1.5 * (At(0.75) - At(0.25)));
        // From a base that is not finite no difference is known.
        for (int i = 0; i < output.Length; i++) output[i] = !(importance[i] >= least) ? origin[i] : double.IsFinite(origin[i]) ? model[i] : double.NaN;
    }

    /// <summary>Σ P ln(P/Q) of one row, in terms that are not negative: P ln(P/Q) − P + Q, whose sum is the same because both distributions sum to one.</summary>
    private static double Divergence(ReadOnlySpan<double> model, ReadOnlySpan<double> origin)
    {
        double[] p = Softmax(model), q = Softmax(origin);
        double sum = 0;
        for (int i = 0; i < p.Length; i++)
        {
            double from = q[i] + Floor, relative = (p[i] - q[i]) / from;
            // (1 + x) ln(1 + x) − x, by its series where that cancels.
            sum += from * (Math.Abs(relative) < 1e-4
                ? relative * relative * (0.5 - (relative * ((1.0 / 6) - (relative / 12))))
                : ((1 + relative) * Math.Log(1 + relative)) - relative);
        }

        return sum;
    }

    private static double[] Softmax(ReadOnlySpan<double> values)
    {
        var result = new double[values.Length];
        double largest = double.NegativeInfinity, sum = 0;
        foreach (double value in values) largest = Math.Max(largest, value);
        for (int i = 0; i < result.Length; i++) sum += result[i] = Math.Exp(values[i] - largest);
        for (int i = 0; i < result.Length; i++) result[i] /= sum;
        return result;
    }

    private sealed class Merge : TensorMerge
    {
        private const long PieceLength = 256 * 1024;

        private readonly TensorTask _task;
        private readonly int _model;
        private readonly long _rowLength;
        private readonly long _piece;
        private readonly DeviceBuffer _pieceDivergences;
        private readonly DeviceBuffer _coefficients;
        private readonly DeviceBuffer _importance;
        private readonly DeviceBuffer _mask;
        private readonly float[] _divergences;
        private readonly double[] _host;
        private readonly RankSearch _ranks = new(0.25, 0.5, 0.75);
        private Selection _kept = Selection.None;
        private Pass _pass;

        public Merge(TensorTask task, int model)
        {
            (_task, _model, _rowLength) = (task, model, Math.Max(1, task.RowLength));
            long rows = Math.Max(1, Math.Min(PieceLength, Math.Max(1, task.Length)) / _rowLength);
            _piece = rows * _rowLength;
            _divergences = new float[checked((int)(task.Length / _rowLength))];
            _host = new double[2 * rows];
            _pieceDivergences = task.Device.Allocate<double>(rows);
            _coefficients = task.Device.Allocate<double>(2 * rows);
            _importance = task.Device.Allocate<float>(_piece);
            _mask = task.Device.Allocate<byte>(_piece);
        }

        private enum Pass
        {
            Divergences,
            FirstDigits,
            LastDigits,
            Done,
        }

        public override long Unit => _rowLength;

        public override long WorkingBytes => _importance.ByteLength + _mask.ByteLength + (5 * _pieceDivergences.ByteLength) + (sizeof(float) * _divergences.LongLength)
            + (sizeof(long) * ((1L << RankSearch.FirstBits) + (3L << RankSearch.LastBits)));

        public override bool NeedsPass => _pass != Pass.Done;

        /// <summary>The divergences of rows, and the first and last digits of the quartiles.</summary>
        public override int ExpectedPasses => Pass.Done - _pass;

        public override void Accumulate(in TensorChunk chunk)
        {
            OperationSet operations = _task.Device.Operations;
            for (long at = 0; at < chunk.Length; at += _piece)
            {
                long length = Math.Min(_piece, chunk.Length - at);
                if (_pass == Pass.Divergences)
                {
                    int rows = (int)(length / _rowLength), first = (int)((chunk.FirstIndex + at) / _rowLength);
                    DeviceSpan<double> divergences = _pieceDivergences.AsSpan<double>().Slice(0, rows);
                    operations.RowDivergence(divergences, chunk.Inputs[_model].Slice(at, length), chunk.Inputs[_task.Base].Slice(at, length), _rowLength, Floor);
                    _task.Device.Download(divergences, _host.AsSpan(0, rows));
                    for (int r = 0; r < rows; r++) _divergences[first + r] = (float)_host[r];
                    continue;
                }

                DeviceSpan<float> importance = Importance(chunk, at, length);
                if (_pass == Pass.FirstDigits)
                {
                    operations.MagnitudeHistogram(_ranks.First, importance, 0, 0, RankSearch.FirstBits);
                    continue;
                }

                for (int r = 0; r < _ranks.Shares.Length; r++)
                {
                    if (_ranks.PrefixOf(r) is { } prefix) operations.MagnitudeHistogram(_ranks.Last[r], importance, prefix, RankSearch.FirstBits, RankSearch.LastBits);
                }
            }
        }

        public override void CompletePass()
        {
            if (_pass == Pass.FirstDigits && !_ranks.CompleteFirst())
            {
                _pass = Pass.Done;
                return;
            }

            if (_pass == Pass.LastDigits) _kept = new Selection(_ranks.Value(1) + (1.5 * ((double)_ranks.Value(2) - _ranks.Value(0))), long.MaxValue);
            _pass++;
        }

        public override void Map(in TensorChunk chunk)
        {
            OperationSet operations = _task.Device.Operations;
            for (long at = 0; at < chunk.Length; at += _piece)
            {
                long length = Math.Min(_piece, chunk.Length - at);
                DeviceSpan<float> origin = chunk.Inputs[_task.Base].Slice(at, length), values = chunk.Inputs[_model].Slice(at, length);
                DeviceSpan<byte> mask = _mask.AsSpan<byte>().Slice(0, length);
                operations.KeepMask(mask, Importance(chunk, at, length), _kept);
                // b − b + x: the model's value itself, but that −0 becomes 0.
                operations.AddWeightedSum(chunk.Output.Slice(at, length), origin, [origin, values], [-1, 1], mask);
            }
        }

        /// <summary>D·x − D·b, whose magnitude is the importance: D has the digits of a float32, so both products are exact and equal values give 0.</summary>
        private DeviceSpan<float> Importance(in TensorChunk chunk, long start, long length)
        {
            int rows = (int)(length / _rowLength), first = (int)((chunk.FirstIndex + start) / _rowLength);
            for (int r = 0; r < rows; r++) (_host[r], _host[rows + r]) = (_divergences[first + r], -(double)_divergences[first + r]);
            DeviceSpan<double> coefficients = _coefficients.AsSpan<double>().Slice(0, 2 * rows);
            _task.Device.Upload<double>(_host.AsSpan(0, 2 * rows), coefficients);
            DeviceSpan<float> importance = _importance.AsSpan<float>().Slice(0, length);
            _task.Device.Operations.CombineGroups(
                importance, [chunk.Inputs[_model].Slice(start, length), chunk.Inputs[_task.Base].Slice(start, length)], coefficients, rows, _rowLength);
            return importance;
        }

        protected override void Dispose(bool disposing)
        {
            _pieceDivergences.Dispose();
            _coefficients.Dispose();
            _importance.Dispose();
            _mask.Dispose();
            _ranks.Dispose();
            base.Dispose(disposing);
        }
    }
}
