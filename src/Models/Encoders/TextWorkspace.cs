using MergeEngine.Tensors;

namespace MergeEngine.Models.Encoders;

/// <summary>The activations of a text encoder for one kind of pass: one arena that counts tokens, one that counts texts.</summary>
internal sealed class TextWorkspace : IDisposable
{
    public TextWorkspace(Device device, TextTransformerConfig config, TextParameters layers, Retention retention)
    {
        Tokens = new ActivationArena(device);
        Texts = new ActivationArena(device);
        Retention = retention;
        long width = config.Width;
        bool backward = retention == Retention.Backward;
        Stack = layers.Stack.Plan(Tokens, retention, 1);
        Embedded = backward ? Tokens.Add(width) : Stack.Hidden[0];
        EmbeddingStatistics = backward ? (Tokens.Add(1), Tokens.Add(1)) : (-1, -1);
        First = Texts.Add(width);
        PreActivation = config.HasPooler && backward ? Texts.Add(width) : -1;
        Pooled = config.HasPooler ? Texts.Add(width) : -1;
        Means = Texts.Add(width);
        MeanPooled = Texts.Add(width);
        Embeddings = config.IsSentenceEncoder ? Texts.Add(width) : -1;
        Gradient = backward ? Texts.Add(width) : -1;
        FirstGradient = backward ? Texts.Add(width) : -1;
    }

    public ActivationArena Tokens { get; }

    public ActivationArena Texts { get; }

    public Retention Retention { get; }

    public StackSlots Stack { get; }

    /// <summary>[rows, width]: the sum of the tables' rows; the first hidden state itself where nothing is kept.</summary>
    public int Embedded { get; }

    public (int Mean, int InverseDeviation) EmbeddingStatistics { get; }

    /// <summary>[texts, width]: the first token of each.</summary>
    public int First { get; }

    /// <summary>[texts, width]: of the pooler.</summary>
    public int PreActivation { get; }

    /// <summary>[texts, width]: the pooler's output.</summary>
    public int Pooled { get; }

    /// <summary>[texts, width]: means in the batch's order.</summary>
    public int Means { get; }

    /// <summary>[texts, width]: means in the caller's order.</summary>
    public int MeanPooled { get; }

    /// <summary>[texts, width]: of a sentence encoder.</summary>
    public int Embeddings { get; }

    /// <summary>[texts, width]: gradient of the pooler's pre-activation, or of the means.</summary>
    public int Gradient { get; }

    /// <summary>[texts, width]: gradient of the first tokens.</summary>
    public int FirstGradient { get; }

    public NormStatistics Statistics(int rows) => EmbeddingStatistics.Mean < 0 ? default
        : new NormStatistics(Tokens.Span(EmbeddingStatistics.Mean, rows), Tokens.Span(EmbeddingStatistics.InverseDeviation, rows));

    public void Reserve(int tokens, int texts)
    {
        Tokens.Reserve(tokens);
        Texts.Reserve(texts);
    }

    public void Dispose()
    {
        Tokens.Dispose();
        Texts.Dispose();
    }
}
