using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cpu.Kernels;

/// <summary>
/// Working memory of a device's kernels: one aligned block that grows to the largest request and stays. Its content lasts for
/// one operation; calls on a device are ordered, so nobody else uses it meanwhile.
/// </summary>
internal sealed unsafe class Workspace : IDisposable
{
    private float* _memory;
    private long _length;

    /// <summary>At least <paramref name="floats"/> elements of undefined content, aligned to 64 bytes.</summary>
    public float* Reserve(long floats)
    {
        if (floats <= _length) return _memory;
        Dispose();
        long length = Align(floats + (floats / 4));
        _memory = (float*)NativeMemory.AlignedAlloc(checked((nuint)length * sizeof(float)), HostDevice.Alignment);
        _length = length;
        return _memory;
    }

    /// <summary>A number of elements rounded up to whole cache lines.</summary>
    public static long Align(long floats) => (floats + 15) / 16 * 16;

    public void Dispose()
    {
        NativeMemory.AlignedFree(_memory);
        _memory = null;
        _length = 0;
    }
}
