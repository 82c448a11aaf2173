using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cpu.Kernels;

/// <summary>
/// Working memory of a device's kernels: one aligned block that grows to the largest request and stays. Its content lasts for
/// one operation, which holds <see cref="Lock"/> from its request to its last task: calls from several threads wait for each other.
/// </summary>
internal sealed unsafe class Workspace : IDisposable
{
    private float* _memory;
    private long _length;
    private bool _disposed;

    public Lock Lock { get; } = new();

    /// <summary>At least <paramref name="floats"/> elements of undefined content, aligned to 64 bytes.</summary>
    public float* Reserve(long floats)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (floats <= _length) return _memory;
        Free();
        long length = Align(floats + (floats / 4));
        _memory = (float*)NativeMemory.AlignedAlloc(checked((nuint)length * sizeof(float)), HostDevice.Alignment);
        _length = length;
        return _memory;
    }

    /// <summary>A number of elements rounded up to whole cache lines.</summary>
    public static long Align(long floats) => (floats + 15) / 16 * 16;

    public void Dispose()
    {
        lock (Lock)
        {
            _disposed = true;
            Free();
        }
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_memory);
        _memory = null;
        _length = 0;
    }
}
