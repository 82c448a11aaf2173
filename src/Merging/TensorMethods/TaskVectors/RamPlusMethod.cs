using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// RAM+ as mergekit computes it ("tensor-local"): as <see cref="RamMethod"/>, with the differences of one owner multiplied by 1 + r·min(max(s_k/u_k, 0), alpha), where s_k counts
/// the elements that model k shares with others and u_k those that it owns alone (at least epsilon, so that a quotient exists). One pass counts.
/// </summary>
public sealed class RamPlusMethod : TensorMethod
{
    public override string Name => "ramplus_tl";

    public override TensorMerge Begin(TensorTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        GeneralizedTaskArithmetic.RequireBase(task, Name);
        return new RamPlusMerge(task);
    }

    public override bool HasFloat64 => true;

    public override int Float64Arrays(int models) => (2 * models) + 1;

    public override void MergeFloat64(TensorTask task, IReadOnlyList<double[]> inputs, double[] output)
    {
        ArgumentNullException.ThrowIfNull(task);
        GeneralizedTaskArithmetic.RequireBase(task, Name);
        ModelDifference[] models = RamMethod.Owned(task);
        double[][] owned = [.. models.Select(m => DifferenceFloat64.Thinned(m.Thinning, inputs[m.Source], inputs[task.Base], rescale: false))];
        long[] shares = new long[models.Length], alone = new long[models.Length];
        for (int i = 0; i < output.Length; i++)
        {
            int owners = 0;
            foreach (double[] difference in owned) owners += difference[i] != 0 ? 1 : 0;
            for (int k = 0; k < models.Length; k++)
            {
                if (owned[k][i] == 0) continue;
                if (owners == 1) alone[k]++;
                else shares[k]++;
            }
        }

        for (int k = 0; k < models.Length; k++) models[k].Vote = FactorOfLone(task, shares[k], alone[k]);
        DifferenceFloat64.Merge(task, models, DifferenceRule.SharedMean, 1, 1, rescale: false, inputs, output);
    }

    /// <summary>1 + r·min(max(s/u, 0), alpha).</summary>
    private static double FactorOfLone(TensorTask task, long shares, long alone)
    {
        double ratio = shares == 0 ? 0 : shares / Math.Max(alone, task.Parameters.Number("epsilon"));
        return 1 + (task.Parameters.Number("r") * Math.Clamp(ratio, 0, task.Parameters.Number("alpha")));
    }

    private sealed class RamPlusMerge : TensorMerge
    {
        private readonly TensorTask _task;
        private readonly ModelDifference[] _models;
        private readonly DifferenceMerge _merge;
        private readonly Tiles _tiles;
        private readonly DifferenceTerm[] _owned = new DifferenceTerm[1];
        private readonly DeviceSpan<float>[] _differences;
        private readonly DeviceSpan<float>[] _others;
        private readonly long[] _owns;
        private readonly long[] _alone;
        private bool _counting;

        public RamPlusMerge(TensorTask task)
        {
            _task = task;
            _models = RamMethod.Owned(task);
            _merge = new DifferenceMerge(task, _models, DifferenceRule.SharedMean, 1, rescale: false);
            _counting = _models.Length > 0 && task.Length > 0;
            if (_models.Length > 0) _owned[0] = new DifferenceTerm(1, 1, 1, _models[0].Thinning.Kept, _models[0].Thinning.Dropped);
            _differences = new DeviceSpan<float>[_models.Length];
            _others = new DeviceSpan<float>[Math.Max(_models.Length - 1, 0)];
            _owns = new long[_models.Length];
            _alone = new long[_models.Length];
            _tiles = new Tiles(task, 1, _models.Length + 2, 0, 0);
        }

        public override long WorkingBytes => _tiles.Bytes + _merge.WorkingBytes;

        public override bool NeedsPass => _counting;

        public override void Accumulate(in TensorChunk chunk)
        {
            OperationSet operations = _task.Device.Operations;
            for (long start = 0, length; start < chunk.Length; start += length)
            {
                length = _tiles.Next(start, chunk.Length);
                DeviceSpan<float> difference = _tiles.Float(_models.Length, length), zero = _tiles.Float(_models.Length + 1, length);
                operations.Fill(zero, 0);
                for (int k = 0; k < _models.Length; k++)
                {
                    operations.Subtract(difference, chunk.Inputs[_models[k].Source].Slice(start, length), chunk.Inputs[_task.Base].Slice(start, length));
                    _differences[k] = _tiles.Float(k, length);
                    operations.MergeDifferences(_differences[k], zero, [difference], _owned, DifferenceRule.Sum, 1);
                }

                // What only model k owns is what disappears without it.
                long any = operations.CountAnyNonzero(_differences);
                for (int k = 0; k < _models.Length; k++)
                {
                    for (int i = 0, other = 0; i < _models.Length; i++)
                    {
                        if (i != k) _others[other++] = _differences[i];
                    }

                    _owns[k] += operations.CountAnyNonzero(_differences.AsSpan(k, 1));
                    _alone[k] += any - (_others.Length == 0 ? 0 : operations.CountAnyNonzero(_others));
                }
            }
        }

        public override void CompletePass()
        {
            for (int k = 0; k < _models.Length; k++) _models[k].Vote = FactorOfLone(_task, _owns[k] - _alone[k], _alone[k]);
            _counting = false;
        }

        public override void Map(in TensorChunk chunk) => _merge.Map(chunk);

        protected override void Dispose(bool disposing)
        {
            _merge.Dispose();
            _tiles.Dispose();
            base.Dispose(disposing);
        }
    }
}
