using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;

namespace MergeEngine.Models.Inference;

/// <summary>What a vision transformer makes of a batch, output by output.</summary>
internal static class VisionExtraction
{
    public static List<CollectedOutput> Outputs(VisionTransformer encoder, ClassificationHead? head, DatasetSplit split, ExtractionOptions options)
    {
        VisionTransformerConfig config = encoder.Config;
        var outputs = new List<CollectedOutput> { new("features", split, [split.Count, config.Width], () => encoder.Features) };
        if (config.ProjectionWidth > 0) outputs.Add(new("image_embeds", split, [split.Count, config.ProjectionWidth], () => encoder.ImageEmbeddings));
        if (head is not null) outputs.Add(new("logits", split, [split.Count, head.Classes], () => head.Logits));
        for (int i = 0; options.HiddenStates && i <= config.Layers; i++)
        {
            int layer = i;
            outputs.Add(new($"hidden.{layer}", split, [split.Count, config.Tokens, config.Width], () => encoder.HiddenState(layer)));
        }

        return outputs;
    }
}
