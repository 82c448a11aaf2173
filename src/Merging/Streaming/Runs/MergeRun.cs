using System.Diagnostics;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Files;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Streaming.Profiling;
using MergeEngine.Merging.Yaml;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Runs;

/// <summary>
/// Merges from file to file: every document of a recipe file in the order in which they need each other, each planned, executed and renamed to its place. The
/// same call is behind <c>merge-engine merge</c>.
/// </summary>
public static class MergeRun
{
    /// <summary>Merges all documents of a recipe file.</summary>
    /// <param name="file">The recipes.</param>
    /// <param name="options">Where the outputs go and how the work is done.</param>
    /// <param name="progress">Is told how far the merge is, from any thread; null for nobody.</param>
    /// <param name="cancellation">Stops the merge; what is written can be gone on with (<see cref="MergeOptions.Resume"/>) where outputs are hashed.</param>
    /// <returns>A result for each document, in the order in which they were merged.</returns>
    /// <exception cref="PlanningException">Recipes do not fit their checkpoints, or tensors the memory limit; everything that is wrong is listed, and nothing is written.</exception>
    /// <exception cref="YamlException">Nothing says where the result of a document goes.</exception>
    /// <exception cref="SafetensorsException">A file cannot be read or written, or an output exists already.</exception>
    /// <exception cref="OperationCanceledException">The merge was stopped.</exception>
    public static IReadOnlyList<MergeResult> Run(RecipeFile file, MergeOptions options, IProgress<MergeProgress>? progress = null, CancellationToken cancellation = default)
    {
        options.RequireUsable();
        var places = new DocumentPlaces(file, options);
        places.RequirePossible(file, options);
        MergePreview.RequirePlans(file, places, options);
        double copy = options.Profile ? MergeProfile.MeasureCopy(options.WorkingThreads, options.MemoryLimit) : 0;
        var results = new List<MergeResult>();
        foreach (Recipe recipe in file.Recipes)
        {
            IProgress<ExecutionProgress>? own = progress is null ? null : new DocumentProgress(progress, recipe.Name);
            results.Add(RunOne(recipe, DocumentText.Of(file, recipe), places, options, copy, own, cancellation));
        }

        return results;
    }

    private static MergeResult RunOne(
        Recipe recipe, string text, DocumentPlaces places, MergeOptions options, double copy, IProgress<ExecutionProgress>? progress, CancellationToken cancellation)
    {
        long started = Stopwatch.GetTimestamp();
        StageTimes? times = options.Profile ? new StageTimes() : null;
        long planning = StageTimes.Start(times);
        string path = Path.Combine(options.WorkingDirectory, places.Of(recipe));
        // What plans that were shown or checked before have left would stand beside this one.
        PlanGarbage.Drop();
        using MergeJob job = MergePlanner.Plan(recipe, options.Planning(places.Named));
        OutputDirectory.RequireApart(path, FilesOf(job));
        OutputPlan plan = PlanOf(job, options);
        PlanGarbage.Drop(plan.Tensors.Count);
        // Parameters that a method refuses are found here, and all of them, and what memory has no room for, rather than in the middle of the merge.
        IReadOnlyList<string> limits = MergeExecutor.RequirePossible(job, options.Executing);
        CompanionFiles companions = CompanionFiles.Plan(job, recipe, text, options.Beside);
        times?.Add(MergeStage.Planning, planning);
        long opening = StageTimes.Start(times);
        using InputFiles inputs = InputFiles.Open(job, options.Hash, times);
        MergeDescription description = Describe(recipe, text, options, job, inputs);
        MergeResult result = new(
            recipe.Name, path, recipe.Method.Name, description.Dialect, plan.Tensors.Count, job.Tensors.Count(t => t.Method is not null), plan.Shards.Count, plan.TotalSize, 0,
            [.. job.Notes, .. companions.Notes, .. OutputDirectory.NotesOnLoss(path, plan, companions.Names), .. limits])
        {
            PlaceNotes = [.. OutputDirectory.NotesOnPlace(path, FilesOf(job))],
        };
        bool overwrite = options.Overwrite;
        if (FinishedMerge.Exists(path) && MayBeFinished(recipe, options))
        {
            string? difference = FinishedMerge.Difference(path, description, plan, options.WorkingThreads, cancellation);
            if (difference is null)
            {
                OutputDirectory.RemoveLeft(path);
                return result with { WasFinished = true, Seconds = Stopwatch.GetElapsedTime(started).TotalSeconds };
            }

            if (!overwrite) throw new SafetensorsException($"{path}: {difference}; --overwrite merges it anew.");
        }

        OutputDirectory.RequireRoom(path, plan);
        using OutputDirectory output = OutputDirectory.Open(path, plan, description, options.Writing(overwrite || (recipe.Name is not null && !options.ReuseIntermediates), times), cancellation);
        try
        {
            companions.Write(output);
            PlanGarbage.Drop(plan.Tensors.Count);
            times?.Add(MergeStage.Opening, opening);
            ExecutionSummary moved = MergeExecutor.Execute(job, plan, output, inputs, options.Executing with { Times = times }, progress, cancellation);
            output.Complete(cancellation);
            double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            MergeProfile? profile = times is null ? null : MergeProfile.Of(times, seconds, options.WorkingThreads, copy);
            return result with { RestoredBytes = output.RestoredBytes, ResumeNote = output.ResumeNote, Moved = moved, Seconds = seconds, Profile = profile };
        }
        catch (OperationCanceledException) when (options.Hash)
        {
            output.KeepPartial();
            throw;
        }
    }

    /// <summary>The files with weights that a merge reads.</summary>
    internal static IEnumerable<string> FilesOf(MergeJob job) => job.Inputs.SelectMany(c => c.Files).Select(f => f.FilePath);

    /// <summary>Where to write what.</summary>
    internal static OutputPlan PlanOf(MergeJob job, MergeOptions options) =>
        OutputPlan.Create(job.Tensors.Select(t => new OutputTensor(t.Name, t.DType, t.Shape)), options.ShardSize);

    /// <summary>An intermediate result is found again; the last one only by a run that goes on with a stopped one, which may have been stopped after its last step.</summary>
    private static bool MayBeFinished(Recipe recipe, MergeOptions options) => options.Hash && (recipe.Name is null ? options.Resume : options.ReuseIntermediates);

    private static MergeDescription Describe(Recipe recipe, string text, MergeOptions options, MergeJob job, InputFiles inputs)
    {
        // Only asked for where a stopped merge is gone on with and its inputs have been touched.
        var ranges = new Lazy<InputRanges>(() => new InputRanges(job, inputs, options.Executing));
        return new MergeDescription
        {
            Recipe = text,
            Dialect = recipe.Method.Dialect.ToString().ToLowerInvariant(),
            Seed = options.Seed,
            Options = SettingFiles.AddTo(options.Deciding(), job),
            Inputs = inputs.Files,
            Sources = tensor => ranges.Value.Of(tensor),
        };
    }

    private sealed class DocumentProgress(IProgress<MergeProgress> progress, string? document) : IProgress<ExecutionProgress>
    {
        public void Report(ExecutionProgress value) => progress.Report(new MergeProgress(document, value));
    }
}
