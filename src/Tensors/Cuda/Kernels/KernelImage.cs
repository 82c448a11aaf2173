using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>Compiled kernels as the driver takes them, in memory that stays where it is: PTX, a cubin or a fatbin.</summary>
internal sealed unsafe class KernelImage
{
    private readonly void* _start;
    private readonly int _length;

    /// <summary>Keeps the memory alive.</summary>
    private readonly object _owner;

    private KernelImage(string description, void* start, int length, object owner)
    {
        Description = description;
        _start = start;
        _length = length;
        _owner = owner;
    }

    /// <summary>What it is, in a sentence: "part 'loss' of the kernels".</summary>
    public string Description { get; }

    /// <summary>NUL-terminated where it is text, as the driver wants it.</summary>
    public ReadOnlySpan<byte> Bytes
    {
        get
        {
            GC.KeepAlive(_owner);
            return new(_start, _length);
        }
    }

    /// <summary>A resource of a loaded assembly, which is mapped memory.</summary>
    public static KernelImage Of(UnmanagedMemoryStream resource, string description) =>
        new(description, resource.PositionPointer, checked((int)resource.Length), resource);

    /// <summary>A copy with one NUL more, which harms no image, and text needs it.</summary>
    public static KernelImage Of(ReadOnlySpan<byte> bytes, string description)
    {
        byte[] copy = GC.AllocateArray<byte>(bytes.Length + 1, pinned: true);
        bytes.CopyTo(copy);
        return new(description, Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(copy)), copy.Length, copy);
    }
}
