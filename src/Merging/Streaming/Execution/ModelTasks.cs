using System.Diagnostics.CodeAnalysis;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Tensors;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>The tensors of a job as their methods see them, and the statistics that methods begin over all of them; for these the tensors are numbered.</summary>
internal sealed class ModelTasks : IDisposable
{
    private readonly MergeJob _job;
    private readonly Device _device;
    private readonly long _spare;
    private readonly WorkingMemory _memory;
    private readonly Dictionary<TensorJob, TensorTask> _tasks = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<TensorMethod, TensorJob[]> _byMethod = [];
    private readonly Dictionary<TensorMethod, ModelStatistics> _statistics = [];

    /// <param name="job">The merge.</param>
    /// <param name="device">Where it is computed.</param>
    /// <param name="memory">What merges may hold to save themselves passes, and what is kept of it for the next tensor.</param>
    /// <exception cref="PlanningException">A method refuses the model.</exception>
    [SuppressMessage("Reliability", "CA2000", Justification = "Statistics are disposed of with this.")]
    public ModelTasks(MergeJob job, Device device, MemoryPlan memory)
    {
        (_job, _device, _spare, _memory) = (job, device, memory.SpareBytes, new WorkingMemory(device, memory.IdleBytes));
        try
        {
            foreach (IGrouping<TensorMethod?, TensorJob> group in job.Tensors.GroupBy(t => t.Method))
            {
                if (group.Key is not { } method) continue;
                // Most methods know nothing of the whole model, and do not ask for its tensors.
                var jobs = new Lazy<TensorJob[]>(() => [.. group.OrderBy(t => t.Name, StringComparer.Ordinal)]);
                var tasks = new Lazy<IReadOnlyList<TensorTask>>(() => Number(jobs.Value));
                ModelStatistics? statistics = Refusal.Explain(null, () => method.BeginModel(new ModelTask(device, tasks)));
                // Where nothing is known of the whole model, tasks are made when they are needed.
                if (statistics is null) continue;
                _statistics.Add(method, statistics);
                _byMethod.Add(method, jobs.Value);
                for (int i = 0; i < jobs.Value.Length; i++) _tasks.Add(jobs.Value[i], tasks.Value[i] with { Statistics = statistics, Memory = _memory });
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Of the methods that have some.</summary>
    public IReadOnlyDictionary<TensorMethod, ModelStatistics> Statistics => _statistics;

    public TensorTask this[TensorJob tensor] => _tasks.TryGetValue(tensor, out TensorTask? task) ? task : tensor.Task(_device, _job.Seed) with { Spare = _spare, Memory = _memory };

    /// <summary>The tensors of a method with statistics, in the order of their numbers.</summary>
    public IEnumerable<(TensorJob Job, TensorTask Task)> Of(TensorMethod method) => _byMethod[method].Select(j => (j, _tasks[j]));

    private TensorTask[] Number(TensorJob[] jobs)
    {
        var tasks = new TensorTask[jobs.Length];
        long first = 0;
        for (int i = 0; i < jobs.Length; i++)
        {
            tasks[i] = jobs[i].Task(_device, _job.Seed) with { Index = i, FirstIndex = first, Spare = _spare };
            first += tasks[i].Length;
        }

        return tasks;
    }

    public void Dispose()
    {
        foreach (ModelStatistics statistics in _statistics.Values) statistics.Dispose();
        _memory.Dispose();
    }
}
