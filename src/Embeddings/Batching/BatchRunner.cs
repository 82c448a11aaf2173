using MergeEngine.Merging.Serving;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;

namespace MergeEngine.Embeddings.Batching;

/// <summary>Runs one batch at a time through encoder and head; used by one thread.</summary>
/// <remarks>
/// On a processor an answer does not depend on what else is in the batch, to the last bit: every row is summed in the same order, but in products of up to four
/// rows, which have an order of their own. So a batch has five texts at least: those that nobody asked for are one token long.
/// </remarks>
internal sealed class BatchRunner(TextTransformer encoder, ClassificationHead? head, TaskMixture? mixture) : IDisposable
{
    private const int FewestTexts = 5;

    private readonly TextBatch _batch = encoder.CreateBatch();
    private readonly TokenTable _texts = new();
    private int[] _indices = [];
    private float[] _embeddings = [];
    private float[] _logits = [];

    /// <summary>Answers every request, with what was computed or with why nothing was.</summary>
    public void Run(IReadOnlyList<TextRequest> requests)
    {
        try
        {
            Fill(requests);
            long version = Compute();
            Answer(requests, version);
        }
        catch (Exception e)
        {
            foreach (TextRequest request in requests) request.TrySetException(e);
        }
    }

    public void Dispose() => _batch.Dispose();

    private void Fill(IReadOnlyList<TextRequest> requests)
    {
        _texts.Clear();
        foreach (TextRequest request in requests) _texts.Add(request.Ids, request.Types);
        while (_texts.Count < FewestTexts) _texts.Add(requests[0].Ids[..1]);
        if (_indices.Length < _texts.Count) _indices = [.. Enumerable.Range(0, _texts.Count)];
        _batch.Fill(_texts, _indices.AsSpan(0, _texts.Count));
    }

    private long Compute()
    {
        if (mixture is null)
        {
            Read(encoder.Forward(encoder.Parameters, _batch, keepForBackward: false));
            return 0;
        }

        using MixtureUse use = mixture.Use();
        Read(encoder.Forward(use.Parameters, _batch, keepForBackward: false));
        return use.Version;
    }

    private void Read(Matrix features)
    {
        if (head is not null) Download(head.Forward(features), ref _logits);
        Download(encoder.Config.IsSentenceEncoder ? encoder.Embeddings() : features, ref _embeddings);
    }

    private void Download(Matrix rows, ref float[] values)
    {
        int count = checked(rows.Rows * rows.Columns);
        if (values.Length < count) values = new float[count];
        encoder.Device.Download(rows.Data, values.AsSpan(0, count));
    }

    private void Answer(IReadOnlyList<TextRequest> requests, long version)
    {
        int width = encoder.FeatureWidth, classes = head?.Classes ?? 0;
        for (int i = 0; i < requests.Count; i++)
        {
            requests[i].TrySetResult(
                new TextOutput(
                    _embeddings.AsSpan(i * width, width).ToArray(), _logits.AsSpan(i * classes, classes).ToArray(), requests[i].Ids.Length, version));
        }
    }
}
