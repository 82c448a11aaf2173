using System.CommandLine;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Merging.Experiments;
using MergeEngine.Tensors;

namespace MergeEngine.Cli.Commands;

/// <summary><c>atm FILE.yml OUT</c>: one alternating method of an experiment alone, and its model.</summary>
internal static class AtmCommand
{
    private static readonly Option<string?> Method = new("--method")
    {
        Description = "Which of the file's alternating methods: atm-10x1, atm-momentum, …; the first with several rounds otherwise.",
        HelpName = "NAME",
    };

    public static Command Create()
    {
        var command = new ExampleCommand(
            "atm", "Alternate tuning and merging as an experiment file says, and save the merged model.",
            "atm data/vision8.yml out/atm", "atm data/vision8.yml out/momentum --method atm-momentum", "atm mine.yml out/atm --seed 1 --json")
        {
            ExperimentCommand.File,
            ExperimentCommand.Output,
            Method,
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

    private static int Run(CommandContext context)
    {
        string output = context.Get(ExperimentCommand.Output);
        ExperimentFile file = ExperimentOutput.Load(context, context.Get(ExperimentCommand.File), output);
        using Device device = context.OpenDevice();
        // The model is only there while the experiment runs, and its results only after it.
        return ExperimentOutput.Write(context, output, target => CommandContext.WithProgress("steps", sink => ExperimentRunner.RunAlternating(
            device, file, ExperimentOutput.Options(context, sink), (encoder, merged) => encoder.Save(target, merged), context.Get(Method))));
    }
}
