namespace MergeEngine.Merging.Streaming.Hashing.Blake3;

/// <summary>The numbers of the BLAKE3 specification (O'Connor, Aumasson, Neves, Wilcox-O'Hearn: “BLAKE3: one function, fast everywhere”, 2020, section 2).</summary>
internal static class HashConstants
{
    /// <summary>Bytes that one compression takes in.</summary>
    public const int BlockBytes = 64;

    /// <summary>Bytes of a leaf of the tree; the last one may be shorter.</summary>
    public const int ChunkBytes = 1024;

    /// <summary>Bytes of a chaining value, which is what a node gives its parent, and of a hash.</summary>
    public const int ValueBytes = 32;

    public const int Rounds = 7;

    /// <summary>Flag of the first block of a chunk.</summary>
    public const uint ChunkStart = 1;

    /// <summary>Flag of the last block of a chunk.</summary>
    public const uint ChunkEnd = 2;

    /// <summary>Flag of a node whose block is the chaining values of its two children.</summary>
    public const uint Parent = 4;

    /// <summary>Flag of the last compression of all.</summary>
    public const uint Root = 8;

    /// <summary>Table 1: the initial chaining value, that of SHA-256.</summary>
    public static ReadOnlySpan<uint> Initial => [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19];

    /// <summary>Table 2: word i of the next round's message is word Permutation[i] of this one's.</summary>
    public static ReadOnlySpan<byte> Permutation => [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];

    /// <summary>The permutation repeated: which of the block's words each step of each round takes.</summary>
    public static ReadOnlySpan<byte> Schedule =>
    [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8,
        3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1,
        10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6,
        12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4,
        9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7,
        11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13,
    ];
}
