using System.CommandLine;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports;
using MergeEngine.Cli.Terminal;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Inference;
using MergeEngine.Models.Training;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tensors.Probes;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Commands;

/// <summary><c>gradients MODEL DATA OUT</c>: a task's mean gradient, or its mean absolute per-sample gradient.</summary>
internal static class GradientsCommand
{
    private const int DefaultBatchSize = 32;
    private const int DefaultExemplars = 128;

    private static readonly Argument<string> Data = new("DATA") { Description = "A dataset as tune takes it, or a safetensors file with 'images' or 'input_ids', and 'labels'; with --text, one with 'labels' alone." };

    private static readonly Argument<string> Output = new("OUT.safetensors") { Description = "Gets one F32 tensor a parameter, under the checkpoint's own names." };

    private static readonly Option<string> Reduction = CommonOptions.Choice(
        "--reduction", "'mean': (1/M) Σ gradient. 'abs-per-sample': (1/M) Σ |gradient of one sample|.", required: true, "mean", "abs-per-sample");

    private static readonly Option<string> Split = new("--split")
    {
        Description = "Which split, where DATA is a dataset.",
        DefaultValueFactory = _ => "train",
        HelpName = "NAME",
    };

    private static readonly Option<int> Samples = CommonOptions.Number(
        "--samples", $"Draw so many samples; if left out, {DefaultExemplars} of a dataset and all of a plain file.", 1, int.MaxValue, "N");

    public static Command Create()
    {
        var command = new ExampleCommand(
            "gradients", "Write the gradient of a task: the mean, or TATR's mean of absolute per-sample gradients.",
            "gradients base/ mnist.safetensors mnist.grad.safetensors --reduction abs-per-sample --head mnist.head.safetensors",
            "gradients vit/ batch.safetensors grad.safetensors --reduction mean",
            "gradients base/ mnist.safetensors g.safetensors --reduction mean --split train --samples 256 --seed 7")
        {
            ModelArguments.Model,
            Data,
            Output,
            Reduction,
            TextArguments.Text,
            TextArguments.MaxLength,
            CommonOptions.Head,
            Split,
            Samples,
            CommonOptions.Seed,
            CommonOptions.Config,
            ModelArguments.BatchSize,
            CommonOptions.Device,
            CommonOptions.Precision,
            CommonOptions.Threads,
            ProfileOption.Profile,
            CommonOptions.Json,
        };
        foreach (Option option in DatasetArguments.All) command.Options.Add(option);
        command.Runs(Run);
        return command;
    }

    private static void Run(CommandContext context)
    {
        string output = context.Get(Output);
        OutputFile.RequirePossible(
            output, [context.Get(ModelArguments.Model), context.Get(TextArguments.Text), context.Get(CommonOptions.Head), context.Get(CommonOptions.Config), .. DatasetArguments.FilesOf(context.Get(Data))]);
        GradientReduction reduction = GradientFile.Parse(context.Get(Reduction)!);
        using Device device = context.OpenDevice();
        using Encoder encoder = ModelArguments.Load(context, device, context.Has(TextArguments.Text) ? null : context.Get(Data));
        Dataset data = context.Has(TextArguments.Text) ? ReadTexts(context, encoder) : DatasetArguments.Open(context, encoder, context.Get(Data));
        using ClassificationHead head = HeadArguments.Require(context, encoder, data.Name);
        data = HeadArguments.Match(data, head);
        DatasetSplit split = data["input"] ?? DatasetArguments.RequireSplit(context, data, Split);
        var task = new TrainingTask(data.Name, data, head) { Split = split.Name };
        int[] samples = GradientEstimator.DrawExemplars(split.Count, Wanted(context, split), context.Get(CommonOptions.Seed) ?? 0, data.Name);

        using var gradient = new ParameterVector(device, encoder.Layout);
        // A head from a file is a constant of the task; the checkpoint's own classifier is a parameter like the others.
        using ParameterVector? headGradient = context.Has(CommonOptions.Head) ? null : new ParameterVector(device, head.Parameters.Layout);
        (GradientEstimate estimate, ProfileShares? profile) = ProfileOption.Run(context, device, _ => GradientEstimator.Estimate(
            encoder, encoder.Parameters, task, samples, reduction, gradient, ModelArguments.BatchSizeOf(context, DefaultBatchSize), headGradient, context.Stop));
        if (!double.IsFinite(estimate.Loss))
            throw new InvalidDataException($"{context.Get(ModelArguments.Model)}: the loss is not a number, so no gradient is written; expected finite weights and inputs (inspect --stats counts NaN and infinities).");
        IReadOnlyList<TensorContent> tensors = GradientFile.ToTensors(headGradient is null ? [gradient] : [gradient, headGradient]);
        SafetensorsWriter.Write(output, tensors, GradientFile.Describe(reduction, estimate));
        var report = new WrittenReport(output, estimate.Samples, [.. tensors.Select(t => new WrittenTensor(t.Name, [.. t.Shape.Dimensions]))], device.Name, CommonOptions.NameOf(device.Precision), estimate.Loss, Profile: profile);
        context.Write(report, CliJson.Default.WrittenReport, (r, text) => r.Print(text));
    }

    /// <summary>The lines of <c>--text</c> with the labels of DATA.</summary>
    private static Dataset ReadTexts(CommandContext context, Encoder encoder)
    {
        string file = context.Get(Data);
        using SafetensorsFile labels = SafetensorsFile.Open(file);
        TextSplit split = TextArguments.Read(context, encoder, labels.ReadInt32("labels"));
        return new Dataset(file, Path.GetFileNameWithoutExtension(file), null, [split]);
    }

    private static int Wanted(CommandContext context, DatasetSplit split)
    {
        if (context.Get(Samples) is > 0 and int samples) return samples;
        return split.Name == "input" ? split.Count : DefaultExemplars;
    }
}
