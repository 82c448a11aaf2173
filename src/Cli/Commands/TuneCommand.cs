using System.CommandLine;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports;
using MergeEngine.Cli.Reports.Tables;
using MergeEngine.Cli.Terminal;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Training;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tensors.Probes;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Commands;

/// <summary><c>tune MODEL DATASET OUT</c>: fine-tunes one encoder on a task and writes it in the layout that it came in.</summary>
internal static class TuneCommand
{
    private static readonly Argument<string> Data = new("DATASET") { Description = DatasetArguments.Description };

    private static readonly Argument<string> Output = new("OUT") { Description = "The tuned model: a directory, or a name that ends in .safetensors." };

    private static readonly Option<string?> HeadOut = new("--head-out")
    {
        Description = "Train a head too and write it here; it starts from --head, else at random.",
        HelpName = "HEAD.safetensors",
    };

    public static Command Create()
    {
        var command = new ExampleCommand(
            "tune", "Fine-tune a model on a task. A head from --head stays as it is; the checkpoint's own classifier is trained along.",
            "tune base/ mnist.safetensors tuned/ --head mnist.head.safetensors --epochs 10",
            "tune base/ mnist.safetensors tuned/ --head-out mnist.head.safetensors --learning-rate 1e-4 --shift 2 --seed 7",
            "tune base/ mnist.safetensors probe/ --head-out head.safetensors --freeze-encoder",
            "tune bert/ 'mrpc/{split}.tsv' tuned/ --head-out head.safetensors --text-column sentence1 --pair-column sentence2 --max-length 128")
        {
            ModelArguments.Model,
            Data,
            Output,
            CommonOptions.Head,
            HeadOut,
        };
        foreach (Option option in TuneOptions.All) command.Options.Add(option);
        command.Options.Add(TextArguments.MaxLength);
        foreach (Option option in DatasetArguments.All) command.Options.Add(option);
        command.Options.Add(CommonOptions.Config);
        command.Options.Add(CommonOptions.Device);
        command.Options.Add(CommonOptions.Precision);
        command.Options.Add(CommonOptions.Threads);
        command.Options.Add(ProfileOption.Profile);
        command.Options.Add(CommonOptions.Overwrite);
        command.Options.Add(CommonOptions.Json);
        command.Runs(Run);
        return command;
    }

    private static void Run(CommandContext context)
    {
        string output = context.Get(Output);
        string? headOut = context.Get(HeadOut);
        bool overwrite = context.Get(CommonOptions.Overwrite);
        string?[] inputs = [context.Get(ModelArguments.Model), context.Get(CommonOptions.Head), context.Get(CommonOptions.Config), .. DatasetArguments.FilesOf(context.Get(Data))];
        if (headOut is not null) RequireFree(headOut, output, overwrite, inputs);
        OutputDirectory.RequireFree(output, overwrite, inputs: inputs);
        DatasetArguments.RequireTrainingRows(context, context.Get(Data));
        using Device device = context.OpenDevice();
        using Encoder encoder = ModelArguments.Load(context, device, context.Get(Data));
        if (Directory.Exists(output)) RequireApart(context, output, headOut, inputs);
        Dataset data = DatasetArguments.Open(context, encoder, context.Get(Data));
        DatasetArguments.RequireTrain(data);
        bool ownHead = !context.Has(CommonOptions.Head) && headOut is null;
        using ClassificationHead head = headOut is not null && !context.Has(CommonOptions.Head)
            ? HeadArguments.Create(encoder, data, context.Get(CommonOptions.Seed) ?? 0)
            : HeadArguments.Require(context, encoder, data.Name, "--head, or a new one with --head-out");
        if (headOut is null) HeadArguments.NoteOwn(context, head);
        data = HeadArguments.Match(data, head);
        var task = new TrainingTask(data.Name, data, head);
        if (encoder is TextTransformer && context.Get(TuneOptions.Shift) > 0) throw new UsageException("--shift is for images, but this is a model of texts.");
        (TrainingOptions options, int steps) = TuneOptions.Read(context, task.Check(encoder, task.Split).Count, trainHead: ownHead || headOut is not null);

        using ParameterVector parameters = encoder.Parameters.Clone();
        using var trainer = new Trainer(encoder, options);
        int stepsPerEpoch = trainer.StepsPerEpoch(task);
        (TrainingRun run, ProfileShares? profile) = ProfileOption.Run(context, device, _ => Train(context, trainer, task, steps, parameters));
        DivergenceException.ThrowIfNotFinite(data.Source, parameters);
        DivergenceException.ThrowIfNotFinite($"{data.Source}, head", head.Parameters);
        OutputDirectory.Write(output, path => encoder.Save(path, parameters, ownHead ? head : null));
        if (headOut is not null) SafetensorsWriter.Write(headOut, head.ToTensors(), new Dictionary<string, string>(head.ToMetadata()));
        NoteCompanions(context, encoder, output);
        EvaluateReport[] scores = Scores(context, encoder, parameters, task, output);
        double[] losses = [.. run.Losses.Chunk(stepsPerEpoch).Select(epoch => epoch.Average())];
        var report = new TuneReport(output, data.Name, run.Steps, run.Examples, run.Seconds, losses, scores, profile);
        context.Write(report, CliJson.Default.TuneReport, Print);
    }

    /// <summary>The head is no input, not the model, and replaces no file unasked.</summary>
    private static void RequireFree(string headOut, string output, bool overwrite, string?[] inputs)
    {
        OutputFile.RequireFree(headOut, overwrite, inputs);
        if (Path.GetFullPath(headOut) == Path.GetFullPath(output)) throw new UsageException($"{headOut}: is OUT, the tuned model, expected another file with --head-out.");
    }

    /// <summary>The weights have the names of the model's files: in a directory that is there, none of them is an input or the head.</summary>
    private static void RequireApart(CommandContext context, string output, string? headOut, string?[] inputs)
    {
        using Checkpoint checkpoint = Checkpoint.Open(context.Get(ModelArguments.Model));
        string[] names = [.. checkpoint.Files.Select(file => Path.GetFileName(file.FilePath))];
        InputGuard.RequireIn(output, names, inputs);
        if (headOut is not null && names.Any(name => Path.GetFullPath(headOut) == Path.GetFullPath(Path.Combine(output, name))))
            throw new UsageException($"{headOut}: is a file of OUT, the tuned model, expected another file with --head-out.");
    }

    private static TrainingRun Train(CommandContext context, Trainer trainer, TrainingTask task, int steps, ParameterVector parameters)
    {
        using OptimizerState state = trainer.CreateState();
        try
        {
            return CommandContext.WithProgress("steps", sink => trainer.Run(
                task, parameters, state, default, steps, progress: p => sink.Report($"tuning {task.Name}", p.Step, p.Steps), cancellation: context.Stop));
        }
        catch (DivergenceException e) when (e.Step == 1)
        {
            throw new InvalidDataException(
                $"{context.Get(ModelArguments.Model)}: the loss is not a number before the first step, so nothing is written; expected finite weights and inputs (inspect --stats counts NaN and infinities).", e);
        }
    }

    /// <summary>A file holds weights alone, and none of what a model needs beside them: says how it gets that.</summary>
    private static void NoteCompanions(CommandContext context, Encoder encoder, string output)
    {
        if (Directory.Exists(output) || Directory.EnumerateFiles(Path.GetDirectoryName(Path.GetFullPath(output))!, "*config.json").Any()) return;
        CommandContext.Note(
            $"{Printable.Of(output)} holds the weights alone: the config{(encoder is TextTransformer ? " and the tokenizer's files" : "")} of {Printable.Of(context.Get(ModelArguments.Model))} {(encoder is TextTransformer ? "belong" : "belongs")} beside it; a directory for OUT gets them.");
    }

    /// <summary>On the splits that were not trained on. The model is on the disk by now, which a failure here must not hide.</summary>
    private static EvaluateReport[] Scores(CommandContext context, Encoder encoder, ParameterVector parameters, TrainingTask task, string output)
    {
        try
        {
            return [.. task.Dataset.Splits.Where(s => s.Name is "validation" or "test").Select(s => Score(context, encoder, parameters, task, s.Name))];
        }
        catch
        {
            CommandContext.Note($"The tuned model is complete in {Printable.Of(output)}; scoring it did not come to its end.");
            throw;
        }
    }

    private static EvaluateReport Score(CommandContext context, Encoder encoder, ParameterVector parameters, TrainingTask task, string split)
    {
        EvaluationResult result = Evaluator.Evaluate(encoder, parameters, task, split, cancellation: context.Stop);
        return new EvaluateReport(task.Name, split, result.Count, result.Correct, result.Accuracy, result.Loss, encoder.Device.Name, CommonOptions.NameOf(encoder.Device.Precision), context.Get(HeadOut) ?? context.Get(CommonOptions.Head));
    }

    private static void Print(TuneReport report, TextWriter output)
    {
        for (int i = 0; i < report.EpochLosses.Count; i++) output.WriteLine($"epoch {i + 1}: training loss {Figures.Decimals(report.EpochLosses[i], 4)}");
        foreach (EvaluateReport score in report.Scores) output.WriteLine($"{score.Split}: accuracy {Figures.Decimals(score.Accuracy, 2)} %, loss {Figures.Decimals(score.Loss, 4)}");
        output.WriteLine($"{Printable.Of(report.Path)}: {Counting.Of(report.Steps, "step")}, {Counting.Of(report.Examples, "example")}, {Figures.Seconds(report.Seconds)} s");
        ProfileTable.Write(report.Profile, output);
    }
}
