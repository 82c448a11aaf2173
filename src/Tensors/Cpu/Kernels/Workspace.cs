using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cpu.Kernels;

/// <summary>
/// Working memory of kernels outside the garbage-collected heap: one block, aligned to cache lines, that grows to the largest request and
/// stays. Its content lasts for one operation; who shares it between threads holds a lock from the request to the last task.
/// </summary>
internal sealed unsafe class Workspace : SafeHandle
{
    private long _length;

    public Workspace()
        : base(0, ownsHandle: true)
    {
    }

    public override bool IsInvalid => handle == 0;

    /// <summary>At least <paramref name="floats"/> elements of undefined content.</summary>
    /// <exception cref="ObjectDisposedException">The device has been disposed.</exception>
    public float* Reserve(long floats)
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        if (floats > _length)
        {
            long length = Align(floats + (floats / 4));
            NativeMemory.AlignedFree((void*)handle);
            handle = 0;
            _length = 0;
            handle = (nint)NativeMemory.AlignedAlloc(checked((nuint)length * sizeof(float)), HostDevice.Alignment);
            _length = length;
        }

        return (float*)handle;
    }

    /// <summary>A number of elements rounded up to whole cache lines.</summary>
    public static long Align(long floats) => (floats + 15) / 16 * 16;

    protected override bool ReleaseHandle()
    {
        NativeMemory.AlignedFree((void*)handle);
        return true;
    }
}
