using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>
/// Whether everything that a merge must have at one time is within a memory limit, and which limit would do. Chunks are smaller where there is less memory, so what
/// is needed depends on the limit itself: it is asked again for each candidate, exactly as the pipeline asks.
/// </summary>
/// <param name="options">How the merge is executed.</param>
/// <param name="fixedBytes">What stands before the first chunk.</param>
internal sealed class LeastLimit(ExecutionOptions options, long fixedBytes)
{
    private const long Mebibyte = 1 << 20;

    /// <summary>More than any machine has: from here on no limit is named.</summary>
    private const long Beyond = 1L << 56;

    // Tensors of the same needs are counted together: models have many of few kinds.
    private readonly Dictionary<FlowNeeds, (string Name, int Count, Func<MemoryPlan, FlowNeeds> With)> _tensors = [];

    // Needs are those of a method that has so much to spare; for another limit it is asked again, one tensor of each kind.
    private readonly long _spare = new MemoryPlan(options, fixedBytes).SpareBytes;
    private readonly List<(long Held, FlowNeeds[] Tensors)> _statistics = [];
    private long _held;

    /// <param name="tensor">Its name.</param>
    /// <param name="needs">What it needs within the limit that was asked for.</param>
    /// <param name="with">What it needs within another one.</param>
    public void Add(string tensor, FlowNeeds needs, Func<MemoryPlan, FlowNeeds> with) =>
        _tensors[needs] = _tensors.TryGetValue(needs, out (string Name, int Count, Func<MemoryPlan, FlowNeeds> With) same) ? same with { Count = same.Count + 1 } : (tensor, 1, with);

    /// <summary>Statistics over the model: what they hold stays until the end.</summary>
    public void AddStatistics(long working, IEnumerable<FlowNeeds> tensors)
    {
        _held = TensorNeeds.Add(_held, working);
        _statistics.Add((_held, [.. tensors.Distinct()]));
    }

    /// <summary>The smallest limit from a number of bytes on that would do, in whole mebibytes where that number does not; null if there is none.</summary>
    public long? From(long limit)
    {
        while (limit < Beyond)
        {
            MemoryPlan memory = At(limit);
            long needed = Needed(memory);
            if (needed <= memory.Budget) return limit;
            if (needed >= Beyond) return null;
            limit = Math.Max(limit + 1, needed + fixedBytes);
            limit = (limit + Mebibyte - 1) / Mebibyte * Mebibyte;
        }

        return null;
    }

    /// <summary>A sentence that says what does not fit and which limit would do; null if everything fits.</summary>
    public string? Problem()
    {
        long limit = options.MemoryLimit;
        MemoryPlan memory = At(limit);
        if (Needed(memory) <= memory.Budget) return null;
        string advice = From(limit) is { } enough ? $"one of {MemoryPlan.Text(enough)} would do." : "no limit would do.";
        KeyValuePair<FlowNeeds, (string Name, int Count, Func<MemoryPlan, FlowNeeds> With)>[] large = [.. _tensors.Where(t => TensorNeeds.Add(_held, t.Key.ReserveIn(memory)) > memory.Budget).OrderByDescending(t => t.Key.ReserveIn(memory))];
        if (large.Length == 0) return $"The statistics over the model do not fit within the memory limit of {MemoryPlan.Text(limit)}; {advice}";
        int others = large.Sum(t => t.Value.Count) - 1;
        string rest = others switch { 0 => "", 1 => " and another one", _ => $" and {others} others" };
        return $"The tensor {Quoting.Quote(large[0].Value.Name)}{rest} cannot be merged within the memory limit of {MemoryPlan.Text(limit)}; {advice}";
    }

    private MemoryPlan At(long limit) => new(options with { MemoryLimit = limit }, fixedBytes);

    /// <summary>The most that has to be there at one time.</summary>
    private long Needed(MemoryPlan memory)
    {
        long needed = 0;
        foreach ((long held, FlowNeeds[] tensors) in _statistics)
        {
            foreach (FlowNeeds tensor in tensors) needed = Math.Max(needed, TensorNeeds.Add(held, tensor.ReserveIn(memory)));
        }

        foreach ((FlowNeeds known, (_, _, Func<MemoryPlan, FlowNeeds> with)) in _tensors)
        {
            FlowNeeds tensor = memory.SpareBytes == _spare ? known : with(memory);
            needed = Math.Max(needed, TensorNeeds.Add(_held, tensor.ReserveIn(memory)));
        }

        return needed;
    }
}
