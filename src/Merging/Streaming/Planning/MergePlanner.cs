using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Merging.Vocabularies;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Planning;

/// <summary>
/// Makes a <see cref="MergeJob"/> of a recipe and the headers of its checkpoints. The output's tensors follow from the names of the inputs' alone; there
/// is no table of architectures, so that vision, text and language models merge alike.
/// </summary>
public static class MergePlanner
{
    /// <summary>Plans a merge. No weight is read, but for small integer buffers that are compared.</summary>
    /// <param name="recipe">What to merge.</param>
    /// <param name="options">Where models are, and what the command line says.</param>
    /// <returns>The job, which owns the opened checkpoints.</returns>
    /// <exception cref="PlanningException">Recipe and checkpoints do not fit; everything that is wrong is listed.</exception>
    public static MergeJob Plan(Recipe recipe, PlanOptions options)
    {
        var findings = new PlanFindings();
        foreach (RecipeNote note in recipe.Notes) findings.Note(note.ToString());
        var finder = new LayerFinder(options.LayersPattern);
        TensorMethod? method = options.Methods(recipe.Method);
        if (method is null) findings.Problem($"{recipe.Place}: the method '{recipe.Method.Name}' cannot merge files yet in the dialect {recipe.Method.Dialect.ToString().ToLowerInvariant()}.");
        ModelSet models = ModelSet.Open(recipe, options, finder, findings);
        ParameterFiles? files = null;
        try
        {
            findings.ThrowIfAny();
            files = ParameterFiles.Open(recipe, options, findings);
            VocabularyPlan? vocabulary = recipe.Tokenizer is null ? null : VocabularyPlan.Create(recipe, models, options, findings);
            findings.ThrowIfAny();
            if (vocabulary is not null) PlanGarbage.Drop();
            List<TensorJob> tensors = Tensors(recipe, models, finder, new TensorPlanner(recipe, models, files, vocabulary, finder, options.UnsafeTruncateEmbeddings, method!, findings), findings);
            files.Report(findings);
            findings.ThrowIfAny();
            if (tensors.Count == 0) throw new PlanningException([$"{recipe.Place}: nothing to merge: the models have no tensor in common."]);
            JobModel[] merged = [.. recipe.Models.Select(models.Describe)];
            PlanGarbage.Drop(tensors.Count);
            return new MergeJob(tensors, [.. models.Checkpoints, .. files.Checkpoints], [.. findings.Notes], options.Seed)
            {
                Models = merged,
                // A base that no slice lists is not read.
                Donor = models.Describe(models.Has(recipe.Donor) ? recipe.Donor : recipe.Models[0]),
                Vocabulary = vocabulary?.Output,
            };
        }
        catch
        {
            files?.Dispose();
            models.Dispose();
            throw;
        }
    }

    private static List<TensorJob> Tensors(Recipe recipe, ModelSet models, LayerFinder finder, TensorPlanner planner, PlanFindings findings)
    {
        var jobs = new List<(string Input, TensorJob Job)>();
        var modules = new ModuleNames(recipe, models);
        var filters = new FilterUse(recipe);
        var gradients = new GradientUse(recipe, finder);
        foreach (RecipeModule module in recipe.Modules)
        {
            if (modules.Check(module) is { } problem)
            {
                findings.Problem(problem);
                continue;
            }

            foreach (PlacedTensor tensor in new ModulePlanner(module, n => modules.Covers(module, n), models, finder, findings).Place())
            {
                filters.See(tensor);
                gradients.See(tensor);
                if (planner.Plan(tensor) is { } job) jobs.Add((tensor.Inputs[0], job));
            }
        }

        filters.Report(findings);
        gradients.Report(findings);
        if (recipe.Modules[0].Name is not null) AddUncovered(recipe, models, modules, planner, findings, jobs);
        // mergekit's order, which decides the shards: by the input's name as text; a layer that is used twice stays in the order of the output.
        return [.. jobs.OrderBy(j => j.Input, StringComparer.Ordinal).Select(j => j.Job)];
    }

    /// <summary>What no module names is the donor's, unmerged.</summary>
    private static void AddUncovered(Recipe recipe, ModelSet models, ModuleNames modules, TensorPlanner planner, PlanFindings findings, List<(string Input, TensorJob Job)> jobs)
    {
        // A base that no slice lists is not read.
        ModelTensors donor = models[models.Has(recipe.Donor) ? recipe.Donor : recipe.Models[0]];
        foreach (string name in donor.Names.Where(n => !recipe.Modules.Any(m => modules.Covers(m, n))))
        {
            if (!donor.TryGet(name, out TensorEntry? entry)) continue;
            findings.Note($"{Quoting.Quote(name)} is in none of the recipe's modules and is copied from {donor.Title}.");
            jobs.Add((name, planner.Copy(name, donor, entry)));
        }
    }
}
