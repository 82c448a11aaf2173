using System.CommandLine;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports;
using MergeEngine.Cli.Reports.Tables;
using MergeEngine.Cli.Terminal;
using MergeEngine.Merging.Experiments;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Commands;

/// <summary><c>pretrain PRETRAIN.yml OUT</c>: trains a small encoder and a head for each task from nothing.</summary>
internal static class PretrainCommand
{
    private static readonly Argument<string> File = new("PRETRAIN.yml") { Description = "Sizes of the model, tasks and budget." };

    private static readonly Argument<string> Output = new("OUT") { Description = "The directory to write: the model, and heads.safetensors." };

    public static Command Create()
    {
        var command = new ExampleCommand(
            "pretrain", "Train a small encoder from nothing on several tasks at once, with a head for each.",
            "pretrain data/vision8-pretrain.yml base/", "pretrain data/vision8-pretrain.yml base/ --seed 1 --json")
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
        command.Runs(Run);
        return command;
    }

    private static void Run(CommandContext context)
    {
        string output = context.Get(Output);
        if (output.EndsWith(".safetensors", StringComparison.Ordinal)) throw new UsageException($"{output}: is the name of a file, expected that of a directory.");
        OutputDirectory.RequireFree(output, context.Get(CommonOptions.Overwrite), inputs: context.Get(File));
        PretrainingFile file = context.Reading(() => PretrainingFile.Load(context.Get(File)));
        string[] inputs = [context.Get(File), .. file.Tasks.Select(task => task.Data)];
        InputGuard.Require(output, inputs);
        InputGuard.RequireIn(output, ["config.json", Checkpoint.SingleFileName, Pretraining.HeadsName], inputs);
        using Device device = context.OpenDevice();
        IReadOnlyList<PretrainedTask> tasks = [];
        OutputDirectory.Write(output, path => tasks = CommandContext.WithProgress("steps", sink => Pretraining.Run(
            device, file, path, new ExperimentOptions { Seed = context.Get(CommonOptions.Seed), Progress = new SinkProgress(sink), Cancellation = context.Stop })));
        context.Write(new PretrainReport(output, [.. tasks]), CliJson.Default.PretrainReport, Print);
    }

    private static void Print(PretrainReport report, TextWriter output)
    {
        var table = new TextTable("task", "test accuracy (%)").AlignRight(1);
        foreach (PretrainedTask task in report.Tasks) table.Add(Printable.Of(task.Name), Figures.Percent(task.TestAccuracy));
        table.Add("average", Figures.Percent(report.Tasks.Average(t => t.TestAccuracy)));
        table.Write(output);
        output.WriteLine(Printable.Of(report.Path));
    }
}
