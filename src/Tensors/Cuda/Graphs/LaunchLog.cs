using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Graphs;

/// <summary>
/// What a piece of work would give to the stream, byte for byte: kernels with their grids and arguments, products with their plans and
/// operands. Two runs with equal logs do the same to the same memory.
/// </summary>
internal sealed class LaunchLog
{
    private byte[] _bytes = new byte[4096];
    private int _length;

    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    public void Clear() => _length = 0;

    /// <summary>Writes a value down as it lies in memory; structs must have no padding that is not set.</summary>
    public void Add<T>(in T value)
        where T : unmanaged
    {
        int size = Unsafe.SizeOf<T>();
        if (_bytes.Length - _length < size) Array.Resize(ref _bytes, Math.Max(2 * _bytes.Length, _length + size));
        MemoryMarshal.Write(_bytes.AsSpan(_length), value);
        _length += size;
    }
}
