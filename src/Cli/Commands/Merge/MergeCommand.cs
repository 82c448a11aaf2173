using System.CommandLine;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports;
using MergeEngine.Cli.Reports.Tables;
using MergeEngine.Cli.Terminal;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.Streaming.Planning.Reports;
using MergeEngine.Merging.Streaming.Runs;
using MergeEngine.Merging.Yaml;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Commands.Merge;

/// <summary><c>merge RECIPE OUT</c>: merges checkpoints from file to file.</summary>
internal static class MergeCommand
{
    private static readonly Argument<string?> First = new("RECIPE.yml") { Description = "A recipe in mergekit's YAML, '-' for standard input. None with --method.", Arity = ArgumentArity.ZeroOrOne };

    private static readonly Argument<string?> Second = new("OUT") { Description = "The directory to write. It must not exist or be empty.", Arity = ArgumentArity.ZeroOrOne };

    private static readonly Option<bool> ListMethods = new("--list-methods") { Description = "List the methods and their parameters." };

    private static readonly Option<bool> Verbose = new("--verbose", "-v")
    {
        Description = "Show the plan on stderr before the merge.",
        Arity = ArgumentArity.Zero,
        AllowMultipleArgumentsPerToken = true,
    };

    public static Command Create()
    {
        var command = new ExampleCommand(
            "merge", "Merge checkpoints of any architecture, file to file: mergekit's recipes and options, in bounded memory, to the same bits every time.",
            "merge recipe.yml merged/",
            "merge recipe.yml merged/ --dry-run",
            "merge --method ties --base base/ --model a/=0.5 --model b/=0.3 --parameter density=0.2 merged/",
            "merge recipe.yml merged/ --memory-limit 2G --shard-size 2GB --threads 8 --resume")
        {
            First,
            Second,
        };
        IEnumerable<Option> options = [.. QuickRecipe.All, .. MergeArguments.All, Verbose, ListMethods, CommonOptions.Json, .. MergekitOptions.All];
        foreach (Option option in options) command.Add(option);
        command.Runs(Run);
        return command;
    }

    private static void Run(CommandContext context)
    {
        if (context.Get(ListMethods))
        {
            context.Write(new MethodsReport([.. MethodTable.All.Select(MethodReport.From)]), CliJson.Default.MethodsReport, static (r, output) => r.Print(output));
            return;
        }

        (string? recipe, string? output) = Paths(context);
        MergekitOptions.Explain(context);
        RecipeFile file = recipe is null ? QuickRecipe.Read(context) : context.Reading(() => Read(recipe));
        if (file.Result is null && output is not null && recipe is not null) CommandContext.Note($"every document of {Printable.Of(recipe)} has a name, so nothing is written to {Printable.Of(output)} itself.");
        using Device device = MergeArguments.OpenDevice(context);
        MergeOptions options = MergeArguments.Read(context, output, device);
        if (context.Get(MergeArguments.DryRun))
        {
            context.Write(DryRunReport.Measure(MergePreview.Describe(file, options), options), CliJson.Default.DryRunReport, static (r, text) => r.Print(text));
            return;
        }

        if (context.Get(Verbose)) ShowPlans(file, options);
        IReadOnlyList<MergeResult> results = Merge(context, file, options);
        foreach (string note in results.SelectMany(r => r.ResumeNote is { } resumed ? r.PlaceNotes.Prepend(resumed) : r.PlaceNotes)) CommandContext.Note(Printable.Of(note));
        foreach (MergeResult result in results) MergeProfileTable.Write(result, Console.Error);
        context.Write(MergeReport.From(results), CliJson.Default.MergeReport, static (r, text) => r.Print(text));
    }

    /// <summary>By itself, so that nothing of the plans stands in memory beside the merge.</summary>
    private static void ShowPlans(RecipeFile file, MergeOptions options)
    {
        using TextWriter text = Utf8Pieces.Buffer(Console.Error);
        foreach (PreviewedMerge plan in MergePreview.Describe(file, options)) PlanText.Write(plan.Plan, text);
    }

    private static IReadOnlyList<MergeResult> Merge(CommandContext context, RecipeFile file, MergeOptions options)
    {
        try
        {
            return MergekitOptions.IsOn(context, MergeArguments.Quiet) == true
                ? MergeRun.Run(file, options, null, context.Stop)
                : CommandContext.WithProgress("B", sink => MergeRun.Run(file, options, new MergeProgressSink(sink), context.Stop));
        }
        catch (OperationCanceledException) when (options.Hash)
        {
            CommandContext.Note("what was written so far is kept beside the output; the same command with --resume goes on with it, or begins anew where nothing was.");
            throw;
        }
    }

    /// <summary>Where the recipe is, null for one in options, and where its result goes.</summary>
    /// <exception cref="UsageException">Something is missing, or there is too much of it.</exception>
    private static (string? Recipe, string? Output) Paths(CommandContext context)
    {
        string? first = context.Find(First), second = context.Find(Second), named = context.Get(MergeArguments.OutPath);
        bool isQuick = context.Has(QuickRecipe.Method);
        if (isQuick && second is not null) throw new UsageException($"'{first}' and '{second}' are given with --method, expected OUT alone: --method stands in place of a recipe file.");
        if (!isQuick && first is null) throw new UsageException("a recipe is missing, expected RECIPE.yml OUT, or --method with --model and OUT.");
        if (!isQuick) QuickRecipe.RequireNone(context);
        string? output = isQuick ? first : second;
        if (output is not null && named is not null) throw new UsageException($"--out-path '{named}' is given beside OUT '{output}', expected one of them.");
        if (output is null && named is null && isQuick) throw new UsageException("OUT is missing, expected the directory to write.");
        return (isQuick ? null : first, output ?? named);
    }

    private static RecipeFile Read(string path)
    {
        if (path != "-") return RecipeFile.Read(path);
        using Stream input = StandardStreams.OpenInput("a recipe");
        try
        {
            return RecipeFile.Parse(YamlFile.ReadText(input, "standard input"), "standard input");
        }
        catch (Exception e) when ((e is IOException && !e.Message.StartsWith("'standard input'", StringComparison.Ordinal)) || e is UnauthorizedAccessException)
        {
            // The system knows no name for it.
            throw new IOException($"standard input: cannot be read ({OutputTarget.ReasonOf(e)}), expected a recipe.", e);
        }
    }
}
