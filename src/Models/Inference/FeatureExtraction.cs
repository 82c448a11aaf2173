using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Inference;

/// <summary>
/// What a model makes of a file of inputs, as tensors to write. Of images: <c>features</c> [N, width], and where the model has them
/// <c>image_embeds</c> [N, projection] (not normalised), <c>logits</c> [N, classes], <c>hidden.0</c> … <c>hidden.L</c> [N, tokens, width]. Of texts:
/// <c>sequence_output</c> [N, tokens, width] (0 where there is padding), <c>mean_pooled</c> [N, width], and where the model has them <c>pooled</c>
/// [N, width], <c>text_embeds</c> of a sentence encoder [N, width] or a CLIP [N, projection] (not normalised), <c>logits</c> and hidden states.
/// </summary>
public static class FeatureExtraction
{
    /// <param name="encoder">The model, run with the weights it was loaded with.</param>
    /// <param name="head">Gives the logits; null for none.</param>
    /// <param name="split">The inputs.</param>
    /// <param name="options">What is kept.</param>
    /// <param name="progress">Told how many samples are done.</param>
    /// <param name="cancellation">Checked before every batch.</param>
    /// <exception cref="ModelException">The inputs do not fit the model, the head does not fit the features, or the outputs do not fit into memory.</exception>
    public static IReadOnlyList<TensorContent> Run(
        Encoder encoder, ClassificationHead? head, DatasetSplit split, ExtractionOptions options, IProgress<int>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.BatchSize, nameof(options));
        if (encoder.Refuses(split) is { } problem) throw new ModelException($"{split.Source}: {problem}.");
        if (head is not null && head.Width != encoder.FeatureWidth)
            throw new ModelException($"The head takes {head.Width} features, expected {encoder.FeatureWidth} for this model.");
        bool kept = encoder.KeepHiddenStates;
        encoder.KeepHiddenStates = options.HiddenStates;
        try
        {
            return Collect(encoder, head, split, options, progress, cancellation);
        }
        finally
        {
            encoder.KeepHiddenStates = kept;
        }
    }

    private static TensorContent[] Collect(
        Encoder encoder, ClassificationHead? head, DatasetSplit split, ExtractionOptions options, IProgress<int>? progress, CancellationToken cancellation)
    {
        (IEnumerable<CollectedOutput> outputs, Action<Batch, int> take) = Plan(encoder, head, split, options);
        using Batch batch = encoder.CreateBatch();
        int[] indices = new int[Math.Min(options.BatchSize, split.Count)];
        for (int first = 0; first < split.Count; first += indices.Length)
        {
            cancellation.ThrowIfCancellationRequested();
            Span<int> some = indices.AsSpan(0, Math.Min(indices.Length, split.Count - first));
            for (int i = 0; i < some.Length; i++) some[i] = first + i;
            split.Read(some, batch);
            Tensors.Matrix features = encoder.Forward(encoder.Parameters, batch, keepForBackward: false);
            head?.Forward(features);
            take(batch, first);
            progress?.Report(first + some.Length);
        }

        return [.. outputs.Select(output => output.ToTensor())];
    }

    private static (IEnumerable<CollectedOutput> Outputs, Action<Batch, int> Take) Plan(Encoder encoder, ClassificationHead? head, DatasetSplit split, ExtractionOptions options)
    {
        switch (encoder)
        {
            case TextTransformer text:
                var extraction = new TextExtraction(text, head, split, options);
                return (extraction.Outputs, extraction.Take);
            case VisionTransformer vision:
                List<CollectedOutput> outputs = VisionExtraction.Outputs(vision, head, split, options);
                return (outputs, (_, first) => outputs.ForEach(output => output.Take(encoder.Device, first)));
            default:
                throw new ArgumentException($"There is no extraction for a {encoder.GetType().Name}.", nameof(encoder));
        }
    }
}
