using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Models.Probes;

/// <summary>Random texts, of one length or of many, for an encoder of BERT's kind: embeddings, blocks, mean of the tokens or BERT's pooler.</summary>
internal sealed class TextInputs : ProbeInputs
{
    private const int Vocabulary = 30522, Positions = 512;

    private readonly TextTransformerConfig _config;
    private readonly TokenTable _texts = new();
    private readonly int[] _order, _labels;

    /// <param name="width">Width of the encoder.</param>
    /// <param name="layers">Its blocks.</param>
    /// <param name="pooling">What the features are.</param>
    /// <param name="shortest">Tokens of the shortest text.</param>
    /// <param name="longest">Tokens of the longest; lengths are drawn evenly.</param>
    /// <param name="samples">Texts.</param>
    public TextInputs(int width, int layers, TextPooling pooling, int shortest, int longest, int samples)
        : base(samples)
    {
        _config = new TextTransformerConfig
        {
            Vocabulary = Vocabulary,
            Positions = Positions,
            Width = width,
            Layers = layers,
            Heads = 12,
            MlpWidth = 4 * width,
            Pooling = pooling,
            HasPooler = pooling == TextPooling.Pooler,
        };
        _order = [.. Enumerable.Range(0, samples)];
        _labels = [.. _order.Select(i => i % Classes)];
        var random = new PhiloxStream(1, "texts");
        for (int i = 0; i < samples; i++)
        {
            int[] ids = new int[shortest + random.NextInt(longest - shortest + 1)];
            for (int t = 0; t < ids.Length; t++) ids[t] = 1 + random.NextInt(Vocabulary - 1);
            _texts.Add(ids);
        }
    }

    public override double ForwardOperations
    {
        get
        {
            double width = _config.Width, pooler = _config.HasPooler ? 2 * width * width : 0;
            return _order.Sum(text => _config.Layers * BlockOperations(_texts.LengthOf(text), width, _config.MlpWidth)) + (Samples * (pooler + (2 * width * Classes)));
        }
    }

    public override Encoder CreateEncoder(Device device) => TextTransformer.CreateRandom(device, _config, seed: 1);

    public override void Send(Batch batch) => ((TextBatch)batch).Fill(_texts, _order, _labels);
}
