using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// SCE (Wan et al., FuseChat 3.0, arXiv 2408.07990), for every tensor by itself. Select: of the elements whose variance over the models is not 0 the share <c>select_topk</c>
/// with the largest variance, rounded down, equal ones by lowest index; all from 1 on. Calculate: weights m_k = mean d_k² / Σ_j mean d_j² of what is
/// selected. Erase: the sign of Σ d_k is elected, + where that is 0. output = b + Σ m_k·d_k / Σ m_k over the models that agree.
/// </summary>
public sealed class SceMethod : TensorMethod
{
    public override string Name => "sce";

    public override TensorMerge Begin(TensorTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        GeneralizedTaskArithmetic.RequireBase(task, Name);
        return new SceMerge(task);
    }

    public override bool HasFloat64 => true;

    /// <summary>What is selected, the differences, and the variances with a sorted copy.</summary>
    /// <inheritdoc/>
    public override int Float64Arrays(int models) => (2 * models) + 3;

    public override void MergeFloat64(TensorTask task, IReadOnlyList<double[]> inputs, double[] output)
    {
        ArgumentNullException.ThrowIfNull(task);
        GeneralizedTaskArithmetic.RequireBase(task, Name);
        double[] origin = inputs[task.Base];
        double[][] models = [.. task.Parameters.Models.Select(m => inputs[m])];
        double share = task.Parameters.Number("select_topk");
        if (models.Length == 0 || share <= 0)
        {
            origin.CopyTo(output, 0);
            return;
        }

        // The selection is one for all models.
        Thinning selected = share < 1 ? new SelectedThinning(SelectedOf(models, share)) : new NoThinning();
        double[] energies = [.. models.Select(x => DifferenceFloat64.Thinned(selected, x, origin, rescale: false).Sum(d => d * d) / origin.Length)], weights = SceMerge.WeightsOf(energies);
        ModelDifference[] terms = [.. weights.Select((w, k) => new ModelDifference(k, w, selected) { Vote = 1 })];
        DifferenceFloat64.Merge(task with { Base = models.Length }, terms, DifferenceRule.ElectedMean, 1, 1, rescale: false, [.. models, origin], output);
    }

    private static double VarianceOf(double[][] models, int i)
    {
        double mean = 0, square = 0;
        foreach (double[] model in models) mean += model[i] / models.Length;
        foreach (double[] model in models) square += (model[i] - mean) * (model[i] - mean);
        bool differ = false;
        foreach (double[] model in models) differ |= model[i] != models[0][i];
        return differ ? square / models.Length : 0;
    }

    /// <summary>Whether an element is among those with the largest variances. One with a variance that is no number, as a model is not finite there, is not.</summary>
    private static bool[] SelectedOf(double[][] models, double share)
    {
        double[] variance = [.. Enumerable.Range(0, models[0].Length).Select(i => VarianceOf(models, i))], sorted = [.. variance];
        Array.Sort(sorted);
        Selection selection = Magnitudes.Largest(variance, sorted, (long)(variance.Count(v => v != 0) * share));
        return [.. variance.Select((v, i) => selection.Contains(v, i))];
    }

    /// <summary>What is selected counts, and nothing else is looked at: a base that is not finite spoils no sum.</summary>
    private sealed class SelectedThinning(bool[] selected) : Thinning
    {
        public override void Choose(ReadOnlySpan<double> difference, Span<bool> counts) => selected.CopyTo(counts);
    }

    private sealed class SceMerge : TensorMerge
    {
        /// <summary>A sum of mean squares below this gives every model the same weight: mergekit's rule, which the paper lacks, and part of what its name stands for.</summary>
        private const double LeastEnergy = 1e-6;

        private readonly TensorTask _task;
        private readonly int[] _sources;
        private readonly double _share;
        private readonly Tiles _tiles;
        private readonly RunningSums[] _energies;
        private readonly double[] _weights;
        private readonly DifferenceTerm[] _terms;
        private long _varying;
        private readonly MagnitudeSearch _search;

        /// <summary>Whether the variances of the whole tensor are held: then nothing but the energies is sought in the inputs a second time.</summary>
        private readonly bool _holds;
        private DeviceBuffer? _variance;
        private MagnitudeSample? _sample;
        private bool _isFirst = true;
        private Stage _stage;

        public SceMerge(TensorTask task)
        {
            _task = task;
            _sources = [.. task.Parameters.Models];
            _share = task.Parameters.Number("select_topk");
            _weights = new double[_sources.Length];
            _terms = new DifferenceTerm[_sources.Length];
            _energies = [.. _sources.Select(_ => new RunningSums(task.Device, 1))];
            bool searches = _share is > 0 and < 1 && task.Length > 0 && _sources.Length > 0;
            long variances = sizeof(float) * task.Length, room = Math.Min(task.Spare / 2 / sizeof(ulong), task.Length);
            _holds = searches && variances <= task.Spare / 2;
            if (searches && Operations.SearchesDifferences) _sample = new MagnitudeSample(task.Length);
            _tiles = new Tiles(task, 1, 2, 1, _sources.Length);
            _search = new MagnitudeSearch(room);
            WorkingBytes = _tiles.Bytes + (searches ? Math.Max(sizeof(ulong) * room, MagnitudeSample.Bytes) + (_holds ? variances : 0) : 0);
            _stage = task.Length == 0 || _sources.Length == 0 || _share <= 0 ? Stage.Ready : _share < 1 ? Stage.Search : Stage.Energies;
        }

        private enum Stage
        {
            Search,
            Energies,
            Ready,
        }

        public override long WorkingBytes { get; }

        public override bool NeedsPass => _stage != Stage.Ready;

        /// <summary>The variances once or, where they are not held, twice, and the energies.</summary>
        public override int ExpectedPasses => _stage switch { Stage.Ready => 0, Stage.Energies => 1, _ => _holds ? 2 : 3 };

        private OperationSet Operations => _task.Device.Operations;

        /// <summary>What is selected by variance.</summary>
        private Selection Selected => _share >= 1 ? Selection.All : _search.Result;

        public override void Accumulate(in TensorChunk chunk)
        {
            for (long start = 0, length; start < chunk.Length; start += length)
            {
                length = _tiles.Next(start, chunk.Length);
                ReadOnlySpan<DeviceSpan<float>> inputs = _tiles.Slice(chunk, _sources, start, length);
                if (_stage == Stage.Energies)
                {
                    AddEnergies(inputs, chunk.Inputs[_task.Base].Slice(start, length), chunk.FirstIndex + start);
                    continue;
                }

                DeviceSpan<float> variance = VarianceOf(inputs, chunk.FirstIndex + start);
                if (_isFirst) _varying += Operations.CountAnyNonzero([variance]);
                if (_sample is null) _search.Accumulate(Operations, variance, default, chunk.FirstIndex + start);
                else _sample.Add(variance, default, chunk.FirstIndex + start);
            }
        }

        public override void CompletePass()
        {
            if (_stage == Stage.Energies)
            {
                CompleteEnergies();
                _stage = Stage.Ready;
                return;
            }

            if (_isFirst) _search.SetCount((long)(_varying * _share));
            _isFirst = false;
            if (_sample is null) _search.CompletePass();
            else _search.Foretell(_sample);
            _sample?.Release();
            _sample = null;
            while (_holds && _search.NeedsPass)
            {
                _search.Accumulate(Operations, Held(0, _task.Length), default, 0);
                _search.CompletePass();
            }

            if (!_search.NeedsPass) _stage = Stage.Energies;
        }

        public override void Map(in TensorChunk chunk)
        {
            DeviceSpan<float> origin = chunk.Inputs[_task.Base];
            if (_sources.Length == 0 || _share <= 0)
            {
                Operations.Copy(chunk.Output, origin);
                return;
            }

            for (long start = 0, length; start < chunk.Length; start += length)
            {
                length = _share < 1 ? _tiles.Next(start, chunk.Length) : chunk.Length;
                ReadOnlySpan<DeviceSpan<float>> inputs = _tiles.Slice(chunk, _sources, start, length);
                DeviceSpan<byte> mask = Mask(inputs, chunk.FirstIndex + start);
                for (int k = 0; k < _terms.Length; k++) _terms[k] = new DifferenceTerm(_weights[k], _weights[k], 1, Selection.All, Selection.None, mask);
                Operations.MergeDifferences(chunk.Output.Slice(start, length), origin.Slice(start, length), inputs, _terms, DifferenceRule.ElectedMean, 1, chunk.FirstIndex + start);
            }
        }

        protected override void Dispose(bool disposing)
        {
            _tiles.Dispose();
            _task.Return(_variance);
            _variance = null;
            foreach (RunningSums energy in _energies) energy.Dispose();
            base.Dispose(disposing);
        }

        private DeviceSpan<byte> Mask(ReadOnlySpan<DeviceSpan<float>> inputs, long firstIndex)
        {
            if (_share >= 1) return default;
            DeviceSpan<byte> mask = _tiles.Mask(0, inputs[0].Length);
            DeviceSpan<float> variance = _holds ? Held(firstIndex, mask.Length) : VarianceOf(inputs, firstIndex);
            Operations.KeepMask(mask, variance, Selected, firstIndex);
            return mask;
        }

        /// <summary>The variances of a piece, in the place of those that are held or in a tile.</summary>
        private DeviceSpan<float> VarianceOf(ReadOnlySpan<DeviceSpan<float>> inputs, long firstIndex)
        {
            DeviceSpan<float> variance = _holds ? Held(firstIndex, inputs[0].Length) : _tiles.Float(0, inputs[0].Length);
            Operations.Variance(variance, inputs);
            return variance;
        }

        /// <summary>Held variances; memory for them is taken when the first chunk is here, which is after the plan has admitted it.</summary>
        private DeviceSpan<float> Held(long firstIndex, long length) => (_variance ??= _task.Rent(sizeof(float) * _task.Length)).AsSpan<float>().Slice(firstIndex, length);

        private void AddEnergies(ReadOnlySpan<DeviceSpan<float>> inputs, DeviceSpan<float> origin, long firstIndex)
        {
            DeviceSpan<byte> mask = Mask(inputs, firstIndex);
            if (Operations.SearchesDifferences)
            {
                DifferenceTerm term = DifferenceTerm.Whole(1) with { Mask = mask };
                for (int k = 0; k < inputs.Length; k++) _energies[k].AddThinned(inputs[k], origin, term);
                return;
            }

            DeviceSpan<float> difference = _tiles.Float(1, origin.Length);
            for (int k = 0; k < inputs.Length; k++)
            {
                Operations.Subtract(difference, inputs[k], origin);
                if (!mask.IsNone) Operations.ApplyMask(difference, difference, mask);
                _energies[k].Add([difference]);
            }
        }

        private void CompleteEnergies()
        {
            for (int k = 0; k < _weights.Length; k++) _weights[k] = _energies[k].Read()[0] / _task.Length;
            WeightsOf(_weights).CopyTo(_weights, 0);
        }

        /// <summary>Shares in the sum of mean squares.</summary>
        public static double[] WeightsOf(double[] energies)
        {
            double total = 0;
            foreach (double energy in energies) total += energy;
            return [.. energies.Select(e => total < LeastEnergy || !double.IsFinite(total) ? 1.0 / energies.Length : e / total)];
        }
    }
}
