using System.CommandLine;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Merging.Experiments;
using MergeEngine.Tensors;

namespace MergeEngine.Cli.Commands;

/// <summary><c>experiment FILE.yml OUT</c>: a whole comparison of methods.</summary>
internal static class ExperimentCommand
{
    public static readonly Argument<string> File = new("EXPERIMENT.yml") { Description = "The experiment: model, tasks, budget, methods." };

    public static readonly Argument<string> Output = new("OUT") { Description = "Directory for the results." };

    public static Command Create()
    {
        var command = new ExampleCommand(
            "experiment", "Compare merging methods on several tasks: a table, results.json and report.html.",
            "experiment data/vision8.yml out/vision8", "experiment mine.yml out/mine --seed 1 --json")
        {
            File,
            Output,
            CommonOptions.Seed,
            CommonOptions.Device,
            CommonOptions.Precision,
            CommonOptions.Threads,
            CommonOptions.Overwrite,
            CommonOptions.Json,
        };
        command.Runs(context => Run(context, context.Get(File), context.Get(Output)));
        return command;
    }

    /// <summary>Runs an experiment file and writes its results.</summary>
    public static void Run(CommandContext context, string path, string output)
    {
        ExperimentOutput.RequireFree(output, context.Get(CommonOptions.Overwrite));
        ExperimentFile file = ExperimentFile.Load(path);
        using Device device = context.OpenDevice();
        ExperimentResult result = CommandContext.WithProgress("steps", sink => ExperimentRunner.Run(device, file, ExperimentOutput.Options(context, sink)));
        ExperimentOutput.Write(context, result, output);
    }
}
