using MergeEngine.Tensors;

namespace MergeEngine.Models.Datasets;

/// <summary>
/// The inputs and labels of one step in device memory: an <see cref="ImageBatch"/> or a <see cref="TextBatch"/>. It grows to the largest batch
/// that was ever put in and allocates nothing after that.
/// </summary>
public abstract class Batch : IDisposable
{
    private readonly DeviceArray<int> _labels;

    private protected Batch(Device device)
    {
        Device = device;
        _labels = new DeviceArray<int>(device);
    }

    public Device Device { get; }

    /// <summary>Samples that are in it.</summary>
    public int Count { get; private set; }

    /// <summary>[count].</summary>
    public DeviceSpan<int> Labels => _labels.Values(Count);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Sets the number of samples and gives host memory for their labels.</summary>
    private protected Span<int> StageLabels(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        Count = count;
        return _labels.Stage(count);
    }

    /// <summary>Other labels for the samples that were just put in.</summary>
    /// <param name="indices">The samples.</param>
    /// <param name="labels">Of all samples of their split.</param>
    internal void Relabel(ReadOnlySpan<int> indices, ReadOnlySpan<int> labels)
    {
        Span<int> own = StageLabels(indices.Length);
        for (int i = 0; i < own.Length; i++) own[i] = labels[indices[i]];
        UploadLabels();
    }

    private protected void UploadLabels() => _labels.Upload(Count);

    protected virtual void Dispose(bool disposing)
    {
        if (disposing) _labels.Dispose();
    }
}
