using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using MergeEngine.Tensors.Cuda.Kernels;
using MergeEngine.Tensors.Cuda.Memory;

namespace MergeEngine.Tensors.Cuda;

/// <content>Lists of vectors: in a kernel's arguments up to <see cref="VectorKernels.InlineList"/>, longer ones in device memory.</content>
internal sealed partial class CudaOperations
{
    /// <summary>Host memory of the list that is being made; it grows to the longest. Used inside the gate.</summary>
    private byte[] _listMemory = [];

    /// <summary>Bytes of a list in device memory, 0 for one that travels in the arguments.</summary>
    private static long TableBytes<TEntry>(int count)
        where TEntry : unmanaged => count <= VectorKernels.InlineList ? 0 : ScratchLayout.Aligned((long)count * Unsafe.SizeOf<TEntry>());

    /// <summary>Where to write a list's entries: the arguments' own place, or host memory from where <see cref="WriteTable"/> takes them.</summary>
    private Span<TEntry> ListOf<TEntry>(Span<TEntry> inline, int count)
        where TEntry : unmanaged
    {
        if (count <= inline.Length) return inline[..count];
        int bytes = checked(count * Unsafe.SizeOf<TEntry>());
        if (_listMemory.Length < bytes) _listMemory = new byte[Math.Max(bytes, 2 * _listMemory.Length)];
        return MemoryMarshal.Cast<byte, TEntry>(_listMemory.AsSpan(0, bytes));
    }

    /// <summary>Writes a list to device memory, by launches that carry it in their arguments.</summary>
    private void WriteTable<TEntry>(nint target, ReadOnlySpan<TEntry> entries)
        where TEntry : unmanaged
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<TEntry, ulong>(entries);
        for (int start = 0; start < words.Length; start += VectorKernels.TableWords)
        {
            ReadOnlySpan<ulong> part = words.Slice(start, Math.Min(VectorKernels.TableWords, words.Length - start));
            var arguments = new WriteTableArguments { Target = target + (start * sizeof(ulong)), Count = part.Length };
            part.CopyTo(arguments.Words);
            Launch(VectorKernels.WriteTable, new Grid(1), arguments);
        }
    }
}
