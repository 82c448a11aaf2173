using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Training;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Probes;

/// <summary>A vision transformer with a head of ten classes.</summary>
internal sealed class VisionProbe : ProbeModel
{
    private const int Classes = 10;

    private readonly VisionTransformer _encoder;
    private readonly ClassificationHead _head;
    private readonly ImageBatch _batch;
    private readonly float[] _pixels;
    private readonly float[] _logits;

    public VisionProbe(Device device, int side, int patch, int width, int layers, int heads, int batch)
        : base(device, batch)
    {
        var image = new ImageShape(3, side, side);
        _encoder = VisionTransformer.CreateRandom(device, new VisionTransformerConfig
        {
            Image = image,
            PatchSize = patch,
            Width = width,
            Layers = layers,
            Heads = heads,
            MlpWidth = 4 * width,
            Normalization = PixelNormalization.Half(image.Channels),
        }, seed: 1);
        _head = ClassificationHead.Random(device, Classes, width, seed: 1);
        _batch = _encoder.CreateBatch();
        _pixels = new float[batch * image.Length];
        _logits = new float[batch * Classes];
        var random = new PhiloxStream(1, "pixels");
        for (int i = 0; i < _pixels.Length; i++) _pixels[i] = (2 * random.NextFloat()) - 1;
        Send();
    }

    public override double ForwardOperations
    {
        get
        {
            VisionTransformerConfig config = _encoder.Config;
            double width = config.Width, tokens = config.Tokens;
            // Behind the last attention there is only the class token.
            double unread = 2 * (tokens - 1) * ((width * width) + (2 * width * config.MlpWidth));
            return Batch * ((config.Layers * BlockOperations(tokens, width, config.MlpWidth)) - unread + (2.0 * config.Patches * config.PatchSize * config.PatchSize * 3 * width));
        }
    }

    public override void Forward()
    {
        Send();
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

    private void Send()
    {
        _batch.Prepare(Batch, out Span<float> images, out Span<int> labels);
        _pixels.CopyTo(images);
        for (int i = 0; i < labels.Length; i++) labels[i] = i % Classes;
        _batch.Commit();
    }
}
