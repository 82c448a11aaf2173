using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// One tensor by <see cref="SceMethod"/>. Passes: the variances, whose largest are sought; the energies of what is selected; the merge. Where a sample has foretold what may be selected, the first
/// of them is enough, see <see cref="SceCandidates"/>.
/// </summary>
internal sealed class SceMerge : TensorMerge
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
    private readonly bool _mayForetell;
    private PieceSample? _pieces;
    private long _varyingPieces;
    private SceCandidates? _candidates;
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
        if (searches && Operations.SearchesDifferences) _sample = new MagnitudeSample(task.Memory, task.Length);
        _tiles = new Tiles(task, 1, 2, 1, _sources.Length);
        _search = new MagnitudeSearch(task.Memory, room);
        long candidates = searches ? SceCandidates.WorkingBytes(task, _sources.Length, _share) : 0;
        _mayForetell = candidates > 0;
        long sampling = MagnitudeSample.Bytes + (_mayForetell ? PieceSample.Bytes(task.Length) : 0);
        WorkingBytes = _tiles.Bytes + (searches ? Math.Max(MagnitudeSearch.Bytes(task.Length, room), sampling) + Math.Max(candidates, _holds ? variances : 0) : 0);
        long expected = _mayForetell ? SceCandidates.ExpectedBytes(task.Length, _sources.Length, _share) : _holds ? variances : 0;
        ExpectedBytes = _tiles.Bytes + (searches ? MagnitudeSearch.ExpectedBytes(_share, task.Length, room) + expected : 0);
        _stage = task.Length == 0 || _sources.Length == 0 || _share <= 0 ? Stage.Ready : _share < 1 ? Stage.Search : Stage.Energies;
    }

    private enum Stage
    {
        Search,
        Energies,
        Ready,
    }

    public override long WorkingBytes { get; }

    public override long ExpectedBytes { get; }

    public override bool NeedsPass => _stage != Stage.Ready;

    /// <summary>The variances once or, where they are not held, twice, and the energies; a sample saves all but one, but a cold disk gives none.</summary>
    public override int ExpectedPasses => _stage switch { Stage.Ready => 0, Stage.Energies => 1, _ => _holds ? 2 : 3 };

    /// <summary>Candidates that were foretold and not met take the place of the pass that a search has for its sample; variances that are held are searched without a pass, and come after such candidates.</summary>
    public override int MostPasses => _stage != Stage.Search ? ExpectedPasses : (_holds ? _mayForetell ? 2 : 1 : MagnitudeSearch.MostPasses(Operations)) + 1;

    public override bool WantsSample => _mayForetell;

    private OperationSet Operations => _task.Device.Operations;

    /// <summary>What is selected by variance.</summary>
    private Selection Selected => _share >= 1 ? Selection.All : _search.Result;

    /// <summary>Of the models all is known that the merge needs, where candidates were foretold.</summary>
    public override bool MapReads(int input) => _candidates is null || input == _task.Base;

    public override void Sample(in TensorChunk sample, int piece)
    {
        _pieces ??= new PieceSample(_task.Memory, _task.Length, piece);
        for (long start = 0, length; start < sample.Length; start += length)
        {
            // Tiles are whole pieces.
            length = _tiles.Next(start, sample.Length);
            DeviceSpan<float> variance = _tiles.Float(0, length);
            Operations.Variance(variance, _tiles.Slice(sample, _sources, start, length));
            _pieces.Add(variance, default);
            _varyingPieces += Operations.CountAnyNonzero([variance]);
        }
    }

    public override void CompleteSample(bool isWhole)
    {
        if (_pieces is null) return;
        if (isWhole) _candidates = SceCandidates.Foretold(_task, _sources, _share, _pieces, _varyingPieces);
        _pieces.Release();
        _pieces = null;
    }

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
            _candidates?.Add(inputs, chunk.Inputs[_task.Base].Slice(start, length), variance, chunk.FirstIndex + start);
            if (_isFirst) _varying += Operations.CountAnyNonzero([variance]);
            if (_candidates is not null) continue;
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

        long wanted = (long)(_varying * _share);
        if (_isFirst) _search.SetCount(wanted);
        _isFirst = false;
        if (_candidates is not null)
        {
            CompleteCandidates(wanted);
            return;
        }

        if (_sample is null) _search.CompletePass();
        else if (_search.NeedsPass) _search.Expect(_sample.Foretell(_search.Wanted));
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
        if (_sources.Length == 0 || _share <= 0 || _candidates is not null)
        {
            Operations.Copy(chunk.Output, origin);
            _candidates?.Scatter(chunk.Output.HostSpan, chunk.FirstIndex);
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
        _search.Release();
        _pieces?.Release();
        _sample?.Release();
        _candidates?.Release();
        _candidates = null;
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
        DeviceSpan<float> variance = _holds && _candidates is null ? Held(firstIndex, inputs[0].Length) : _tiles.Float(0, inputs[0].Length);
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

    /// <summary>Merges what was written down; if that is not all that is wanted, or there was no room for it, the pass is made again without.</summary>
    private void CompleteCandidates(long wanted)
    {
        _sample?.Release();
        _sample = null;
        if (_candidates!.TryMerge(_search, wanted, _weights))
        {
            _stage = Stage.Ready;
            return;
        }

        _candidates.Release();
        _candidates = null;
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
