namespace MergeEngine.Merging.Streaming.Output;

/// <summary>Where tests stop a write, or make it fail.</summary>
internal enum OutputStep
{
    Created,
    Allocated,
    Written,
    PieceNoted,
    FilesSynced,
    ManifestWritten,
    FilesNamed,
    Renamed,
}
