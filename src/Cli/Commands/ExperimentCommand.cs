using System.CommandLine;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports;
using MergeEngine.Merging.Experiments;
using MergeEngine.Tensors;

namespace MergeEngine.Cli.Commands;

/// <summary><c>experiment FILE.yml OUT</c>: a whole comparison of methods.</summary>
internal static class ExperimentCommand
{
    public static readonly Argument<string> File = new("EXPERIMENT.yml") { Description = "The experiment: model, tasks, budget, methods." };

    public static readonly Argument<string> Output = new("OUT") { Description = "Directory for the results." };

    private static readonly Option<bool> DryRun = new("--dry-run") { Description = "Show the plan: rows, steps, what is chosen, and which files are missing and where they can be had. Nothing is read but the experiment, and nothing written." };

    public static Command Create()
    {
        var command = new ExampleCommand(
            "experiment", "Compare merging methods on several tasks: a table, results.json and report.html.",
            "experiment data/vision8.yml out/vision8", "experiment mine.yml out/mine --seed 1 --json", "experiment experiments/tatr-vit-b-32.yml out/tatr --dry-run")
        {
            File,
            Output,
            DryRun,
            CommonOptions.Seed,
            CommonOptions.Device,
            CommonOptions.Precision,
            CommonOptions.Threads,
            CommonOptions.Overwrite,
            CommonOptions.Json,
        };
        command.Runs(context =>
        {
            if (!context.Get(DryRun)) return Run(context, context.Get(File), context.Get(Output));
            Plan(context, context.Get(File));
            return ExitCode.Done;
        });
        return command;
    }

    /// <summary>Runs an experiment file and writes its results.</summary>
    /// <returns>The exit code.</returns>
    public static int Run(CommandContext context, string path, string output)
    {
        ExperimentFile file = ExperimentOutput.Load(context, path, output);
        using Device device = context.OpenDevice();
        ExperimentResult result = CommandContext.WithProgress("steps", sink => ExperimentRunner.Run(device, file, ExperimentOutput.Options(context, sink)));
        return ExperimentOutput.Write(context, result, output);
    }

    private static void Plan(CommandContext context, string path)
    {
        ExperimentFile file = context.Reading(() => ExperimentFile.Load(path));
        ExperimentPlan plan = ExperimentPlan.Of(context.Get(CommonOptions.Seed) is { } seed ? file with { Seed = seed } : file);
        context.Write(plan, CliJson.Default.ExperimentPlan, ExperimentPlanReport.Print);
    }
}
