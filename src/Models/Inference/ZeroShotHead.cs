using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Inference;

/// <summary>
/// CLIP's zero-shot head (Radford et al., arXiv 2103.00020, §3.1.4): the row of class c is w_c = m_c/‖m_c‖ with m_c = Σ_t e_ct/‖e_ct‖ over the
/// embeddings e_ct of its prompts, and the logits of an image embedding f are exp(s)·w_c·f/‖f‖. Norms and sums are float64.
/// </summary>
public static class ZeroShotHead
{
    /// <summary>ln 100: where training holds s, and where it stands in all of OpenAI's models. Taken where a checkpoint has none.</summary>
    public const float UsualLogitScale = 4.6051702f;

    /// <summary>Why a model gives no zero-shot heads, as the end of a sentence; null if it does.</summary>
    public static string? Refuses(Encoder encoder) => encoder switch
    {
        TextTransformer { Config: { IsClip: true, ProjectionWidth: > 0 } } => null,
        TextTransformer { Config.IsClip: true } => "has a text tower without a projection, expected CLIP's text_projection",
        TextTransformer text => $"is a {text.Config.Family} encoder, expected a CLIP",
        _ => "has no text tower, expected a CLIP with one",
    };

    /// <summary>Makes the head.</summary>
    /// <param name="encoder">A CLIP's text tower, run with the weights it was loaded with.</param>
    /// <param name="prompts">Of every class.</param>
    /// <param name="batchSize">Prompts that run at a time.</param>
    /// <param name="progress">Told how many prompts are done.</param>
    /// <param name="cancellation">Checked before every batch.</param>
    /// <returns>weight [classes, projection] and the logit scale; the caller's.</returns>
    /// <exception cref="ModelException">The model gives no such heads, cannot take the tokens, or an embedding has no direction.</exception>
    public static ClassificationHead Build(
        TextTransformer encoder, ZeroShotPrompts prompts, int batchSize, IProgress<int>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchSize);
        if (Refuses(encoder) is { } fault) throw new ModelException($"The model {fault}.");
        var split = new TextSplit("prompts", "input", prompts.Tokens, []);
        if (encoder.Refuses(split) is { } problem) throw new ModelException($"A prompt {problem}.");
        int width = encoder.FeatureWidth, count = prompts.Tokens.Count;
        double[] sums = new double[checked(prompts.Classes * width)];
        float[] rows = new float[checked(Math.Min(batchSize, count) * width)];
        int[] indices = new int[Math.Min(batchSize, count)];
        using TextBatch batch = encoder.CreateBatch();
        for (int first = 0; first < count; first += indices.Length)
        {
            cancellation.ThrowIfCancellationRequested();
            Span<int> some = indices.AsSpan(0, Math.Min(indices.Length, count - first));
            for (int i = 0; i < some.Length; i++) some[i] = first + i;
            batch.Fill(prompts.Tokens, some);
            Matrix embeddings = encoder.Forward(encoder.Parameters, batch, keepForBackward: false);
            encoder.Device.Download(embeddings.Data, rows.AsSpan(0, some.Length * width));
            for (int i = 0; i < some.Length; i++)
            {
                int owner = (first + i) / prompts.Templates;
                AddDirection(sums.AsSpan(owner * width, width), rows.AsSpan(i * width, width), owner);
            }

            progress?.Report(first + some.Length);
        }

        return ToHead(encoder, sums, prompts.Classes, width);
    }

    private static void AddDirection(Span<double> sum, ReadOnlySpan<float> embedding, int owner)
    {
        double squares = 0;
        foreach (float value in embedding) squares += (double)value * value;
        double norm = Required(squares, owner);
        for (int i = 0; i < sum.Length; i++) sum[i] += embedding[i] / norm;
    }

    private static ClassificationHead ToHead(TextTransformer encoder, double[] sums, int classes, int width)
    {
        float[] weight = new float[sums.Length];
        for (int c = 0; c < classes; c++)
        {
            ReadOnlySpan<double> row = sums.AsSpan(c * width, width);
            double squares = 0;
            foreach (double value in row) squares += value * value;
            double norm = Required(squares, c);
            for (int i = 0; i < width; i++) weight[(c * width) + i] = (float)(row[i] / norm);
        }

        var parameters = new ParameterVector(encoder.Device, new ParameterLayout([new("weight", [classes, width])]));
        parameters.Upload("weight", weight);
        return new ClassificationHead(parameters, logitScale: encoder.LogitScale ?? UsualLogitScale);
    }

    private static double Required(double squares, int owner) => double.IsFinite(squares) && squares > 0
        ? Math.Sqrt(squares)
        : throw new ModelException($"The embedding of class {owner + 1} has no direction, expected finite weights (inspect --stats counts NaN and infinities).");
}
