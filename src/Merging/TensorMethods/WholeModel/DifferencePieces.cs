using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Methods.Statistics;
using MergeEngine.Tensors;

namespace MergeEngine.Merging.TensorMethods.WholeModel;

/// <summary>
/// Cuts the chunks of tensors into pieces that fit a processor's caches and takes the differences τ_k = x_k − base there: what a statistic over task vectors
/// wants to see. Memory does not depend on the chunk.
/// </summary>
internal sealed class DifferencePieces : IDisposable
{
    private const long Most = 128 * 1024;

    private readonly Device _device;
    private readonly Scratch<float>[] _floats;
    private readonly Scratch<double>[] _keys;
    private readonly Scratch<byte>[] _masks;
    private readonly DeviceSpan<float>[] _differences;
    private readonly DeviceSpan<float>[] _inputs;
    private readonly DeviceSpan<float>[] _companions;
    private readonly long _longest;

    /// <param name="device">Where the chunks lie.</param>
    /// <param name="models">Number of differences.</param>
    /// <param name="longest">Elements of the largest tensor.</param>
    /// <param name="floats">Further vectors of float32 that are held.</param>
    /// <param name="keys">Vectors of float64.</param>
    /// <param name="masks">Masks.</param>
    public DifferencePieces(Device device, int models, long longest, int floats = 0, int keys = 0, int masks = 0)
    {
        _device = device;
        _longest = longest;
        _floats = [.. Enumerable.Range(0, models + floats).Select(_ => new Scratch<float>(device))];
        _keys = [.. Enumerable.Range(0, keys).Select(_ => new Scratch<double>(device))];
        _masks = [.. Enumerable.Range(0, masks).Select(_ => new Scratch<byte>(device))];
        (_differences, _inputs, _companions) = (new DeviceSpan<float>[models], new DeviceSpan<float>[models], new DeviceSpan<float>[models]);
    }

    /// <summary>Bytes that are held at most.</summary>
    public long Bytes => Math.Min(Most, _longest) * ((sizeof(float) * (long)_floats.Length) + (sizeof(double) * (long)_keys.Length) + _masks.Length);

    /// <summary>Length of the piece of a chunk that starts at <paramref name="start"/>.</summary>
    public static long Next(long start, long length) => Math.Min(Most, length - start);

    /// <summary>Further memory, from number 0.</summary>
    public DeviceSpan<float> Float(int number, long length) => _floats[_differences.Length + number].Take(length);

    public DeviceSpan<double> Key(int number, long length) => _keys[number].Take(length);

    public DeviceSpan<byte> Mask(int number, long length) => _masks[number].Take(length);

    /// <summary>A piece with its differences, and the models' companions where they all have one. Good until the next call.</summary>
    public MergeChunk Differences(TensorTask tensor, in TensorChunk chunk, long start, long length)
    {
        DeviceSpan<float> origin = chunk.Inputs[tensor.Base].Slice(start, length);
        ReadOnlySpan<DeviceSpan<float>> inputs = Inputs(tensor, chunk, start, length);
        for (int k = 0; k < inputs.Length; k++)
        {
            _differences[k] = _floats[k].Take(length);
            _device.Operations.Subtract(_differences[k], inputs[k], origin);
        }

        return new MergeChunk(
            tensor.FirstIndex + chunk.FirstIndex + start, origin, _differences, HasCompanions(tensor, chunk) ? Companions(tensor, chunk, start, length) : [],
            chunk.Output.IsNone ? default : chunk.Output.Slice(start, length));
    }

    /// <summary>The models' values as they are. Good until the next call.</summary>
    public ReadOnlySpan<DeviceSpan<float>> Inputs(TensorTask tensor, in TensorChunk chunk, long start, long length)
    {
        for (int k = 0; k < _inputs.Length; k++) _inputs[k] = chunk.Inputs[tensor.Parameters.Models[k]].Slice(start, length);
        return _inputs;
    }

    /// <summary>Whether every model's file has the tensor.</summary>
    public static bool HasCompanions(TensorTask tensor, in TensorChunk chunk)
    {
        if (chunk.Companions.Length == 0) return false;
        foreach (int model in tensor.Parameters.Models)
        {
            if (chunk.Companions[model].IsNone) return false;
        }

        return true;
    }

    public void Dispose()
    {
        foreach (Scratch<float> scratch in _floats) scratch.Dispose();
        foreach (Scratch<double> scratch in _keys) scratch.Dispose();
        foreach (Scratch<byte> scratch in _masks) scratch.Dispose();
    }

    private DeviceSpan<float>[] Companions(TensorTask tensor, in TensorChunk chunk, long start, long length)
    {
        for (int k = 0; k < _companions.Length; k++) _companions[k] = chunk.Companions[tensor.Parameters.Models[k]].Slice(start, length);
        return _companions;
    }
}
