using MergeEngine.Tensors;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// output = base + scale·m, with m made of the models' thinned differences by a <see cref="DifferenceRule"/>. Passes: the limits of thinning by magnitude
/// (one or two as a rule, see <see cref="MagnitudeSearch"/>), then, with rescale, one for the norms.
/// </summary>
internal sealed class DifferenceMerge : TensorMerge
{
    private readonly TensorTask _task;
    private readonly IReadOnlyList<ModelDifference> _models;
    private readonly int[] _sources;
    private readonly DifferenceRule _rule;
    private readonly double _scale;
    private readonly Tiles _tiles;
    private readonly DifferenceTerm[] _terms;
    private readonly RunningSums?[] _norms;

    /// <summary>Whether the masks that the pass for norms draws are kept, one model after the other as <see cref="MaskBits"/>, for the merge that follows; elsewhere they are drawn again.</summary>
    private readonly bool _keepsMasks;
    private DeviceBuffer? _drawn;
    private bool _wantsNorms;

    /// <param name="task">The tensor; it has a base.</param>
    /// <param name="models">The models in the order of the recipe.</param>
    /// <param name="rule">How their differences are put together.</param>
    /// <param name="scale">Factor of what comes out.</param>
    /// <param name="rescale">Give every thinned difference the L1 norm that it had.</param>
    public DifferenceMerge(TensorTask task, IReadOnlyList<ModelDifference> models, DifferenceRule rule, double scale, bool rescale)
    {
        (_task, _models, _rule, _scale) = (task, models, rule, scale);
        _sources = [.. models.Select(m => m.Source)];
        _terms = new DifferenceTerm[models.Count];
        _norms = new RunningSums?[models.Count];
        foreach (ModelDifference model in models) Unit = Math.Max(Unit, model.Thinning.Unit);

        // A scale of 0 asks for the base, whatever counts.
        bool matters = scale != 0 && task.Length > 0;
        IsSelecting = matters && models.Any(m => m.Thinning.NeedsPass);
        for (int k = 0; matters && rescale && k < models.Count; k++)
        {
            if (models[k].IsThinned) _norms[k] = new RunningSums(task.Device, 2, SumTerms.Magnitudes);
        }

        _wantsNorms = _norms.Any(n => n is not null);
        bool stores = !task.Device.Operations.SearchesDifferences, looks = stores && (IsSelecting || _wantsNorms || models.Any(m => m.Thinning.DrawsByMagnitude));
        bool draws = models.Any(m => m.Thinning.Draws);
        _keepsMasks = draws && _wantsNorms && task.Device.IsHostMemory && MaskBytes <= Math.Min(task.Spare, int.MaxValue);
        _tiles = new Tiles(task, Unit, stores && _wantsNorms ? 3 : looks ? 1 : 0, draws ? models.Count : 0, models.Count);
    }

    public override long Unit { get; } = 1;

    public override long WorkingBytes => _tiles.Bytes + RankBytes + (_keepsMasks ? MaskBytes : 0) + _models.Sum(m => m.Thinning.WorkingBytes);

    public override long ExpectedBytes => WorkingBytes - _models.Sum(m => m.Thinning.WorkingBytes - m.Thinning.ExpectedBytes);

    public override bool NeedsPass => IsSelecting || _wantsNorms;

    /// <summary>For limits two, unless too many magnitudes are almost equal; a sample saves one, but a cold disk gives none.</summary>
    public override int ExpectedPasses => (IsSelecting ? 2 : 0) + (_wantsNorms ? 1 : 0);

    public override int MostPasses => (IsSelecting ? MagnitudeSearch.MostPasses(_task.Device.Operations) : 0) + (_wantsNorms ? 1 : 0);

    private bool IsSelecting { get; set; }

    /// <summary>Bytes of the bits of all models' masks.</summary>
    private long MaskBytes => MaskBits.Bytes(_task.Length) * _models.Count;

    /// <summary>What ranking rows takes beside at most: a row's keys twice, for each thread that has a row of a piece.</summary>
    private long RankBytes => _models.Any(m => m.Thinning.DrawsByMagnitude) && _task.Device is CpuDevice cpu ? 16 * Unit * Math.Min(cpu.Threads, _tiles.UnitsOf(Unit)) : 0;

    public override bool WantsSample => IsSelecting && _task.Device.Operations.SearchesDifferences;

    public override void Sample(in TensorChunk sample, int piece)
    {
        for (int k = 0; k < _models.Count; k++) _models[k].Thinning.Sample(sample.Inputs[_sources[k]], sample.Inputs[_task.Base], piece);
    }

    public override void CompleteSample(bool isWhole)
    {
        foreach (ModelDifference model in _models) model.Thinning.CompleteSample(isWhole);
    }

    public override void Accumulate(in TensorChunk chunk)
    {
        OperationSet operations = _task.Device.Operations;
        if (IsSelecting && operations.SearchesDifferences)
        {
            Search(operations, chunk);
            return;
        }

        DeviceSpan<float> origin = chunk.Inputs[_task.Base];
        for (long start = 0, length; start < chunk.Length; start += length)
        {
            length = _tiles.Next(start, chunk.Length);
            for (int k = 0; k < _models.Count; k++)
            {
                Thinning thinning = _models[k].Thinning;
                if (IsSelecting ? !thinning.NeedsPass : _norms[k] is null) continue;
                DeviceSpan<float> values = chunk.Inputs[_sources[k]].Slice(start, length), from = origin.Slice(start, length);
                if (operations.SearchesDifferences)
                {
                    DeviceSpan<byte> mask = thinning.Draws ? _tiles.Mask(k, length) : default;
                    thinning.AddNorms(_norms[k]!, operations, mask, values, from, chunk.FirstIndex + start);
                    if (_keepsMasks && thinning.Draws) MaskBits.Pack(mask.HostSpan, DrawnBits(k), chunk.FirstIndex + start);
                    continue;
                }

                DeviceSpan<float> difference = _tiles.Float(0, length);
                operations.Subtract(difference, values, from);
                if (IsSelecting) thinning.Accumulate(operations, difference, default, chunk.FirstIndex + start);
                else AddNorms(k, difference, chunk.FirstIndex + start);
            }
        }
    }

    public override void CompletePass()
    {
        if (IsSelecting)
        {
            foreach (ModelDifference model in _models) model.Thinning.CompletePass();
            IsSelecting = _models.Any(m => m.Thinning.NeedsPass);
            return;
        }

        for (int k = 0; k < _norms.Length; k++)
        {
            if (_norms[k] is not { } norms) continue;
            ReadOnlySpan<double> sums = norms.Read();
            double rescale = sums[0] / sums[1];
            _models[k].Rescale = sums[1] > 0 && double.IsFinite(rescale) ? rescale : 1;
        }

        _wantsNorms = false;
    }

    public override void Map(in TensorChunk chunk)
    {
        OperationSet operations = _task.Device.Operations;
        DeviceSpan<float> origin = chunk.Inputs[_task.Base];
        if (_models.Count == 0 || _scale == 0)
        {
            operations.Copy(chunk.Output, origin);
            return;
        }

        bool draws = _models.Any(m => m.Thinning.Draws);
        for (long start = 0, length; start < chunk.Length; start += length)
        {
            length = draws ? _tiles.Next(start, chunk.Length) : chunk.Length;
            DeviceSpan<float> piece = origin.Slice(start, length);
            for (int k = 0; k < _models.Count; k++)
            {
                DeviceSpan<float> values = chunk.Inputs[_sources[k]].Slice(start, length), from = piece;
                if (!operations.SearchesDifferences && _models[k].Thinning.DrawsByMagnitude && !_keepsMasks)
                {
                    DeviceSpan<float> difference = _tiles.Float(0, length);
                    operations.Subtract(difference, values, from);
                    (values, from) = (difference, default);
                }

                _terms[k] = _models[k].Term(Draw(k, values, from, chunk.FirstIndex + start));
            }

            operations.MergeDifferences(
                chunk.Output.Slice(start, length), piece, _tiles.Slice(chunk, _sources, start, length), _terms, _rule, _scale, chunk.FirstIndex + start);
        }
    }

    protected override void Dispose(bool disposing)
    {
        _tiles.Dispose();
        _task.Return(_drawn);
        _drawn = null;
        foreach (RunningSums? norms in _norms) norms?.Dispose();
        foreach (ModelDifference model in _models) model.Thinning.Release();
        base.Dispose(disposing);
    }

    /// <summary>Shows a chunk to the searches, in pieces whose base stays in a cache.</summary>
    private void Search(OperationSet operations, in TensorChunk chunk)
    {
        const long piece = 1024 * 1024;
        for (long start = 0; start < chunk.Length; start += piece)
        {
            long length = Math.Min(piece, chunk.Length - start);
            DeviceSpan<float> origin = chunk.Inputs[_task.Base].Slice(start, length);
            for (int k = 0; k < _models.Count; k++)
            {
                if (_models[k].Thinning.NeedsPass) _models[k].Thinning.Accumulate(operations, chunk.Inputs[_sources[k]].Slice(start, length), origin, chunk.FirstIndex + start);
            }
        }
    }

    /// <param name="k">The model.</param>
    /// <param name="values">Its piece, of which the difference is known where a device searches none.</param>
    /// <param name="origin">What the piece differs from; <c>default</c> for a difference.</param>
    /// <param name="firstIndex">Where the piece begins.</param>
    private DeviceSpan<byte> Draw(int k, DeviceSpan<float> values, DeviceSpan<float> origin, long firstIndex)
    {
        if (!_models[k].Thinning.Draws) return default;
        DeviceSpan<byte> mask = _tiles.Mask(k, values.Length);
        if (!_keepsMasks || _wantsNorms) _models[k].Thinning.Draw(_task.Device.Operations, mask, values, origin, firstIndex);
        if (!_keepsMasks) return mask;
        if (_wantsNorms) MaskBits.Pack(mask.HostSpan, DrawnBits(k), firstIndex);
        else MaskBits.Unpack(DrawnBits(k), mask.HostSpan, firstIndex);
        return mask;
    }

    private Span<byte> DrawnBits(int k)
    {
        // Memory is taken when the first chunk is here, which is after the plan has admitted it.
        _drawn ??= _task.Rent(MaskBytes);
        long own = MaskBits.Bytes(_task.Length);
        return _drawn.AsSpan<byte>().Slice(k * own, own).HostSpan;
    }

    /// <summary>Adds |d| and |d where it counts|: what a merge with the one model leaves of 0.</summary>
    private void AddNorms(int k, DeviceSpan<float> difference, long firstIndex)
    {
        OperationSet operations = _task.Device.Operations;
        DeviceSpan<float> thinned = _tiles.Float(1, difference.Length);
        ModelDifference model = _models[k];
        if (model.Thinning.Draws)
        {
            operations.ApplyMask(thinned, difference, Draw(k, difference, default, firstIndex));
        }
        else
        {
            DeviceSpan<float> zero = _tiles.Float(2, difference.Length);
            operations.Fill(zero, 0);
            operations.MergeDifferences(thinned, zero, [difference], [new DifferenceTerm(1, 1, 1, model.Thinning.Kept, model.Thinning.Dropped)], DifferenceRule.Sum, 1, firstIndex);
        }

        _norms[k]!.Add([difference, thinned]);
    }
}
