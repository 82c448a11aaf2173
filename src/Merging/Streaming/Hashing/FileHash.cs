namespace MergeEngine.Merging.Streaming.Hashing;

/// <summary>How a file is hashed.</summary>
internal enum FileHashKind
{
    /// <summary>SHA-256, which <c>sha256sum</c> prints: files of at most one piece.</summary>
    Sha256,

    /// <summary>BLAKE3, which <c>b3sum</c> prints: larger files, whose parts many threads can hash at once, in any order.</summary>
    Blake3,
}

/// <summary>The hash of a file.</summary>
/// <param name="Kind">By its length.</param>
/// <param name="Text">64 hexadecimal digits.</param>
internal readonly record struct FileHash(FileHashKind Kind, string Text)
{
    /// <summary>How a file of this length is hashed.</summary>
    public static FileHashKind KindOf(long length) => length <= StreamedHash.PieceBytes ? FileHashKind.Sha256 : FileHashKind.Blake3;

    /// <summary>The name that people know it by.</summary>
    public static string NameOf(FileHashKind kind) => kind == FileHashKind.Sha256 ? "SHA-256" : "BLAKE3";
}
