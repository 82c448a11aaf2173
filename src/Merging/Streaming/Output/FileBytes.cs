using MergeEngine.Tensors.Safetensors;
using Microsoft.Win32.SafeHandles;

namespace MergeEngine.Merging.Streaming.Output;

/// <summary>Reads exactly as many bytes as were asked for.</summary>
internal static class FileBytes
{
    /// <exception cref="SafetensorsException">The file ends before.</exception>
    public static void Fill(SafeFileHandle handle, string path, long offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int read = RandomAccess.Read(handle, destination, offset);
            if (read == 0) throw new SafetensorsException($"{path}: the file ends at byte {offset}, expected {destination.Length} more.");
            destination = destination[read..];
            offset += read;
        }
    }
}
