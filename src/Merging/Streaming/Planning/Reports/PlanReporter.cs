using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.TensorMethods;
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
    /// <param name="memoryLimit">Bytes that it may use.</param>
    /// <exception cref="PlanningException">The method refuses the parameters of tensors; all of them are named.</exception>
    public static PlanReport Describe(MergeJob job, Recipe recipe, Device device, long memoryLimit)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(memoryLimit);
        Dictionary<Checkpoint, int> inputs = job.Inputs.Select((c, i) => (c, i)).ToDictionary(c => c.c, c => c.i);
        var findings = new PlanFindings();
        var tensors = new List<TensorReport>(job.Tensors.Count);
        long[] read = new long[job.Inputs.Count];
        long output = 0, statistics = 0, peak = 0, least = 0;
        HashSet<TensorMethod> whole = WithWholeModel(job, device, findings);
        foreach (TensorJob tensor in job.Tensors)
        {
            (long unit, long working, bool asks) = Needs(tensor, job.Seed, device, findings);
            asks |= tensor.Method is { } method && whole.Contains(method);
            TensorSource[] companions = [.. tensor.Companions.OfType<TensorSource>()];
            long width = (tensor.Sources.Count + companions.Length + 1L) * sizeof(float), smallest = Sum(Product(Math.Min(unit, tensor.Shape.ElementCount), width), working);
            long sources = 0;
            foreach (TensorSource source in tensor.Sources.Concat(companions))
            {
                long bytes = source.Transform?.InputBytes ?? source.Checkpoint[source.Tensor].DType.ByteCount(tensor.Shape.ElementCount);
                read[inputs[source.Checkpoint]] += bytes;
                sources += bytes;
            }

            TensorReport report = Report(tensor, inputs, asks, smallest);
            tensors.Add(report);
            output += report.Bytes;
            if (asks) statistics += sources;
            peak = Math.Max(peak, Math.Max(smallest, Math.Min(memoryLimit, Sum(Product(tensor.Shape.ElementCount, width), working))));
            least = Math.Max(least, smallest);
        }

        findings.ThrowIfAny();
        return new PlanReport(
            recipe.Method.Name, recipe.Method.Dialect.ToString().ToLowerInvariant(), job.Seed,
            [.. job.Inputs.Select((c, i) => new PlannedInput(c.Path, c.Files.Count, c.Names.Count, c.TotalByteLength, read[i]))], tensors,
            new PlanTotals(tensors.Count, job.Tensors.Count(t => t.Method is not null), output, read.Sum(), statistics, memoryLimit, peak, least), job.Notes);
    }

    /// <summary>The methods that look at the whole model before they merge its first tensor.</summary>
    private static HashSet<TensorMethod> WithWholeModel(MergeJob job, Device device, PlanFindings findings)
    {
        var methods = new HashSet<TensorMethod>(ReferenceEqualityComparer.Instance);
        foreach (IGrouping<TensorMethod?, TensorJob> tensors in job.Tensors.GroupBy(t => t.Method))
        {
            if (tensors.Key is not { } method) continue;
            try
            {
                using ModelStatistics? statistics = method.BeginModel(new ModelTask(device, [.. tensors.OrderBy(t => t.Name, StringComparer.Ordinal).Select(t => t.Task(device, job.Seed))]));
                if (statistics?.NeedsPass is true) methods.Add(method);
            }
            catch (ArgumentException e)
            {
                findings.Problem(e.Message);
            }
        }

        return methods;
    }

    /// <summary>Elements that a chunk is a multiple of, bytes beside the chunks, and whether there is a pass for statistics.</summary>
    private static (long Unit, long Working, bool Statistics) Needs(TensorJob tensor, ulong seed, Device device, PlanFindings findings)
    {
        if (tensor.Method is null) return (1, 0, false);
        try
        {
            using TensorMerge merge = tensor.Method.Begin(tensor.Task(device, seed));
            return (merge.Unit, merge.WorkingBytes, merge.NeedsPass);
        }
        catch (ArgumentException e)
        {
            findings.Problem($"{Quoting.Quote(tensor.Name)}: {e.Message}");
            return (1, 0, false);
        }
    }

    private static TensorReport Report(TensorJob tensor, Dictionary<Checkpoint, int> inputs, bool statistics, long least) => new(
        tensor.Name, tensor.DType.Name(), [.. tensor.Shape], tensor.DType.ByteCount(tensor.Shape.ElementCount), tensor.Method?.Name ?? "copy", Texts(tensor.Parameters?.SharedTexts),
        [
            .. tensor.Sources.Select((s, i) => new SourceReport(
                inputs[s.Checkpoint], s.Tensor, s.Checkpoint[s.Tensor].DType.Name(), s.DType.Name(), i == tensor.Base, Texts(tensor.Parameters?.TextsOf(i)))),
        ],
        statistics, least);

    private static Dictionary<string, string> Texts(IReadOnlyList<KeyValuePair<string, string>>? values) => new(values ?? [], StringComparer.Ordinal);

    // Tensors of sparse files may be larger than any memory.
    private static long Product(long a, long b) => a > 0 && b > long.MaxValue / a ? long.MaxValue : a * b;

    private static long Sum(long a, long b) => a > long.MaxValue - b ? long.MaxValue : a + b;
}
