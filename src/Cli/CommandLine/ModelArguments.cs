using System.CommandLine;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;

namespace MergeEngine.Cli.CommandLine;

/// <summary>The arguments of commands that run a model.</summary>
internal static class ModelArguments
{
    public static readonly Argument<string> Model = new("MODEL")
    {
        Description = "A Hugging Face, CLIP, open_clip or timm directory, or a .safetensors file with its config beside it.",
    };

    public static readonly Option<int> BatchSize = CommonOptions.Number("--batch-size", "Samples that run at a time.", 1, 1 << 16, "N");

    /// <summary>Loads MODEL.</summary>
    public static VisionTransformer Load(CommandContext context, Device device) =>
        VisionTransformer.Load(device, context.Get(Model), context.Get(CommonOptions.Config));

    /// <summary>The head of <c>--head</c>, else the checkpoint's own, else null.</summary>
    public static ClassificationHead? LoadHead(CommandContext context, VisionTransformer encoder) => context.Get(CommonOptions.Head) is { } file
        ? ClassificationHead.FromSafetensors(encoder.Device, file)
        : encoder.CreateCheckpointHead();

    /// <summary>As <see cref="LoadHead"/>, where there must be one.</summary>
    /// <exception cref="UsageException">There is none.</exception>
    public static ClassificationHead RequireHead(CommandContext context, VisionTransformer encoder) => LoadHead(context, encoder)
        ?? throw new UsageException($"{context.Get(Model)}: the model has no classification head of its own, expected one with --head.");

    public static int BatchSizeOf(CommandContext context, int standard) => context.Get(BatchSize) is > 0 and int size ? size : standard;
}
