using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Models.Probes;

/// <summary>Random images for a vision transformer that pools its class token.</summary>
internal sealed class VisionInputs : ProbeInputs
{
    private readonly VisionTransformerConfig _config;
    private readonly float[] _pixels;

    public VisionInputs(int side, int patch, int width, int layers, int heads, int samples)
        : base(samples)
    {
        var image = new ImageShape(3, side, side);
        _config = new VisionTransformerConfig
        {
            Image = image,
            PatchSize = patch,
            Width = width,
            Layers = layers,
            Heads = heads,
            MlpWidth = 4 * width,
            Normalization = PixelNormalization.Half(image.Channels),
        };
        _pixels = new float[checked(samples * image.Length)];
        var random = new PhiloxStream(1, "pixels");
        for (int i = 0; i < _pixels.Length; i++) _pixels[i] = (2 * random.NextFloat()) - 1;
    }

    public override double ForwardOperations
    {
        get
        {
            double width = _config.Width, tokens = _config.Tokens;
            // Behind the last attention there is only the class token.
            double unread = 2 * (tokens - 1) * ((width * width) + (2 * width * _config.MlpWidth));
            double patches = 2.0 * _config.Patches * _config.PatchSize * _config.PatchSize * _config.Image.Channels * width;
            return Samples * ((_config.Layers * BlockOperations(tokens, width, _config.MlpWidth)) - unread + patches + (2 * width * Classes));
        }
    }

    public override Encoder CreateEncoder(Device device) => VisionTransformer.CreateRandom(device, _config, seed: 1);

    public override void Send(Batch batch)
    {
        ((ImageBatch)batch).Prepare(Samples, out Span<float> images, out Span<int> labels);
        _pixels.CopyTo(images);
        for (int i = 0; i < labels.Length; i++) labels[i] = i % Classes;
        ((ImageBatch)batch).Commit();
    }
}
