using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>Scratch memory outside the garbage-collected heap, aligned to cache lines, that grows and never shrinks.</summary>
internal sealed unsafe class NativeBuffer : SafeHandle
{
    private nuint _floats;

    public NativeBuffer()
        : base(0, ownsHandle: true)
    {
    }

    public override bool IsInvalid => handle == 0;

    /// <summary>Room for at least <paramref name="floats"/> floats; what was there before is lost when it grows.</summary>
    public float* Get(nint floats)
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        if ((nuint)floats > _floats)
        {
            nuint size = ((nuint)floats + 1023) & ~(nuint)1023;
            NativeMemory.AlignedFree((void*)handle);
            handle = 0;
            _floats = 0;
            handle = (nint)NativeMemory.AlignedAlloc(size * sizeof(float), 64);
            _floats = size;
        }
        return (float*)handle;
    }

    protected override bool ReleaseHandle()
    {
        NativeMemory.AlignedFree((void*)handle);
        return true;
    }
}
