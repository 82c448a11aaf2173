using System.Collections;
using System.Collections.ObjectModel;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Parameters;
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
        long[] read = new long[job.Inputs.Count];
        long output = 0, once = 0, statistics = 0;
        for (int i = 0; i < job.Tensors.Count; i++)
        {
            TensorJob tensor = job.Tensors[i];
            TensorNeeds needs = cost.Tensors[i];
            foreach (TensorSource source in tensor.Sources.Concat(tensor.Companions.OfType<TensorSource>()))
                read[inputs[source.Checkpoint]] += source.Transform?.InputBytes ?? source.Checkpoint[source.Tensor].DType.ByteCount(tensor.Shape.ElementCount);
            bool asks = needs.Passes > 1 || cost.IsOfWholeModel(tensor);
            output += tensor.DType.ByteCount(tensor.Shape.ElementCount);
            once += needs.InputBytes;
            if (asks) statistics += needs.InputBytes;
        }

        ExecutionEstimate estimate = cost.Estimate;
        return new PlanReport(
            recipe.Method.Name, recipe.Method.Dialect.ToString().ToLowerInvariant(), job.Seed,
            [.. job.Inputs.Select((c, i) => new PlannedInput(c.Path, c.Files.Count, c.Names.Count, c.TotalByteLength, read[i]))], new TensorReports(job.Tensors, inputs, cost),
            new PlanTotals(
                job.Tensors.Count, job.Tensors.Count(t => t.Method is not null), output, once, statistics, estimate.UsualPasses, estimate.Passes, estimate.ReadBytes, options.MemoryLimit, estimate.PeakMemory,
                estimate.LeastMemory),
            job.Notes);
    }

    /// <summary>Reports of tensors, made when they are asked for: those of a hundred thousand take more memory than the plan.</summary>
    private sealed class TensorReports(IReadOnlyList<TensorJob> tensors, Dictionary<Checkpoint, int> inputs, JobCost cost) : IReadOnlyList<TensorReport>
    {
        private readonly ParameterTexts _texts = new();

        public int Count => tensors.Count;

        public TensorReport this[int index]
        {
            get
            {
                TensorJob tensor = tensors[index];
                TensorNeeds needs = cost.Tensors[index];
                return new TensorReport(
                    tensor.Name, tensor.DType.Name(), [.. tensor.Shape], tensor.DType.ByteCount(tensor.Shape.ElementCount), tensor.Method?.Name ?? "copy", _texts.Shared(tensor.Parameters),
                    [
                        .. tensor.Sources.Select((s, i) => new SourceReport(
                            inputs[s.Checkpoint], s.Tensor, s.Checkpoint[s.Tensor].DType.Name(), s.DType.Name(), i == tensor.Base, _texts.Of(tensor.Parameters, i))),
                    ],
                    needs.Passes > 1 || cost.IsOfWholeModel(tensor), needs.LeastMemory);
            }
        }

        public IEnumerator<TensorReport> GetEnumerator()
        {
            for (int i = 0; i < Count; i++) yield return this[i];
        }

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }

    /// <summary>Parameters as text, made once for tensors that have the same.</summary>
    private sealed class ParameterTexts
    {
        private static readonly ReadOnlyDictionary<string, string> s_none = ReadOnlyDictionary<string, string>.Empty;

        private readonly Dictionary<int, IReadOnlyDictionary<string, string>> _known = [];
        private TensorParameters? _parameters;

        public IReadOnlyDictionary<string, string> Shared(TensorParameters? parameters) => Find(parameters, -1, static (p, _) => p.SharedTexts);

        public IReadOnlyDictionary<string, string> Of(TensorParameters? parameters, int source) => Find(parameters, source, static (p, i) => p.TextsOf(i));

        private IReadOnlyDictionary<string, string> Find(TensorParameters? parameters, int source, Func<TensorParameters, int, IReadOnlyList<KeyValuePair<string, string>>> read)
        {
            if (parameters is null) return s_none;
            if (parameters != _parameters) _known.Clear();
            _parameters = parameters;
            if (!_known.TryGetValue(source, out IReadOnlyDictionary<string, string>? texts)) _known.Add(source, texts = new Dictionary<string, string>(read(parameters, source), StringComparer.Ordinal));
            return texts;
        }
    }
}
