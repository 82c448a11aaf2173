using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Files;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Streaming.Planning.Reports;
using MergeEngine.Merging.Yaml;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Runs;

/// <summary>The plan of one document, for <c>--dry-run</c>.</summary>
/// <param name="Document">Its name; null for the result.</param>
/// <param name="Path">Where the result would go.</param>
/// <param name="Plan">Every tensor.</param>
/// <param name="Estimate">What executing it moves and holds.</param>
/// <param name="Files">The files that it would read.</param>
public sealed record PreviewedMerge(string? Document, string Path, PlanReport Plan, ExecutionEstimate Estimate, IReadOnlyList<string> Files);

/// <summary>
/// Plans all documents of a recipe file before any is merged. A document that uses another's result is planned on a stand-in for it: files with the headers that it will have,
/// and no values.
/// </summary>
public static class MergePreview
{
    /// <summary>Plans and describes every document.</summary>
    /// <exception cref="PlanningException">Recipes do not fit their checkpoints, or tensors the memory limit; what is wrong with any of them is listed.</exception>
    /// <exception cref="YamlException">Nothing says where the result of a document goes.</exception>
    /// <exception cref="SafetensorsException">An output exists already or cannot be written.</exception>
    public static IReadOnlyList<PreviewedMerge> Describe(RecipeFile file, MergeOptions options)
    {
        options.RequireUsable();
        var previews = new List<PreviewedMerge>();
        var places = new DocumentPlaces(file, options);
        PlanAll(file, places, options, (recipe, job, plan, standIns) => previews.Add(new PreviewedMerge(
            recipe.Name, places.Of(recipe), Rename(PlanReporter.Describe(job, recipe, options.Executing), standIns, places),
            MergeExecutor.Estimate(job, plan, options.Executing),
            [.. MergeRun.FilesOf(job)])));
        return previews;
    }

    /// <summary>Finds what is wrong with a later document before the first is merged.</summary>
    internal static void RequirePlans(RecipeFile file, DocumentPlaces places, MergeOptions options)
    {
        if (file.Recipes.Count > 1) PlanAll(file, places, options, static (_, _, _, _) => { });
    }

    private static void PlanAll(RecipeFile file, DocumentPlaces places, MergeOptions options, Action<Recipe, MergeJob, OutputPlan, StandIns> use)
    {
        places.RequirePossible(file, options);
        using var standIns = new StandIns();
        var problems = new List<string>();
        bool areOfFiles = true;
        var failed = new HashSet<string>(StringComparer.Ordinal);
        foreach (Recipe recipe in file.Recipes)
        {
            // What is wrong with a document that cannot be planned is not told again for those that need it.
            if (recipe.Models.Any(m => m.IsDocument && failed.Contains(m.Path)))
            {
                if (recipe.Name is { } unplanned) failed.Add(unplanned);
                continue;
            }

            try
            {
                using MergeJob job = MergePlanner.Plan(recipe, options.Planning(standIns.Paths));
                string path = Path.Combine(options.WorkingDirectory, places.Of(recipe));
                OutputDirectory.RequireApart(path, MergeRun.FilesOf(job));
                OutputPlan plan = MergeRun.PlanOf(job, options);
                IReadOnlyList<string> limits = MergeExecutor.RequirePossible(job, options.Executing);
                OutputDirectory.RequireRoom(path, plan, mayStay: options.Resume || recipe.Name is not null);
                CompanionFiles companions = CompanionFiles.Plan(job, recipe, DocumentText.Of(file, recipe), options.Beside);
                IEnumerable<string> losses = [.. OutputDirectory.NotesOnPlace(path, MergeRun.FilesOf(job)), .. OutputDirectory.NotesOnLoss(path, plan, companions.Names)];
                use(recipe, job with { Notes = [.. job.Notes, .. companions.Notes, .. losses, .. limits] }, plan, standIns);
                if (recipe.Name is { } name && file.Recipes.Count > 1) standIns.Add(name, plan, companions);
            }
            catch (PlanningException e)
            {
                areOfFiles &= e.AreOfFiles;
                problems.AddRange(e.Problems.Select(p => Rename(p, standIns, places)));
                if (recipe.Name is { } name) failed.Add(name);
            }
        }

        if (problems.Count > 0) throw new PlanningException(problems, areOfFiles);
    }

    /// <summary>Results that are not there yet are called by the places where they will be.</summary>
    private static PlanReport Rename(PlanReport report, StandIns standIns, DocumentPlaces places) => report with
    {
        Notes = [.. report.Notes.Select(n => Rename(n, standIns, places))],
        Inputs = [.. report.Inputs.Select(i => standIns.Paths.FirstOrDefault(p => p.Value == i.Path).Key is { } document ? i with { Path = places.Named[document] } : i)],
    };

    private static string Rename(string text, StandIns standIns, DocumentPlaces places) =>
        standIns.Paths.Aggregate(text, (renamed, standIn) => renamed.Replace(standIn.Value, places.Named[standIn.Key], StringComparison.Ordinal));
}
