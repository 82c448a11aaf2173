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

    /// <summary>What it has taken from the system.</summary>
    public long Bytes => _length * sizeof(float);

    /// <summary>At least <paramref name="floats"/> elements of undefined content.</summary>
    /// <param name="floats">Elements of 4 bytes.</param>
    /// <param name="exactly">Whether a block that must grow gets no spare room for later requests: for memory that somebody has counted.</param>
    /// <exception cref="ObjectDisposedException">The device has been disposed.</exception>
    public float* Reserve(long floats, bool exactly = false)
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        if (floats > _length)
        {
            long length = Align(exactly ? floats : floats + (floats / 4));
            Free();
            long bytes = checked(length * sizeof(float));
            handle = HostMemory.Allocate(bytes, HostDevice.Alignment, isReused: true);
            if (handle == 0) throw new InsufficientMemoryException($"There is no memory for the {bytes} bytes that a kernel works with.");
            _length = length;
        }

        return (float*)handle;
    }

    /// <summary>A number of elements rounded up to whole cache lines.</summary>
    public static long Align(long floats) => (floats + 15) / 16 * 16;

    protected override bool ReleaseHandle()
    {
        Free();
        return true;
    }

    private void Free()
    {
        if (handle != 0) HostMemory.Free(handle, Bytes, isReused: true);
        (handle, _length) = (0, 0);
    }
}
