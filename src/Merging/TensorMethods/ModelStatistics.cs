using MergeEngine.Tensors;

namespace MergeEngine.Merging.TensorMethods;

/// <summary>The tensors of the output that a method merges, for statistics over all of them; those that are copied are not among them.</summary>
/// <param name="device">Where the chunks lie.</param>
/// <param name="tensors">Made when somebody asks for them.</param>
public sealed class ModelTask(Device device, Lazy<IReadOnlyList<TensorTask>> tensors)
{
    /// <param name="device">Where the chunks lie.</param>
    /// <param name="tensors">As <see cref="Tensors"/>.</param>
    public ModelTask(Device device, IReadOnlyList<TensorTask> tensors)
        : this(device, new Lazy<IReadOnlyList<TensorTask>>(tensors))
    {
    }

    /// <summary>Where the chunks lie.</summary>
    public Device Device => device;

    /// <summary>In the ordinal order of their names, which is that of the flat index.</summary>
    public IReadOnlyList<TensorTask> Tensors => tensors.Value;
}

/// <summary>
/// Statistics over a whole model. While <see cref="NeedsPass"/>: every chunk of every tensor goes to <see cref="Accumulate"/>, tensor after tensor in the order of
/// <see cref="ModelTask.Tensors"/> and each from its start to its end, then <see cref="CompletePass"/>. What comes out has the same bits whatever the chunks are.
/// It lives until the last tensor is merged.
/// </summary>
public abstract class ModelStatistics : IDisposable
{
    /// <summary>Chunks of a tensor start and end at multiples of so many elements, or at the tensor's end.</summary>
    public virtual long Unit(TensorTask tensor) => 1;

    /// <summary>Bytes that the statistics hold, for the plan of memory.</summary>
    public virtual long WorkingBytes => 0;

    /// <summary>Whether the statistics want to see the whole model (once more).</summary>
    public abstract bool NeedsPass { get; }

    /// <summary>Passes that are still to come, at most; for the plan of bytes that are read and for progress. Each pass lowers it by one at least.</summary>
    public virtual int MostPasses => NeedsPass ? 1 : 0;

    /// <summary>Adds one chunk to the statistics of this pass.</summary>
    public abstract void Accumulate(TensorTask tensor, in TensorChunk chunk);

    /// <summary>Ends a pass over all chunks.</summary>
    public abstract void CompletePass();

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
    }
}
