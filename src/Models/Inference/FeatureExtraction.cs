using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Inference;

/// <summary>
/// What a model makes of a file of inputs, as tensors to write: <c>features</c> [N, width], and where the model has them <c>image_embeds</c>
/// [N, projection] (not normalised), <c>logits</c> [N, classes], <c>hidden.0</c> … <c>hidden.L</c> [N, tokens, width].
/// </summary>
public static class FeatureExtraction
{
    /// <param name="encoder">The model, run with the weights it was loaded with.</param>
    /// <param name="head">Gives the logits; null for none.</param>
    /// <param name="split">The inputs.</param>
    /// <param name="hiddenStates">True to keep the input of the first block and the output of every block.</param>
    /// <param name="batchSize">Samples that run at a time.</param>
    /// <param name="progress">Told how many samples are done.</param>
    /// <param name="cancellation">Checked before every batch.</param>
    /// <exception cref="ModelException">The inputs do not fit the model, the head does not fit the features, or the outputs do not fit into memory.</exception>
    public static IReadOnlyList<TensorContent> Run(
        VisionTransformer encoder,
        ClassificationHead? head,
        DatasetSplit split,
        bool hiddenStates,
        int batchSize,
        IProgress<int>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchSize);
        if (encoder.Refuses(split) is { } problem) throw new ModelException($"{split.Source}: {problem}.");
        if (head is not null && head.Width != encoder.FeatureWidth)
            throw new ModelException($"The head takes {head.Width} features, expected {encoder.FeatureWidth} for this model.");
        encoder.KeepHiddenStates = hiddenStates;
        List<Collected> outputs = Outputs(encoder, head, split, hiddenStates);
        using Batch batch = encoder.CreateBatch();
        int[] indices = new int[Math.Min(batchSize, split.Count)];
        for (int first = 0; first < split.Count; first += indices.Length)
        {
            cancellation.ThrowIfCancellationRequested();
            Span<int> some = indices.AsSpan(0, Math.Min(indices.Length, split.Count - first));
            for (int i = 0; i < some.Length; i++) some[i] = first + i;
            split.Read(some, batch);
            head?.Forward(encoder.Forward(encoder.Parameters, batch, keepForBackward: false));
            if (head is null) encoder.Forward(encoder.Parameters, batch, keepForBackward: false);
            foreach (Collected output in outputs) output.Take(encoder.Device, first);
            progress?.Report(first + some.Length);
        }

        return [.. outputs.Select(output => output.ToTensor())];
    }

    private static List<Collected> Outputs(VisionTransformer encoder, ClassificationHead? head, DatasetSplit split, bool hiddenStates)
    {
        VisionTransformerConfig config = encoder.Config;
        var outputs = new List<Collected> { new("features", split, [split.Count, config.Width], () => encoder.Features) };
        if (config.ProjectionWidth > 0) outputs.Add(new("image_embeds", split, [split.Count, config.ProjectionWidth], () => encoder.ImageEmbeddings));
        if (head is not null) outputs.Add(new("logits", split, [split.Count, head.Classes], () => head.Logits));
        for (int i = 0; hiddenStates && i <= config.Layers; i++)
        {
            int layer = i;
            outputs.Add(new($"hidden.{layer}", split, [split.Count, config.Tokens, config.Width], () => encoder.HiddenState(layer)));
        }

        return outputs;
    }

    /// <summary>One output, gathered batch by batch.</summary>
    private sealed class Collected
    {
        private readonly string _name;
        private readonly Shape _shape;
        private readonly Func<Matrix> _source;
        private readonly float[] _values;

        public Collected(string name, DatasetSplit split, Shape shape, Func<Matrix> source)
        {
            _name = name;
            _shape = shape;
            _source = source;
            if (shape.ElementCount > Array.MaxLength)
                throw new ModelException($"{split.Source}: its {split.Count} samples give '{name}' {shape} with {shape.ElementCount} values, expected at most {Array.MaxLength}: split the file.");
            _values = new float[shape.ElementCount];
        }

        public void Take(Device device, int firstSample)
        {
            Matrix rows = _source();
            if (!rows.IsContiguous) throw new InvalidOperationException($"'{_name}' is not contiguous.");
            long sample = _shape.ElementCount / _shape[0];
            device.Download(rows.Data, _values.AsSpan(checked((int)(firstSample * sample)), checked(rows.Rows * rows.Columns)));
        }

        public TensorContent ToTensor() => TensorContent.FromFloat32(_name, _shape, _values);
    }
}
