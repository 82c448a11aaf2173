using System.CommandLine;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports;
using MergeEngine.Cli.Terminal;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Inference;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Commands;

/// <summary><c>encode MODEL INPUT OUT</c>: features, embeddings, logits and hidden states of a file of inputs.</summary>
internal static class EncodeCommand
{
    private const int DefaultBatchSize = 64;

    private static readonly Argument<string> Input = new("INPUT.safetensors")
    {
        Description = "'images' F32 [N, C, H, W], already normalised, or a dataset with splits.",
    };

    private static readonly Argument<string> Output = new("OUT.safetensors") { Description = "Gets 'features', and what else the model has, as F32." };

    private static readonly Option<bool> Hidden = new("--hidden") { Description = "Write 'hidden.0' … 'hidden.L' too: the input of the first block, and the output of each." };

    private static readonly Option<string> Split = new("--split")
    {
        Description = "Which split, where INPUT is a dataset.",
        DefaultValueFactory = _ => "test",
        HelpName = "NAME",
    };

    public static Command Create()
    {
        var command = new ExampleCommand(
            "encode", "Run a model over a file of inputs and write what it makes of them.",
            "encode vit/ images.safetensors features.safetensors",
            "encode clip-vit-base-patch32/ images.safetensors out.safetensors --head zero-shot.safetensors",
            "encode model.safetensors images.safetensors out.safetensors --config config.json --hidden")
        {
            ModelArguments.Model,
            Input,
            Output,
            Hidden,
            CommonOptions.Head,
            Split,
            CommonOptions.Config,
            ModelArguments.BatchSize,
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
        string output = context.Get(Output);
        OutputFile.RequirePossible(output, context.Get(ModelArguments.Model), context.Get(Input), context.Get(CommonOptions.Head));
        using Device device = context.OpenDevice();
        using VisionTransformer encoder = ModelArguments.Load(context, device);
        Dataset data = Dataset.Open(context.Get(Input));
        using ClassificationHead? head = ModelArguments.LoadHead(context, encoder, data.Name);
        DatasetSplit split = data["input"] ?? data.Require(context.Get(Split)!);
        int batch = ModelArguments.BatchSizeOf(context, DefaultBatchSize);
        IReadOnlyList<TensorContent> tensors = CommandContext.WithProgress("samples", sink =>
            FeatureExtraction.Run(encoder, head, split, context.Get(Hidden), batch, new Samples(sink, "encoding", split.Count), context.Stop));
        SafetensorsWriter.Write(output, tensors);
        var report = new WrittenReport(output, split.Count, [.. tensors.Select(t => new WrittenTensor(t.Name, [.. t.Shape.Dimensions]))], device.Name, CommonOptions.NameOf(device.Precision));
        context.Write(report, CliJson.Default.WrittenReport, (r, text) => r.Print(text));
    }
}
