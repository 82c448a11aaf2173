namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// Memory of the calling thread for pointer lists, partial sums and tables. It grows to the largest request and is then reused, so that a
/// repeated call allocates nothing. What an operation holds here must not outlive it: the next one overwrites it.
/// </summary>
internal static unsafe class Scratch
{
    [ThreadStatic]
    private static byte[]? t_memory;

    /// <summary>At least <paramref name="bytes"/> bytes, aligned to 64, with any content.</summary>
    public static byte* Require(long bytes)
    {
        byte[]? memory = t_memory;
        if (memory is null || memory.Length < bytes + 64)
        {
            // Pinned, so that the address stays what it is.
            memory = GC.AllocateUninitializedArray<byte>(checked((int)Math.Max((bytes * 5 / 4) + 64, 4096)), pinned: true);
            t_memory = memory;
        }

        nint address = (nint)System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(memory, 0);
        return (byte*)((address + 63) & ~63);
    }

    /// <summary>Bytes of a list of <paramref name="count"/> pointers, rounded up so that what follows is aligned.</summary>
    public static long PointerBytes(int count) => ((long)count * sizeof(float*) + 63) & ~63L;

    /// <summary>Writes the addresses of <paramref name="vectors"/> to <paramref name="memory"/>.</summary>
    public static float** Pointers(byte* memory, ReadOnlySpan<DeviceSpan<float>> vectors)
    {
        float** pointers = (float**)memory;
        for (int k = 0; k < vectors.Length; k++) pointers[k] = vectors[k].Pointer;
        return pointers;
    }
}
