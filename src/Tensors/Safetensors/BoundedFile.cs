namespace MergeEngine.Tensors.Safetensors;

/// <summary>Reads files of text whole, but never without end: pipes and devices such as <c>/dev/zero</c> have no length to be asked for.</summary>
public static class BoundedFile
{
    private const int Piece = 1 << 16;

    /// <param name="path">A file, or a pipe or device that ends.</param>
    /// <param name="mostBytes">The most bytes that are read.</param>
    /// <returns>All bytes; null if there are more than <paramref name="mostBytes"/>.</returns>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read by this user.</exception>
    public static MemoryStream? Read(string path, long mostBytes)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        // The length of a device is 0, or no question at all.
        long known = stream.CanSeek ? stream.Length : 0;
        if (known > mostBytes) return null;
        var bytes = new MemoryStream((int)Math.Min(known, Array.MaxLength));
        byte[] piece = new byte[Piece];
        while (stream.Read(piece) is > 0 and int count)
        {
            if (bytes.Length + count > mostBytes) return null;
            bytes.Write(piece, 0, count);
        }

        bytes.Position = 0;
        return bytes;
    }
}
