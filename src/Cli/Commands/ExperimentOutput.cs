using System.Text.Json;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports.Html;
using MergeEngine.Cli.Reports.Tables;
using MergeEngine.Cli.Terminal;
using MergeEngine.Merging.Experiments;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Commands;

/// <summary>What <c>experiment</c>, <c>atm</c> and <c>demo</c> leave behind: <c>results.json</c>, <c>report.html</c>, and a table.</summary>
internal static class ExperimentOutput
{
    public const string Results = "results.json";
    public const string Report = "report.html";

    /// <summary>Results of a thousand rounds of a hundred methods are below 10 MB.</summary>
    public const long MostBytes = 256 << 20;

    /// <summary>A directory with results of the same experiment and seed may be written over, another one only with --overwrite.</summary>
    /// <param name="directory">Where the files will go.</param>
    /// <param name="overwrite">True to write over what is there.</param>
    /// <param name="experiment">Name of the experiment.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <exception cref="IOException">There is something in the way.</exception>
    private static void RequireFree(string directory, bool overwrite, string experiment, ulong seed)
    {
        if (directory.EndsWith(".safetensors", StringComparison.Ordinal)) throw new UsageException($"{directory}: is the name of a file, expected that of a directory.");
        ExperimentResult? there = Find(Path.Combine(directory, Results));
        if (there is not null && there.Name != experiment && !overwrite)
            throw new IOException($"{directory}: holds the results of another experiment, {Quoting.Quote(there.Name)}; --overwrite replaces them.");
        if (there is not null && there.Seed != seed && !overwrite)
            throw new IOException($"{directory}: holds the results of this experiment with seed {there.Seed}, not {seed}; --overwrite replaces them.");
        OutputDirectory.RequireFree(directory, overwrite, ours: there is not null);
    }

    /// <summary>Reads an experiment file, once it is sure that its results can be written.</summary>
    /// <param name="context">The command line.</param>
    /// <param name="path">The experiment file.</param>
    /// <param name="directory">Where the results will go.</param>
    /// <exception cref="IOException">There is something in the way of the results.</exception>
    public static ExperimentFile Load(CommandContext context, string path, string directory)
    {
        OutputDirectory.RequireFree(directory, overwrite: true, inputs: path);
        ExperimentFile file = context.Reading(() => ExperimentFile.Load(path));
        RequireApart(file, directory);
        RequireFree(directory, context.Get(CommonOptions.Overwrite), file.Name, context.Get(CommonOptions.Seed) ?? file.Seed);
        return file;
    }

    /// <summary>The results replace neither what the experiment reads nor a file of it.</summary>
    private static void RequireApart(ExperimentFile file, string directory)
    {
        string?[] inputs =
        [
            file.Path, file.Model, file.Heads?.File, .. file.Tasks.SelectMany(task => (string?[])[task.Data, task.Heads, task.Tuned, .. task.Files?.Files.Select(part => part.Path) ?? []]),
        ];
        InputGuard.Require(directory, inputs);
        InputGuard.RequireIn(directory, [Results, Report, Checkpoint.SingleFileName, Path.GetFileName(file.Model)], inputs);
    }

    /// <summary>The results that a file holds; null where there is no such file, or it is something else.</summary>
    private static ExperimentResult? Find(string path)
    {
        var file = new FileInfo(path);
        if (!file.Exists || file.Length > MostBytes) return null;
        try
        {
            return ExperimentJson.Read(File.ReadAllText(path));
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Seed, progress and cancellation of a run.</summary>
    public static ExperimentOptions Options(CommandContext context, IProgressSink sink) => new()
    {
        Seed = context.Get(CommonOptions.Seed),
        Progress = new SinkProgress(sink),
        Cancellation = context.Stop,
    };

    /// <summary>Writes the files, then the table or the document.</summary>
    /// <param name="context">The command line.</param>
    /// <param name="result">What came out.</param>
    /// <param name="directory">Where the files go.</param>
    /// <returns>The exit code: a row that has diverged has no figures, so not everything that was asked for is done.</returns>
    public static int Write(CommandContext context, ExperimentResult result, string directory) => Write(context, directory, _ => result);

    /// <summary>As <see cref="Write(CommandContext, ExperimentResult, string)"/>, of work that writes more files before its results are there.</summary>
    /// <param name="context">The command line.</param>
    /// <param name="directory">Where the files go.</param>
    /// <param name="run">Does the work, and writes files into the directory that it is given.</param>
    public static int Write(CommandContext context, string directory, Func<string, ExperimentResult> run)
    {
        (ExperimentResult? found, string json) = (null, "");
        OutputDirectory.Write(directory, target =>
        {
            found = run(target);
            json = ExperimentJson.Write(found);
            File.WriteAllText(Path.Combine(target, Report), HtmlReport.Write(found));
            File.WriteAllText(Path.Combine(target, Results), json + "\n");
        });
        ExperimentResult result = found!;
        if (context.Json) Console.Out.WriteLine(json);
        else ExperimentTable.Write(result, Console.Out, terminal: !Console.IsOutputRedirected);
        CommandContext.Note($"{Path.Combine(directory, Results)} and {Report} are written.");
        string[] diverged = [.. result.Methods.Concat(result.FixedCoefficient?.Methods ?? []).Where(m => m.Diverged is not null).Select(m => m.Name).Distinct()];
        if (diverged.Length == 0 && result.AnalysisDiverged is null) return ExitCode.Done;
        string what = diverged.Length == 0 ? "the analysis of task vectors has" : diverged.Length == 1 ? $"the row {diverged[0]} has" : $"the rows {string.Join(", ", diverged)} have";
        Console.Error.WriteLine($"merge-engine: {Printable.Of(what)} no figures because training diverged; '{Results}' says where.");
        return ExitCode.Failed;
    }
}
