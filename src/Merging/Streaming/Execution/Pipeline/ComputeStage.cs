using MergeEngine.Merging.TensorMethods;
using MergeEngine.Tensors;

namespace MergeEngine.Merging.Streaming.Execution.Pipeline;

/// <summary>What is done with a chunk on the device.</summary>
internal delegate void ChunkAction(in TensorChunk chunk);

/// <summary>Where chunks are computed: in the host's memory where they lie, or in a device's own, with copies through page-locked memory.</summary>
internal sealed class ComputeStage : IDisposable
{
    private readonly Lock _deviceLock = new();
    private readonly Device? _host;
    private DeviceBuffer? _memory;

    public ComputeStage(Device device)
    {
        Device = device;
        if (!device.IsHostMemory) _host = Device.Open("cpu", 1);
    }

    public Device Device { get; }

    /// <summary>The device that chunks' memory is taken from.</summary>
    public Device Host => _host ?? Device;

    /// <summary>Gives a chunk to a method.</summary>
    /// <param name="chunk">It was read.</param>
    /// <param name="shape">How its memory is divided.</param>
    /// <param name="inputs">Which inputs and companions there are.</param>
    /// <param name="sources">How many of them are inputs.</param>
    /// <param name="output">Whether the method fills the output.</param>
    /// <param name="action">The method.</param>
    /// <param name="reads">Whether the method looks at the inputs.</param>
    public void Run(Chunk chunk, in ChunkShape shape, TensorInputs inputs, int sources, bool output, ChunkAction action, bool reads = true)
    {
        if (_host is null)
        {
            Call(chunk.Memory!, chunk, shape, inputs, sources, output, action);
            return;
        }

        // One stream of work: a device gains nothing from two chunks at one time.
        lock (_deviceLock)
        {
            if (_memory is null || _memory.ByteLength < shape.Bytes)
            {
                _memory?.Dispose();
                _memory = null;
                _memory = Device.Allocate(shape.Bytes);
            }

            for (int k = 0; reads && k < inputs.Count; k++)
            {
                if (inputs[k] is not null) Device.Upload<float>(Part(chunk.Memory!, shape, k, chunk.Length).HostSpan, Part(_memory, shape, k, chunk.Length));
            }

            Call(_memory, chunk, shape, inputs, sources, output, action);
            if (output) Device.Download(Part(_memory, shape, inputs.Count, chunk.Length), Part(chunk.Memory!, shape, inputs.Count, chunk.Length).HostSpan);
        }
    }

    /// <summary>Runs what uses the device between chunks.</summary>
    public void Run(Action action)
    {
        if (_host is null)
        {
            action();
            return;
        }

        lock (_deviceLock) action();
    }

    /// <summary>Memory of one input of a chunk; the output's is behind the last.</summary>
    public static DeviceSpan<float> Part(DeviceBuffer memory, in ChunkShape shape, int number, long length) => memory.AsSpan<float>().Slice(number * shape.Stride, length);

    public void Dispose()
    {
        _memory?.Dispose();
        _host?.Dispose();
    }

    private static void Call(DeviceBuffer memory, Chunk chunk, in ChunkShape shape, TensorInputs inputs, int sources, bool output, ChunkAction action)
    {
        var spans = new DeviceSpan<float>[inputs.Count];
        for (int k = 0; k < spans.Length; k++)
        {
            if (inputs[k] is not null) spans[k] = Part(memory, shape, k, chunk.Length);
        }

        action(new TensorChunk(chunk.First, spans.AsSpan(0, sources), output ? Part(memory, shape, inputs.Count, chunk.Length) : default, spans.AsSpan(sources)));
    }
}
