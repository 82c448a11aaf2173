using System.CommandLine;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports;
using MergeEngine.Cli.Reports.Tables;
using MergeEngine.Cli.Terminal;
using MergeEngine.Merging.Methods;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Commands;

/// <summary><c>analyze BASE MODEL…</c>: how the task vectors of fine-tuned models lie to each other. Any checkpoints of one shape will do.</summary>
internal static class AnalyzeCommand
{
    private static readonly Argument<string> Base = new("BASE") { Description = "The model that all were fine-tuned from." };

    private static readonly Argument<string[]> Models = new("MODEL")
    {
        Description = "Fine-tuned models, each a path or NAME=PATH.",
        Arity = ArgumentArity.OneOrMore,
    };

    public static Command Create()
    {
        var command = new ExampleCommand(
            "analyze", "Show norms, cosines and sign agreement of task vectors, all from one base.",
            "analyze base/ mnist/ letters/", "analyze base.safetensors digits=a.safetensors kana=b.safetensors --json")
        {
            Base,
            Models,
            CommonOptions.Device,
            CommonOptions.Precision,
            CommonOptions.Threads,
            CommonOptions.Json,
        };
        command.Runs(Run);
        return command;
    }

    private static void Run(CommandContext context)
    {
        (string Name, string Path)[] inputs = [.. context.Get(Models).Select(Split)];
        if (inputs.GroupBy(i => i.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new UsageException($"Two models are called '{twice.Key}': name them with NAME=PATH.");
        using Device device = context.OpenDevice();
        using ParameterVector origin = Read(context.Get(Base), device, context.Stop);
        var models = new List<NamedModel>();
        TaskVectors? vectors = null;
        try
        {
            foreach ((string name, string path) in inputs)
            {
                models.Add(new NamedModel(name, Read(path, device, context.Stop)));
                // The library says what differs, this says in which file.
                if (!origin.Layout.Equals(models[^1].Parameters.Layout))
                    throw new InvalidDataException($"{path}: does not fit {context.Get(Base)}: {Some(origin.Layout.DifferencesFrom(models[^1].Parameters.Layout))}.");
            }

            vectors = TaskVectors.TakeModels(context.Get(Base), origin, models);
            context.Write(AnalyzeReport.Of(vectors), CliJson.Default.AnalyzeReport, Print);
        }
        finally
        {
            if (vectors is null) models.ForEach(model => model.Parameters.Dispose());
            vectors?.Dispose();
        }
    }

    /// <summary>The first few of what may be hundreds.</summary>
    private static string Some(IReadOnlyList<string> differences)
    {
        const int Shown = 3;
        string list = string.Join("; ", differences.Take(Shown));
        return differences.Count > Shown ? $"{list}; and {differences.Count - Shown} more" : list;
    }

    private static ParameterVector Read(string path, Device device, CancellationToken stop)
    {
        using Checkpoint checkpoint = Checkpoint.Open(path);
        return checkpoint.ReadParameters(device, stop);
    }

    private static (string Name, string Path) Split(string argument)
    {
        int equals = argument.IndexOf('=', StringComparison.Ordinal);
        if (equals > 0 && !Path.Exists(argument)) return (argument[..equals], argument[(equals + 1)..]);
        string trimmed = Path.TrimEndingDirectorySeparator(argument);
        return (Path.GetFileNameWithoutExtension(trimmed), argument);
    }

    private static void Print(AnalyzeReport report, TextWriter output)
    {
        string[] names = [.. report.Models.Select(Printable.Of)];
        if (HasGaps(report)) CommandContext.Note("'–' stands for a number that does not exist: a model has NaN or infinities (inspect --stats counts them), or a task vector is zero.");
        output.WriteLine($"task vectors from {Printable.Of(report.Base)}, {report.Parameters} parameters");
        output.WriteLine();
        var norms = new TextTable("model", "norm").AlignRight(1);
        for (int i = 0; i < names.Length; i++) norms.Add(names[i], Figures.Decimals(report.Norm[i], 4));
        norms.Write(output);
        Matrix("cosine", names, report.Cosine, output);
        Matrix("sign agreement", names, report.SignAgreement, output);
        output.WriteLine();
        output.WriteLine($"all signs agree on {Figures.Percent(100 * (report.OverallSignAgreement))} % of the coordinates where a task vector is not zero");
    }

    private static bool HasGaps(AnalyzeReport report) =>
        report.Cosine.Concat(report.SignAgreement).SelectMany(row => row).Concat(report.Norm).Append(report.OverallSignAgreement).Any(value => !double.IsFinite(value));

    private static void Matrix(string title, string[] names, double[][] values, TextWriter output)
    {
        output.WriteLine();
        TextTable table = new TextTable([title, .. names]).AlignRight([.. Enumerable.Range(1, names.Length)]);
        for (int i = 0; i < names.Length; i++) table.Add([names[i], .. values[i].Select(value => Figures.Decimals(value, 4))]);
        table.Write(output);
    }
}
