using System.CommandLine;
using MergeEngine.Cli.CommandLine;

namespace MergeEngine.Cli.Commands;

/// <summary><c>demo</c>: the experiment that comes with the repository.</summary>
internal static class DemoCommand
{
    private static readonly string Experiment = Path.Combine("data", "vision8.yml");

    private static readonly Option<string> Out = new("--out")
    {
        Description = "Directory for the results.",
        DefaultValueFactory = _ => Path.Combine("out", "demo"),
        HelpName = "DIR",
    };

    public static Command Create()
    {
        var command = new ExampleCommand(
            "demo", "Run the built-in experiment: one pre-trained encoder, eight small image tasks, thirteen ways to one model.",
            "demo", "demo --seed 1 --json", "demo --threads 2 --out out/second")
        {
            CommonOptions.Seed,
            Out,
            CommonOptions.Device,
            CommonOptions.Threads,
            CommonOptions.Overwrite,
            CommonOptions.Json,
        };
        command.Runs(context => ExperimentCommand.Run(context, Find(), context.Get(Out)!));
        return command;
    }

    /// <summary>The experiment file: under the working directory, else in the repository that this program was built in.</summary>
    private static string Find()
    {
        if (File.Exists(Experiment)) return Experiment;
        for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            string path = Path.Combine(directory.FullName, Experiment);
            if (File.Exists(path)) return path;
        }

        throw new FileNotFoundException($"{Experiment}: does not exist here nor above {AppContext.BaseDirectory}, expected the repository's data.");
    }
}
