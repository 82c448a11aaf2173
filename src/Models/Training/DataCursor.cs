using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Models.Training;

/// <summary>
/// Walks through a task's training samples, batch by batch and epoch by epoch. Order and position follow from seed, task and epoch, so a
/// cursor can be put anywhere. The last batch of an epoch has what is left.
/// </summary>
public sealed class DataCursor
{
    private readonly TrainingTask _task;
    private readonly ulong _key;
    private readonly int[] _order;
    private int _orderEpoch = -1;
    private DataPosition _position;

    /// <param name="task">Whose samples.</param>
    /// <param name="batchSize">Samples of a batch.</param>
    /// <param name="seed">Seed of the shuffling.</param>
    public DataCursor(TrainingTask task, int batchSize, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        _task = task;
        BatchSize = batchSize;
        _key = PhiloxKey.From(seed, $"order.{task.Name}");
        _order = new int[task.Dataset.Require(task.Split).Count];
    }

    public int BatchSize { get; }

    public int StepsPerEpoch => (_order.Length + BatchSize - 1) / BatchSize;

    /// <summary>Where the next batch begins.</summary>
    public DataPosition Position
    {
        get => _position;
        set
        {
            _position = value;
            // An order that someone else gives is asked for again: it may depend on more than the epoch.
            if (_task.Order is not null) _orderEpoch = -1;
        }
    }

    /// <summary>The next batch's samples, valid until the next call, and the epoch that they belong to.</summary>
    /// <exception cref="ModelException">The position, which may come from a file, is not one of this data.</exception>
    public ReadOnlySpan<int> Next(out int epoch)
    {
        (epoch, int offset) = _position;
        if (offset < 0 || offset >= _order.Length) throw new ModelException($"{_task.Dataset.Source}: the position {offset} is not one of the {_order.Length} samples of task {_task.Name}: the run was one on other data.");
        if (epoch != _orderEpoch) Order(epoch);
        int count = Math.Min(BatchSize, _order.Length - offset);
        _position = offset + count < _order.Length ? new DataPosition(epoch, offset + count) : new DataPosition(epoch + 1, 0);
        return _order.AsSpan(offset, count);
    }

    private void Order(int epoch)
    {
        for (int i = 0; i < _order.Length; i++) _order[i] = i;
        if (_task.Order is { } order)
        {
            order(epoch, _order);
        }
        else
        {
            var random = new PhiloxStream(_key, (ulong)epoch);
            random.Shuffle(_order);
        }

        _orderEpoch = epoch;
    }
}
