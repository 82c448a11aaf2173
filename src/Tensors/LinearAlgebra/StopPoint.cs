namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>
/// Where a decomposition asks whether it shall stop: before each block of a product, each wave of a chase and each task of its replay, of which each takes some tenths of a second at most
/// for a matrix of 4096 x 4096 on one thread. It stops between them, with nothing of its result written.
/// </summary>
internal sealed class StopPoint(CancellationToken cancellation)
{
    /// <summary>Blocks and waves that were begun.</summary>
    public long Passed { get; private set; }

    /// <summary>Told their number before each; null for nobody.</summary>
    public Action<long>? Passing { get; set; }

    /// <summary>Whether to stop: for tasks on other threads, which then do nothing.</summary>
    public bool IsAsked => cancellation.IsCancellationRequested;

    /// <summary>Begins the next block. One thread at a time.</summary>
    /// <exception cref="OperationCanceledException">It was asked to stop.</exception>
    public void Pass()
    {
        Passing?.Invoke(Passed);
        cancellation.ThrowIfCancellationRequested();
        Passed++;
    }
}
