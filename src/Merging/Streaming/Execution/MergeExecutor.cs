using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>Computes a planned merge and writes it, chunk by chunk.</summary>
public static class MergeExecutor
{
    /// <summary>Bytes of a memory limit that every merge of ordinary tensors keeps: the program with its run time, and chunks of the smallest size. Many need less, which their plans say.</summary>
    public const long LeastMemoryLimit = MemoryPlan.Program + MemoryPlan.Least;

    /// <summary>Merges every tensor and writes it to the output, which the caller completes.</summary>
    /// <param name="job">What to merge.</param>
    /// <param name="plan">Where every tensor of the job stands in the output.</param>
    /// <param name="output">The output of that plan. What an earlier run had written is not computed again.</param>
    /// <param name="inputs">The job's files, which hash what is read.</param>
    /// <param name="options">How to compute.</param>
    /// <param name="progress">Told of bytes done, often, by any thread; null for nobody.</param>
    /// <param name="cancellation">Stops between two chunks.</param>
    /// <exception cref="PlanningException">A method refuses the parameters of a tensor.</exception>
    /// <exception cref="SafetensorsException">An input cannot be read, or the disk is full or failed.</exception>
    /// <exception cref="InsufficientMemoryException">A tensor cannot be merged within the limit; says which limit would do.</exception>
    /// <exception cref="OperationCanceledException">Asked for.</exception>
    public static ExecutionSummary Execute(
        MergeJob job, OutputPlan plan, OutputDirectory output, InputFiles inputs, ExecutionOptions options,
        IProgress<ExecutionProgress>? progress = null, CancellationToken cancellation = default)
    {
        // They are shown the bytes by the job's checkpoints themselves.
        ArgumentNullException.ThrowIfNull(inputs);
        // Tensor after tensor takes the same memory.
        using var memory = new MemoryReuse();
        using var run = new ExecutionRun(job, plan, output, options, progress, cancellation);
        try
        {
            return run.Execute();
        }
        catch (Exception e) when (e is InvalidOperationException or IndexOutOfRangeException or ArgumentException)
        {
            // Two passes over a tensor that saw different bytes disagree in ways that look like a defect.
            foreach (InputFile file in inputs.Files) file.RequireUnchanged();
            throw;
        }
    }

    /// <summary>Finds what <see cref="Execute"/> would stop at, from headers alone: parameters that a method refuses, tensors that the memory limit has no room for.</summary>
    /// <param name="job">The merge.</param>
    /// <param name="options">How it would be executed.</param>
    /// <returns>What the user should know of it, a sentence each: a limit that is taken and cannot be kept.</returns>
    /// <exception cref="PlanningException">There is something; parameters are named tensor by tensor, and for memory the limit that would do.</exception>
    public static IReadOnlyList<string> RequirePossible(MergeJob job, ExecutionOptions options)
    {
        var cost = new JobCost(job, options);
        if (cost.MemoryProblem is { } problem) throw new PlanningException([problem]);
        return cost.MemoryNote is { } note ? [note] : [];
    }

    /// <summary>What <see cref="Execute"/> would cost, from headers alone.</summary>
    /// <param name="job">The merge.</param>
    /// <param name="plan">Where its tensors go.</param>
    /// <param name="options">How it would be executed.</param>
    /// <exception cref="PlanningException">A method refuses the parameters of tensors; all of them are named.</exception>
    public static ExecutionEstimate Estimate(MergeJob job, OutputPlan plan, ExecutionOptions options) => new JobCost(job, options).Estimate with { WriteBytes = plan.TotalSize };
}
