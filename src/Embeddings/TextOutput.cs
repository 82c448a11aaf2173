namespace MergeEngine.Embeddings;

/// <summary>What the model makes of one text.</summary>
/// <param name="Embedding">[width]: of length 1 where the model's files say so.</param>
/// <param name="Logits">[classes], of the head; empty where there is none.</param>
/// <param name="TokenCount">Tokens that were read, special ones included.</param>
/// <param name="MixtureVersion">Which of the task mixture's switches the answer is from; 0 where there is none.</param>
public sealed record TextOutput(ReadOnlyMemory<float> Embedding, ReadOnlyMemory<float> Logits, int TokenCount, long MixtureVersion);
