namespace MergeEngine.Embeddings.Batching;

/// <summary>One text on its way through the queue; its task is the answer. What follows the answer runs elsewhere, not on the thread that computes.</summary>
internal sealed class TextRequest(int[] ids, int[] types) : TaskCompletionSource<TextOutput>(TaskCreationOptions.RunContinuationsAsynchronously)
{
    public ReadOnlySpan<int> Ids => ids;

    public ReadOnlySpan<int> Types => types;

    /// <summary>True once nobody waits for the answer any more.</summary>
    public bool IsOver => Task.IsCompleted;
}
