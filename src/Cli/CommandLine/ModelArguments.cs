using System.CommandLine;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;

namespace MergeEngine.Cli.CommandLine;

/// <summary>The arguments of commands that run a model.</summary>
internal static class ModelArguments
{
    public static readonly Argument<string> Model = new("MODEL")
    {
        Description = "A ViT, CLIP, open_clip, timm, BERT, RoBERTa or sentence-transformers directory, or a .safetensors file with its config beside it. Of a whole CLIP the inputs choose the tower.",
    };

    public static readonly Option<int> BatchSize = CommonOptions.Number("--batch-size", "Samples that run at a time.", 1, 1 << 16, "N");

    /// <summary>Loads MODEL; of a whole CLIP the tower that the inputs are for.</summary>
    /// <param name="context">The command line.</param>
    /// <param name="device">Where it runs.</param>
    /// <param name="data">What holds the inputs; null for the lines of <c>--text</c>.</param>
    public static Encoder Load(CommandContext context, Device device, string? data) =>
        Encoder.Open(device, context.Get(Model), context.Get(CommonOptions.Config), preferTexts: data is null || DatasetArguments.AreTexts(context, data));

    public static int BatchSizeOf(CommandContext context, int standard) => context.Get(BatchSize) is > 0 and int size ? size : standard;
}
