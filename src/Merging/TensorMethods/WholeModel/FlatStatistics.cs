using MergeEngine.Merging.Methods.Statistics;
using MergeEngine.Tensors;

namespace MergeEngine.Merging.TensorMethods.WholeModel;

/// <summary>
/// Statistics over the differences of a whole model as one flat vector, one after another, each in as many passes as it wants: those that a merge in
/// memory takes, over tensors that come in chunks.
/// </summary>
internal abstract class FlatStatistics : ModelStatistics
{
    private readonly DifferencePieces _pieces;

    /// <param name="task">The tensors; all have a base.</param>
    /// <param name="method">Its name, for errors.</param>
    /// <exception cref="ArgumentException">Some tensor has another number of models.</exception>
    protected FlatStatistics(ModelTask task, string method)
    {
        Models = CountModels(task, method);
        Length = task.Tensors.Sum(t => t.Length);
        Device = task.Device;
        _pieces = new DifferencePieces(task.Device, Models, Longest(task));
    }

    public override long WorkingBytes => _pieces.Bytes + OtherBytes;

    public override bool NeedsPass => Current is not null;

    public override int MostPasses => Statistics.Sum(s => s.MostPasses);

    /// <summary>K.</summary>
    protected int Models { get; }

    /// <summary>d: elements of the flat vector.</summary>
    protected long Length { get; }

    protected Device Device { get; }

    /// <summary>In the order in which they are taken; those that are needed.</summary>
    protected abstract IReadOnlyList<IMergeStatistic> Statistics { get; }

    /// <summary>Bytes that the statistics themselves hold.</summary>
    protected virtual long OtherBytes => 0;

    private IMergeStatistic? Current => Statistics.FirstOrDefault(s => !s.IsComplete);

    public override void Accumulate(TensorTask tensor, in TensorChunk chunk)
    {
        if (!Counts(tensor, chunk)) return;
        for (long start = 0, length; start < chunk.Length; start += length)
        {
            length = DifferencePieces.Next(start, chunk.Length);
            Current!.Accumulate(_pieces.Differences(tensor, chunk, start, length));
        }
    }

    public override void CompletePass() => Current!.CompletePass();

    /// <summary>Whether a tensor is part of the vector that is looked at.</summary>
    protected virtual bool Counts(TensorTask tensor, in TensorChunk chunk) => true;

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _pieces.Dispose();
            foreach (IMergeStatistic statistic in Statistics) (statistic as IDisposable)?.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <summary>Elements of the largest tensor.</summary>
    internal static long Longest(ModelTask task) => task.Tensors.Count == 0 ? 0 : task.Tensors.Max(t => t.Length);

    /// <summary>Number of models, the same for every tensor: a statistic over a model that changes along the way is of no model.</summary>
    internal static int CountModels(ModelTask task, string method)
    {
        foreach (TensorTask tensor in task.Tensors)
        {
            int models = task.Tensors[0].Parameters.Models.Count;
            if (tensor.Parameters.Models.Count == models) continue;
            throw new ArgumentException(
                $"The method '{method}' looks at whole models, and '{task.Tensors[0].Name}' is made of {models} of them, '{tensor.Name}' of {tensor.Parameters.Models.Count}: all slices and modules need the same models.",
                nameof(task));
        }

        return task.Tensors.Count == 0 ? 0 : task.Tensors[0].Parameters.Models.Count;
    }

    /// <summary>The statistics that a tensor's merge needs as soon as it is mapped.</summary>
    internal static TStatistics Of<TStatistics>(TensorTask task)
        where TStatistics : ModelStatistics =>
        task.Statistics as TStatistics ?? throw new InvalidOperationException($"'{task.Name}' is merged with statistics over the whole model, and comes without.");
}
