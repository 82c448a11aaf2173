using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;

namespace MergeEngine.Models.Inference;

/// <summary>What a text encoder makes of a batch, output by output.</summary>
internal sealed class TextExtraction
{
    private readonly TextTransformer _encoder;
    private readonly List<CollectedOutput> _packed = [];
    private readonly List<CollectedOutput> _rows = [];

    public TextExtraction(TextTransformer encoder, ClassificationHead? head, DatasetSplit split, ExtractionOptions options)
    {
        _encoder = encoder;
        // Of a part of a split the rows are as long as those of the whole.
        int count = split.Count, width = encoder.Config.Width, columns = split.Texts!.Columns;
        if (options.Sequences) _packed.Add(new("sequence_output", split, [count, columns, width], () => encoder.SequenceOutput));
        for (int i = 0; options.HiddenStates && i <= encoder.Config.Layers; i++)
        {
            int layer = i;
            _packed.Add(new($"hidden.{layer}", split, [count, columns, width], () => encoder.HiddenState(layer)));
        }

        if (head is { HasHiddenLayer: true }) _rows.Add(new("pooled", split, [count, width], () => head.Hidden));
        else if (encoder.HasPooledOutput) _rows.Add(new("pooled", split, [count, width], encoder.PoolerOutput));
        _rows.Add(new("mean_pooled", split, [count, width], encoder.MeanPooled));
        if (encoder.HasEmbeddings) _rows.Add(new("text_embeds", split, [count, encoder.FeatureWidth], encoder.Embeddings));
        if (head is not null) _rows.Add(new("logits", split, [count, head.Classes], () => head.Logits));
    }

    public IEnumerable<CollectedOutput> Outputs => _packed.Concat(_rows);

    public void Take(Batch batch, int firstSample)
    {
        foreach (CollectedOutput output in _packed) output.TakePacked((TextBatch)batch, firstSample);
        foreach (CollectedOutput output in _rows) output.Take(_encoder.Device, firstSample);
    }
}
