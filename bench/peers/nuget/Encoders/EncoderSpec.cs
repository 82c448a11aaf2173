namespace MergeEngine.Peers.Encoders;

/// <summary>An encoder of <c>merge-engine bench step|latency</c> with a head of ten classes. A side of 0 says that it reads token ids.</summary>
/// <param name="Name">As the engine calls it.</param>
/// <param name="Side">Pixels of an image's side.</param>
/// <param name="Patch">Pixels of a patch's side.</param>
/// <param name="Width">Of the hidden state; the inner layer has four times as much.</param>
/// <param name="Layers">Blocks.</param>
/// <param name="Heads">Attention heads.</param>
/// <param name="Tokens">Rows of a sample, the class token included.</param>
internal sealed record EncoderSpec(string Name, int Side, int Patch, int Width, int Layers, int Heads, int Tokens)
{
    public const int Classes = 10, Vocabulary = 30522, Positions = 512;

    private static readonly EncoderSpec[] s_all =
    [
        new("vit-b-32", 224, 32, 768, 12, 12, 50),
        new("vit-b-16", 224, 16, 768, 12, 12, 197),
        new("vit-tiny", 32, 8, 64, 2, 2, 17),
        new("bert-base", 0, 0, 768, 12, 12, 128),
        new("minilm-8", 0, 0, 384, 6, 12, 8),
        new("minilm-32", 0, 0, 384, 6, 12, 32),
        new("minilm-64", 0, 0, 384, 6, 12, 64),
        new("minilm-128", 0, 0, 384, 6, 12, 128),
    ];

    public bool IsVision => Side > 0;

    /// <summary>BERT's pooler: a layer with tanh over the first token. Without it, text features are the mean over tokens.</summary>
    public bool HasPooler => Name == "bert-base";

    /// <summary>Text models normalise after each residual (epsilon 1e-12), vision models before each layer (1e-6 at most; the arithmetic is the same).</summary>
    public float Epsilon => 1e-12f;

    public static EncoderSpec Of(string name) => s_all.FirstOrDefault(spec => spec.Name == name)
        ?? throw new ArgumentException($"--model is '{name}', expected {string.Join(", ", s_all.Select(spec => spec.Name))}");

    /// <summary>Pixels from 0 to 1, [batch, 3, side, side].</summary>
    public float[] Pixels(int batch)
    {
        var random = new Random(2);
        return [.. Enumerable.Range(0, batch * 3 * Side * Side).Select(_ => random.NextSingle())];
    }

    /// <summary>Token ids without padding, [batch, tokens].</summary>
    public long[] Ids(int batch)
    {
        var random = new Random(2);
        return [.. Enumerable.Range(0, batch * Tokens).Select(_ => random.NextInt64(1, Vocabulary))];
    }
}
