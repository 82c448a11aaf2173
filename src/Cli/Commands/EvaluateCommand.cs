using System.CommandLine;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports;
using MergeEngine.Cli.Reports.Tables;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Training;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Cli.Commands;

/// <summary><c>evaluate MODEL DATASET</c>: accuracy and mean loss on a split.</summary>
internal static class EvaluateCommand
{
    private const int DefaultBatchSize = 64;

    private static readonly Argument<string> Data = new("DATASET") { Description = DatasetArguments.Description };

    private static readonly Option<string> Split = new("--split") { Description = "Which split to score.", DefaultValueFactory = _ => "test", HelpName = "NAME" };

    public static Command Create()
    {
        var command = new ExampleCommand(
            "evaluate", "Score a model on a split of a dataset.",
            "evaluate tuned/ mnist.safetensors --head mnist.head.safetensors", "evaluate vit/ mnist/ --split validation --json")
        {
            ModelArguments.Model,
            Data,
            CommonOptions.Head,
            Split,
            CommonOptions.Config,
            ModelArguments.BatchSize,
            CommonOptions.Device,
            CommonOptions.Precision,
            CommonOptions.Threads,
            ProfileOption.Profile,
            CommonOptions.Json,
        };
        command.Options.Add(TextArguments.MaxLength);
        foreach (Option option in DatasetArguments.All) command.Options.Add(option);
        command.Runs(Run);
        return command;
    }

    private static void Run(CommandContext context)
    {
        using Device device = context.OpenDevice(inference: true);
        using Encoder encoder = ModelArguments.Load(context, device, context.Get(Data));
        if (device.Precision != Precision.Float32) encoder.Pack(encoder.Parameters);
        Dataset data = DatasetArguments.Open(context, encoder, context.Get(Data));
        using ClassificationHead head = HeadArguments.Require(context, encoder, data.Name);
        HeadArguments.NoteOwn(context, head);
        data = HeadArguments.Match(data, head);
        DatasetSplit split = data["input"] ?? DatasetArguments.RequireSplit(context, data, Split);
        var task = new TrainingTask(data.Name, data, head);
        (EvaluationResult result, ProfileShares? profile) = ProfileOption.Run(context, device, _ => Evaluator.Evaluate(
            encoder, encoder.Parameters, task, split.Name, ModelArguments.BatchSizeOf(context, DefaultBatchSize), cancellation: context.Stop));
        if (!double.IsFinite(result.Loss))
            throw new InvalidDataException($"{context.Get(ModelArguments.Model)}: the loss on the split {split.Name} is not a number, expected finite weights of model and head (inspect --stats counts NaN and infinities).");
        var report = new EvaluateReport(data.Name, split.Name, result.Count, result.Correct, result.Accuracy, result.Loss, device.Name, CommonOptions.NameOf(device.Precision), context.Get(CommonOptions.Head), profile);
        context.Write(report, CliJson.Default.EvaluateReport, (r, text) =>
        {
            text.WriteLine($"{Terminal.Printable.Of(r.Task)} {r.Split}: accuracy {Figures.Decimals(r.Accuracy, 2)} % ({r.Correct} of {r.Samples}), loss {Figures.Decimals(r.Loss, 4)}");
            ProfileTable.Write(r.Profile, text);
        });
    }
}
