using MergeEngine.Tensors;

namespace MergeEngine.Merging.TensorMethods;

/// <summary>
/// Device memory that the merges of one tensor after the other use for what they hold beside their chunks: masks that were drawn, variances. Fresh pages cost several times as much as
/// writing to them, and a model's masks are larger than the model. What nobody uses now is bounded.
/// </summary>
/// <param name="device">Where the memory is.</param>
/// <param name="idle">Bytes that are kept for the next merge at most.</param>
internal sealed class WorkingMemory(Device device, long idle) : IDisposable
{
    /// <summary>What a merge gets beyond what it asked for, as a share: the plan of memory knows nothing of it. Models have many tensors of few sizes, and these fit exactly.</summary>
    private const int Surplus = 32;

    private readonly Lock _gate = new();

    /// <summary>The one that came back last stands at the end.</summary>
    private readonly List<DeviceBuffer> _free = [];

    /// <summary>Memory of at least so many bytes and at most a 32nd more, with any content.</summary>
    public DeviceBuffer Rent(long bytes)
    {
        lock (_gate)
        {
            int found = _free.FindLastIndex(b => b.ByteLength >= bytes && b.ByteLength - bytes <= bytes / Surplus);
            if (found >= 0)
            {
                DeviceBuffer memory = _free[found];
                _free.RemoveAt(found);
                return memory;
            }
        }

        return device.Allocate<byte>(bytes);
    }

    public void Return(DeviceBuffer memory)
    {
        lock (_gate)
        {
            _free.Add(memory);
            while (_free.Sum(b => b.ByteLength) > idle)
            {
                _free[0].Dispose();
                _free.RemoveAt(0);
            }
        }
    }

    public void Dispose()
    {
        foreach (DeviceBuffer memory in _free) memory.Dispose();
        _free.Clear();
    }
}
