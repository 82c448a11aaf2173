using System.CommandLine;
using MergeEngine.Cli.CommandLine;

namespace MergeEngine.Cli.Commands;

/// <summary><c>demo</c>: the experiment that comes with the repository.</summary>
internal static class DemoCommand
{
    private static readonly Option<bool> Small = new("--small") { Description = "Two tasks and a few steps: to see a device work, not to compare methods. The emulated device always runs this." };

    private static readonly Option<string> Out = new("--out")
    {
        Description = "Directory for the results.",
        DefaultValueFactory = _ => Path.Combine("out", "demo"),
        HelpName = "DIR",
    };

    public static Command Create()
    {
        var command = new ExampleCommand(
            "demo", "Run the built-in experiment: one pre-trained encoder, eight small image tasks, thirteen ways to one model. Its images are in the repository: run it in a clone.",
            "demo", "demo --seed 1 --json", "demo --threads 2 --out out/second", "demo --small --device cuda")
        {
            Small,
            CommonOptions.Seed,
            Out,
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
        bool emulated = context.DeviceName == "emulated", small = emulated || context.Get(Small);
        if (emulated && !context.Get(Small)) CommandContext.Note("The emulated device is slow: it runs the small experiment.");
        return ExperimentCommand.Run(context, Find(Path.Combine("data", small ? "vision8-small.yml" : "vision8.yml")), context.Get(Out)!);
    }

    /// <summary>The experiment file: under the working directory, else in the repository that this program was built in.</summary>
    private static string Find(string experiment)
    {
        if (File.Exists(experiment)) return experiment;
        for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            string path = Path.Combine(directory.FullName, experiment);
            if (File.Exists(path)) return path;
        }

        throw new FileNotFoundException($"{experiment}: does not exist here nor above {AppContext.BaseDirectory}: the demo's images are 16 MB of the repository, not of the program; run it in a clone of the repository, or where its directory data is.");
    }
}
