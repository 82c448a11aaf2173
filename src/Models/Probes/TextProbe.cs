using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Training;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Probes;

/// <summary>A sentence encoder of MiniLM's kind with a linear head over the mean of its tokens, on texts of one length or of many.</summary>
internal sealed class TextProbe : ProbeModel
{
    private const int Classes = 10, Vocabulary = 30522, Positions = 512;

    private readonly TextTransformer _encoder;
    private readonly ClassificationHead _head;
    private readonly TextBatch _batch;
    private readonly TokenTable _texts = new();
    private readonly int[] _order;
    private readonly float[] _logits;

    /// <param name="device">Where.</param>
    /// <param name="width">Width of the encoder.</param>
    /// <param name="layers">Its blocks.</param>
    /// <param name="heads">Attention heads.</param>
    /// <param name="shortest">Tokens of the shortest text.</param>
    /// <param name="longest">Tokens of the longest; lengths are drawn evenly.</param>
    /// <param name="batch">Texts.</param>
    public TextProbe(Device device, int width, int layers, int heads, int shortest, int longest, int batch)
        : base(device, batch)
    {
        _encoder = TextTransformer.CreateRandom(device, new TextTransformerConfig
        {
            Vocabulary = Vocabulary,
            Positions = Positions,
            Width = width,
            Layers = layers,
            Heads = heads,
            MlpWidth = 4 * width,
            Pooling = TextPooling.Mean,
        }, seed: 1);
        _head = ClassificationHead.Random(device, Classes, width, seed: 1);
        _batch = _encoder.CreateBatch();
        _order = [.. Enumerable.Range(0, batch)];
        _logits = new float[batch * Classes];
        var random = new PhiloxStream(1, "texts");
        for (int i = 0; i < batch; i++)
        {
            int[] ids = new int[shortest + random.NextInt(longest - shortest + 1)];
            for (int t = 0; t < ids.Length; t++) ids[t] = 1 + random.NextInt(Vocabulary - 1);
            _texts.Add(ids);
        }

        _batch.Fill(_texts, _order);
    }

    public override double ForwardOperations =>
        _order.Sum(text => _encoder.Config.Layers * BlockOperations(_texts.LengthOf(text), _encoder.Config.Width, _encoder.Config.MlpWidth));

    public override void Forward()
    {
        _batch.Fill(_texts, _order);
        Matrix logits = _head.Forward(_encoder.Forward(_encoder.Parameters, _batch, keepForBackward: false));
        Device.Download(logits.Data, _logits);
    }

    protected override ParameterVector Parameters => _encoder.Parameters;

    protected override void Accumulate(ParameterVector gradients) =>
        _encoder.Run(new LossPass(_encoder, _head, _batch, _encoder.Parameters, gradients, null, GradientReduction.Sum, 1f / Batch), LossPass.Run);

    protected override void Dispose(bool disposing)
    {
        _batch.Dispose();
        _head.Dispose();
        _encoder.Dispose();
    }
}
