using System.Buffers;
using MergeEngine.Merging.Streaming.Hashing.Blake3;
using MergeEngine.Merging.Streaming.Hashing.Sha2;

namespace MergeEngine.Merging.Streaming.Hashing;

/// <summary>The digest of one piece that is read from its file, as <see cref="StreamedHash"/> finds it while the bytes pass by.</summary>
internal static class PieceDigest
{
    private const int ReadBytes = 1 << 18;

    /// <param name="read">Fills a span from the file.</param>
    /// <param name="fileLength">The file's length in bytes.</param>
    /// <param name="piece">Which piece.</param>
    /// <param name="cancellation">Stops between two blocks of 256 KiB.</param>
    public static byte[] Of(StreamedHash.ReadAt read, long fileLength, int piece, CancellationToken cancellation = default)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
        try
        {
            long first = (long)piece * StreamedHash.PieceBytes, end = first + StreamedHash.LengthOf(piece, fileLength);
            bool plain = FileHash.KindOf(fileLength) == FileHashKind.Sha256;
            using var sha256 = plain ? Sha256State.Create() : null;
            byte[] nodes = new byte[plain ? 0 : HashTree.ChunksOf(end - first) * HashConstants.ValueBytes];
            for (long at = first; at < end; at += ReadBytes)
            {
                cancellation.ThrowIfCancellationRequested();
                Span<byte> block = buffer.AsSpan(0, (int)Math.Min(ReadBytes, end - at));
                read(at, block);
                if (sha256 is not null) sha256.Append(block);
                else HashTree.Default.Leaves(block, at / HashConstants.ChunkBytes, nodes.AsSpan((int)(at - first) / HashConstants.ChunkBytes * HashConstants.ValueBytes));
            }

            if (sha256 is not null) return sha256.Finish();
            HashTree.Default.Join(nodes);
            return nodes[..HashConstants.ValueBytes];
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
