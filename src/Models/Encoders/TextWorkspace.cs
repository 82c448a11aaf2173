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
        bool embeddingNorm = backward && layers.EmbeddingNorm is not null;
        Embedded = embeddingNorm ? Tokens.Add(width) : Stack.Hidden[0];
        EmbeddingStatistics = embeddingNorm ? (Tokens.Add(1), Tokens.Add(1)) : (-1, -1);
        Normalized = layers.FinalNorm is null ? -1 : Tokens.Add(width);
        FinalStatistics = backward && layers.FinalNorm is not null ? (Texts.Add(1), Texts.Add(1)) : (-1, -1);
        Projected = config.ProjectionWidth > 0 ? Texts.Add(config.ProjectionWidth) : -1;
        First = Texts.Add(width);
        PreActivation = config.HasPooler && backward ? Texts.Add(width) : -1;
        Pooled = config.HasPooler || layers.FinalNorm is not null ? Texts.Add(width) : -1;
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

    /// <summary>[rows, width]: the sum of the tables' rows; the first hidden state itself where nothing is kept, or no LayerNorm follows.</summary>
    public int Embedded { get; }

    public (int Mean, int InverseDeviation) EmbeddingStatistics { get; }

    /// <summary>[rows, width]: CLIP's last block after the last LayerNorm.</summary>
    public int Normalized { get; }

    /// <summary>Two of [texts].</summary>
    public (int Mean, int InverseDeviation) FinalStatistics { get; }

    /// <summary>[texts, projection].</summary>
    public int Projected { get; }

    /// <summary>[texts, width]: the first token of each, or the one at which it ends.</summary>
    public int First { get; }

    /// <summary>[texts, width]: of the pooler.</summary>
    public int PreActivation { get; }

    /// <summary>[texts, width]: the pooler's output, or CLIP's last token after the last LayerNorm.</summary>
    public int Pooled { get; }

    /// <summary>[texts, width]: means in the batch's order.</summary>
    public int Means { get; }

    /// <summary>[texts, width]: means in the caller's order.</summary>
    public int MeanPooled { get; }

    /// <summary>[texts, width]: of a sentence encoder.</summary>
    public int Embeddings { get; }

    /// <summary>[texts, width]: gradient of the pooler's pre-activation, of the means, or of what is projected.</summary>
    public int Gradient { get; }

    /// <summary>[texts, width]: gradient of what <see cref="First"/> holds.</summary>
    public int FirstGradient { get; }

    public NormStatistics Statistics(int rows) => StatisticsIn(Tokens, EmbeddingStatistics, rows);

    public NormStatistics StatisticsOfTexts(int texts) => StatisticsIn(Texts, FinalStatistics, texts);

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

    private static NormStatistics StatisticsIn(ActivationArena arena, (int Mean, int InverseDeviation) slots, int rows) =>
        slots.Mean < 0 ? default : new NormStatistics(arena.Span(slots.Mean, rows), arena.Span(slots.InverseDeviation, rows));
}
