namespace MergeEngine.Embeddings;

/// <summary>How requests are put into batches.</summary>
public sealed record BatchedTextOptions
{
    /// <summary>Most texts of a batch.</summary>
    public int MaxBatch { get; init; } = 32;

    /// <summary>Most tokens of a batch of several texts; it bounds the memory of activations.</summary>
    public int MaxBatchTokens { get; init; } = 8192;

    /// <summary>Texts that wait at most; whoever brings more waits until there is room.</summary>
    public int QueueLength { get; init; } = 1024;

    /// <summary>
    /// How long a batch is held up for more texts, at most. It is held up only until it is as large as the one before it was, so that a caller who is alone
    /// never waits.
    /// </summary>
    public TimeSpan MaxWait { get; init; } = TimeSpan.FromMilliseconds(1);

    /// <summary>Tokens that a text is cut to, special ones included; null for as many as the model takes.</summary>
    public int? MaxTokens { get; init; }

    internal void Check()
    {
        Require(MaxBatch > 0, nameof(MaxBatch), MaxBatch);
        Require(MaxBatchTokens > 0, nameof(MaxBatchTokens), MaxBatchTokens);
        Require(QueueLength > 0, nameof(QueueLength), QueueLength);
        Require(MaxTokens is null or > 0, nameof(MaxTokens), MaxTokens);
        if (MaxWait < TimeSpan.Zero || MaxWait > TimeSpan.FromMinutes(1)) throw new ArgumentException($"{nameof(MaxWait)} is {MaxWait}, expected a time from zero to a minute.");
    }

    private static void Require(bool holds, string name, object? found)
    {
        if (!holds) throw new ArgumentException($"{name} is {found}, expected a positive number.");
    }
}
