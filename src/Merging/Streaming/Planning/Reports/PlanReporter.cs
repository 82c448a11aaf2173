using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Planning.Reports;

/// <summary>Describes a planned merge.</summary>
public static class PlanReporter
{
    /// <summary>Asks the method of every tensor what it needs, and adds up.</summary>
    /// <param name="job">The merge.</param>
    /// <param name="recipe">Its recipe.</param>
    /// <param name="device">Where it will be computed.</param>
    /// <param name="memoryLimit">Bytes that the process may use.</param>
    /// <exception cref="PlanningException">The method refuses the parameters of tensors; all of them are named.</exception>
    public static PlanReport Describe(MergeJob job, Recipe recipe, Device device, long memoryLimit) =>
        Describe(job, recipe, new ExecutionOptions { Device = device, MemoryLimit = memoryLimit });

    /// <summary>The same for an execution with certain options, of which it gives the figures of <see cref="MergeExecutor.Estimate"/>.</summary>
    /// <inheritdoc cref="Describe(MergeJob, Recipe, Device, long)" path="/exception"/>
    public static PlanReport Describe(MergeJob job, Recipe recipe, ExecutionOptions options)
    {
        Dictionary<Checkpoint, int> inputs = job.Inputs.Select((c, i) => (c, i)).ToDictionary(c => c.c, c => c.i);
        var cost = new JobCost(job, options);
        var tensors = new List<TensorReport>(job.Tensors.Count);
        long[] read = new long[job.Inputs.Count];
        long output = 0, once = 0, statistics = 0;
        for (int i = 0; i < job.Tensors.Count; i++)
        {
            TensorJob tensor = job.Tensors[i];
            TensorNeeds needs = cost.Tensors[i];
            foreach (TensorSource source in tensor.Sources.Concat(tensor.Companions.OfType<TensorSource>()))
                read[inputs[source.Checkpoint]] += source.Transform?.InputBytes ?? source.Checkpoint[source.Tensor].DType.ByteCount(tensor.Shape.ElementCount);
            bool asks = needs.Passes > 1 || cost.IsOfWholeModel(tensor);
            TensorReport report = Report(tensor, inputs, asks, needs.LeastMemory);
            tensors.Add(report);
            output += report.Bytes;
            once += needs.InputBytes;
            if (asks) statistics += needs.InputBytes;
        }

        ExecutionEstimate estimate = cost.Estimate;
        return new PlanReport(
            recipe.Method.Name, recipe.Method.Dialect.ToString().ToLowerInvariant(), job.Seed,
            [.. job.Inputs.Select((c, i) => new PlannedInput(c.Path, c.Files.Count, c.Names.Count, c.TotalByteLength, read[i]))], tensors,
            new PlanTotals(
                tensors.Count, job.Tensors.Count(t => t.Method is not null), output, once, statistics, estimate.Passes, estimate.ReadBytes, options.MemoryLimit, estimate.PeakMemory,
                estimate.LeastMemory),
            job.Notes);
    }

    private static TensorReport Report(TensorJob tensor, Dictionary<Checkpoint, int> inputs, bool statistics, long least) => new(
        tensor.Name, tensor.DType.Name(), [.. tensor.Shape], tensor.DType.ByteCount(tensor.Shape.ElementCount), tensor.Method?.Name ?? "copy", Texts(tensor.Parameters?.SharedTexts),
        [
            .. tensor.Sources.Select((s, i) => new SourceReport(
                inputs[s.Checkpoint], s.Tensor, s.Checkpoint[s.Tensor].DType.Name(), s.DType.Name(), i == tensor.Base, Texts(tensor.Parameters?.TextsOf(i)))),
        ],
        statistics, least);

    private static Dictionary<string, string> Texts(IReadOnlyList<KeyValuePair<string, string>>? values) => new(values ?? [], StringComparer.Ordinal);
}
