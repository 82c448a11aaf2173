namespace MergeEngine.Merging.Streaming.Output;

/// <summary>Bytes of a file that a merge reads.</summary>
/// <param name="File">The file.</param>
/// <param name="First">The first of them, counted from the start of the file.</param>
/// <param name="Length">How many.</param>
public readonly record struct InputRange(InputFile File, long First, long Length);
