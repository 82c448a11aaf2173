using MergeEngine.Merging.Methods.Statistics;
using MergeEngine.Tensors;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// Device memory for pieces of a chunk, small enough for a processor's caches: differences and masks are made, used and forgotten a piece at a time, so that
/// memory does not depend on the chunk.
/// </summary>
internal sealed class Tiles : IDisposable
{
    /// <summary>Elements of a piece, unless a row has more.</summary>
    private const long Most = 64 * 1024;

    private readonly Scratch<float>[] _floats;
    private readonly Scratch<byte>[] _masks;
    private readonly DeviceSpan<float>[] _slices;
    private readonly long _length;
    private readonly long _tensor;

    /// <param name="task">The tensor.</param>
    /// <param name="unit">A piece is a multiple of it.</param>
    /// <param name="floats">Pieces of float32 that are held at one time.</param>
    /// <param name="masks">Masks that are held at one time.</param>
    /// <param name="inputs">Inputs that are looked at together.</param>
    public Tiles(TensorTask task, long unit, int floats, int masks, int inputs)
    {
        _tensor = task.Length;
        _length = Math.Max(Most / unit, 1) * unit;
        _floats = Make<float>(task.Device, floats);
        _masks = Make<byte>(task.Device, masks);
        _slices = new DeviceSpan<float>[inputs];
    }

    /// <summary>Bytes of all pieces.</summary>
    public long Bytes => Math.Min(_length, _tensor) * ((sizeof(float) * (long)_floats.Length) + _masks.Length);

    /// <summary>How many units, such as rows, a piece has at most.</summary>
    public long UnitsOf(long unit) => Math.Max(_length / unit, 1);

    /// <summary>Length of the piece of a chunk that starts at <paramref name="start"/>.</summary>
    public long Next(long start, long length) => Math.Min(_length, length - start);

    public DeviceSpan<float> Float(int number, long length) => _floats[number].Take(length);

    public DeviceSpan<byte> Mask(int number, long length) => _masks[number].Take(length);

    /// <summary>A piece of some inputs. Good until the next call.</summary>
    public ReadOnlySpan<DeviceSpan<float>> Slice(in TensorChunk chunk, IReadOnlyList<int> inputs, long start, long length)
    {
        for (int k = 0; k < inputs.Count; k++) _slices[k] = chunk.Inputs[inputs[k]].Slice(start, length);
        return _slices.AsSpan(0, inputs.Count);
    }

    public void Dispose()
    {
        foreach (Scratch<float> scratch in _floats) scratch.Dispose();
        foreach (Scratch<byte> scratch in _masks) scratch.Dispose();
    }

    private static Scratch<T>[] Make<T>(Device device, int count)
        where T : unmanaged
    {
        var all = new Scratch<T>[count];
        for (int i = 0; i < count; i++) all[i] = new Scratch<T>(device);
        return all;
    }
}
