using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>What a job costs, tensor by tensor and in all.</summary>
internal sealed class JobCost
{
    private readonly HashSet<TensorMethod> _wholeModel = [];
    private readonly LeastLimit _limit;
    private readonly bool _isOfManyTensors;
    private readonly long _memoryLimit;

    /// <param name="job">The merge.</param>
    /// <param name="options">How it will be executed.</param>
    /// <exception cref="PlanningException">A method refuses the parameters of tensors; all of them are named.</exception>
    public JobCost(MergeJob job, ExecutionOptions options)
    {
        var memory = new MemoryPlan(options, job);
        _limit = new LeastLimit(options, memory.Fixed);
        _isOfManyTensors = memory.IsOfManyTensors;
        var problems = new List<string>();
        var needs = new TensorNeeds[job.Tensors.Count];
        // Models have many tensors of few kinds.
        var kinds = new Dictionary<TensorNeeds, TensorNeeds>();
        for (int i = 0; i < needs.Length; i++)
        {
            try
            {
                TensorNeeds own = TensorNeeds.Of(job.Tensors[i], job.Seed, options.Device, memory);
                if (!kinds.TryGetValue(own, out TensorNeeds? same)) kinds.Add(own, same = own);
                needs[i] = same;
            }
            catch (ArgumentException e)
            {
                problems.Add(Refusal.Text(job.Tensors[i].Name, e));
            }
        }

        long statisticsBytes = 0, held = 0, largest = 0;
        int statisticsPasses = 0;
        try
        {
            (statisticsBytes, statisticsPasses, held, largest) = Statistics(job, options.Device, memory);
        }
        catch (PlanningException e)
        {
            problems.AddRange(e.Problems);
        }

        if (problems.Count > 0) throw new PlanningException(problems);
        Tensors = needs;
        _memoryLimit = options.MemoryLimit;
        for (int i = 0; i < needs.Length; i++)
        {
            TensorJob tensor = job.Tensors[i];
            _limit.Add(tensor.Name, needs[i].Flow, other => TensorNeeds.Of(tensor, job.Seed, options.Device, other).Flow);
        }

        foreach (TensorNeeds tensor in kinds.Keys) largest = Math.Max(largest, tensor.LeastMemory);
        long peak = TensorNeeds.Add(Math.Min(memory.Budget, TensorNeeds.Add(held, Together(needs, memory.Threads + 1))), memory.Fixed);

        // Chunks have their least where a limit leaves less than that; a merge that takes less than the least keeps to what it takes.
        long floor = memory.Fixed + MemoryPlan.Least, least = _limit.From(floor) ?? TensorNeeds.Add(TensorNeeds.Add(largest, held), memory.Fixed);
        if (least <= floor) least = Math.Min(least, peak);
        long write = job.Tensors.Sum(t => t.DType.ByteCount(t.Shape.ElementCount));
        Estimate = new ExecutionEstimate(
            statisticsPasses + needs.Select(n => n.Passes).DefaultIfEmpty(1).Max(), statisticsPasses + needs.Select(n => n.MostPasses).DefaultIfEmpty(1).Max(), statisticsBytes + needs.Sum(n => n.ReadBytes), write, Math.Max(least, peak), least);
    }

    /// <summary>In the order of the job.</summary>
    public IReadOnlyList<TensorNeeds> Tensors { get; }

    public ExecutionEstimate Estimate { get; }

    /// <summary>A sentence on what does not fit within the memory limit; null if everything does.</summary>
    public string? MemoryProblem
    {
        get
        {
            if (_limit.Problem() is { } problem) return problem;
            // The limit is kept to a tenth.
            if (!_isOfManyTensors || Estimate.LeastMemory <= _memoryLimit + (_memoryLimit / 10)) return null;
            return $"Headers and plan of {Tensors.Count} tensors do not fit beside the program within the memory limit of {MemoryPlan.Text(_memoryLimit)}; one of {MemoryPlan.Text(Estimate.LeastMemory)} would do.";
        }
    }

    /// <summary>A sentence on a limit that is taken and cannot be kept; null if it is kept.</summary>
    public string? MemoryNote => Estimate.LeastMemory <= _memoryLimit || MemoryProblem is not null ? null
        : $"the program itself takes more than the memory limit of {MemoryPlan.Text(_memoryLimit)} allows; the merge keeps to about {MemoryPlan.Text(Estimate.LeastMemory)}.";

    /// <summary>Whether the method looks at the whole model before it merges the tensor.</summary>
    public bool IsOfWholeModel(TensorJob tensor) => tensor.Method is { } method && _wholeModel.Contains(method);

    /// <summary>
    /// Bytes of what is on its way at one time: as many tensors as there are threads, and one more, or where there are fewer as many chunks. No others than the largest are thought of.
    /// </summary>
    private static long Together(TensorNeeds[] needs, int most)
    {
        var largest = new PriorityQueue<TensorNeeds, long>();
        foreach (TensorNeeds tensor in needs)
        {
            largest.Enqueue(tensor, tensor.Memory);
            if (largest.Count > most) largest.Dequeue();
        }

        long bytes = 0, chunk = 0, chunks = 0;
        int tensors = largest.Count;
        while (largest.TryDequeue(out TensorNeeds? tensor, out long memory))
        {
            bytes = TensorNeeds.Add(bytes, memory);
            chunk = Math.Max(chunk, tensor.Chunk);
            chunks = TensorNeeds.Add(chunks, tensor.Chunks);
        }

        long further = Math.Min(most, chunks) - tensors;
        return chunk > 0 && further > long.MaxValue / chunk ? long.MaxValue : TensorNeeds.Add(bytes, Math.Max(0, further) * chunk);
    }

    /// <summary>Bytes that statistics over the model read at most, their passes, what they hold, and the largest chunk that they cannot do without.</summary>
    private (long Bytes, int Passes, long Held, long Largest) Statistics(MergeJob job, Device device, MemoryPlan memory)
    {
        using var tasks = new ModelTasks(job, device, memory);
        long bytes = 0, held = 0, largest = 0;
        int passes = 0;
        foreach ((TensorMethod method, ModelStatistics statistics) in tasks.Statistics)
        {
            if (statistics.NeedsPass) _wholeModel.Add(method);
            passes = Math.Max(passes, statistics.MostPasses);
            held += statistics.WorkingBytes;
            var needs = new List<FlowNeeds>();
            foreach ((TensorJob tensor, TensorTask task) in tasks.Of(method))
            {
                bytes += statistics.MostPasses * TensorInputs.BytesOf(tensor);
                long width = (tensor.Sources.Count + tensor.Companions.Count + 1L) * sizeof(float), unit = Math.Min(statistics.Unit(task), tensor.Shape.ElementCount);
                long sources = 2 * TensorInputs.WorkingBytesOf(tensor);
                largest = Math.Max(largest, unit > (long.MaxValue - sources) / width ? long.MaxValue : (unit * width) + sources);
                needs.Add(FlowNeeds.Of(tensor, TensorInputs.Combine(statistics.Unit(task), TensorInputs.UnitOf(tensor), tensor.Shape.ElementCount), sources, isRepeated: false) with { Whole = long.MaxValue });
            }

            if (statistics.NeedsPass) _limit.AddStatistics(statistics.WorkingBytes, needs);
            else _limit.AddStatistics(statistics.WorkingBytes, []);
        }

        return (bytes, passes, held, largest);
    }
}
