using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Output;

/// <content>What the file system says, for people.</content>
public sealed partial class OutputDirectory
{
    /// <summary>EROFS, which .NET hands on as it is.</summary>
    private const int ReadOnlyFileSystem = 30;

    /// <summary>A failure of the file system as one sentence; null for anything else.</summary>
    private static SafetensorsException? Explain(Exception exception, OutputPath place, long? needed)
    {
        Exception cause = exception is AggregateException { InnerException: { } inner } ? inner : exception;
        if (cause is SafetensorsException known) return known;
        if (cause is UnauthorizedAccessException) return new SafetensorsException($"{place.Given}: cannot be written because this user may not write in {place.Holder}.", cause);
        // What .NET makes of EFBIG where a file gets its length.
        if (cause is ArgumentOutOfRangeException { ParamName: "value" })
            return new SafetensorsException($"{place.Given}: cannot be written because a file of it is larger than the file system or the limit on files (ulimit -f) allows.", cause);
        if (cause is not IOException) return null;
        if (cause.HResult == ReadOnlyFileSystem) return new SafetensorsException($"{place.Given}: cannot be written because its file system can only be read.", cause);
        // A file system without any room, such as /proc, is none for files, and says better what is wrong with it.
        if (needed is { } bytes && FreeSpace(place.Parent) is > 0 and var free && free < bytes) return NoRoom(place, bytes, free, cause);
        return new SafetensorsException($"{place.Given}: cannot be written ({cause.Message.TrimEnd('.')}).", cause);
    }

    private static SafetensorsException NoRoom(OutputPath place, long needed, long free, Exception? cause = null) =>
        new($"{place.Given}: cannot be written ({needed} bytes are needed and {free} are free).", cause!);

    /// <summary>Bytes that this user may still write on the disk of a directory; null where the system cannot tell.</summary>
    internal static long? FreeSpace(string directory)
    {
        try
        {
            return new DriveInfo(directory).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }
}
