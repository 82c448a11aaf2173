using System.Globalization;
using MergeEngine.Merging.Streaming.Hashing;
using MergeEngine.Tensors.Safetensors;
using Microsoft.Win32.SafeHandles;

namespace MergeEngine.Merging.Streaming.Output;

/// <summary>
/// A file that a merge reads: its size, time and hash go to the manifest, and it must stay as it is while it is read. Bytes are hashed as
/// they pass by (<see cref="Passed"/>), in any order and from any thread; what did not pass by is read at the end.
/// </summary>
public sealed class InputFile : IDisposable
{
    private readonly SafeFileHandle handle;
    private readonly StreamedHash? hash;
    private readonly bool borrows;

    /// <param name="path">The file; its name as given goes to the manifest.</param>
    /// <param name="hashing">False to note no hash.</param>
    /// <exception cref="SafetensorsException">It cannot be opened.</exception>
    public InputFile(string path, bool hashing = true)
    {
        FilePath = path;
        try
        {
            if (OutputTarget.ComplaintOf(path) is { } complaint) throw new SafetensorsException($"{path}: {complaint}, expected a file.");
            handle = File.OpenHandle(path);
        }
        catch (Exception e) when (e is UnauthorizedAccessException || (e is IOException && e is not SafetensorsException))
        {
            if (OpenFileLimit.IsCauseOf(e)) throw OpenFileLimit.Explain(path, (IOException)e);
            throw new SafetensorsException($"{path}: cannot be opened ({e.Message.TrimEnd('.')}), expected a file to read.", e);
        }

        (Length, Modified, hash) = Describe(hashing);
    }

    /// <summary>A file of weights that is open already and stays so while this is used: opened again it would count twice against the limit on open files.</summary>
    /// <param name="file">The file.</param>
    /// <param name="hashing">False to note no hash.</param>
    public InputFile(SafetensorsFile file, bool hashing = true)
    {
        (FilePath, handle, borrows) = (file.FilePath, file.Handle, true);
        (Length, Modified, hash) = Describe(hashing);
    }

    public string FilePath { get; }

    /// <summary>Bytes when it was opened.</summary>
    public long Length { get; }

    /// <summary>When it was changed last before it was opened.</summary>
    public DateTime Modified { get; }

    /// <summary>Bytes of this file that were just read. Reading the same bytes again, as a second pass does, costs nothing.</summary>
    /// <param name="offset">Counted from the start of the file.</param>
    /// <param name="bytes">What stands there.</param>
    /// <returns>How many of the bytes are new.</returns>
    public long Passed(long offset, ReadOnlySpan<byte> bytes) => hash?.Add(offset, bytes) ?? 0;

    /// <summary>Reads bytes of the file, past any cache of this class; they are not hashed by it.</summary>
    internal void Read(long offset, Span<byte> destination) => FileBytes.Fill(handle, FilePath, offset, destination);

    public void Dispose()
    {
        if (!borrows) handle.Dispose();
    }

    /// <summary>Bytes that were read for the hash alone.</summary>
    internal long ReadAgain => hash?.ReadAgain ?? 0;

    internal string Time => Modified.ToString("O", CultureInfo.InvariantCulture);

    /// <summary>The file's hash; null where it is not hashed.</summary>
    /// <exception cref="SafetensorsException">The file is not what it was when it was opened.</exception>
    internal FileHash? FinishHash(int threads, CancellationToken cancellation)
    {
        hash?.Finish(threads, cancellation);
        RequireUnchanged();
        return hash is null ? null : StreamedHash.Root(hash.Digests());
    }

    /// <exception cref="SafetensorsException">The file is not what it was when it was opened.</exception>
    internal void RequireUnchanged()
    {
        if (RandomAccess.GetLength(handle) != Length || File.GetLastWriteTimeUtc(handle) != Modified || !IsSameAtPath())
            throw new SafetensorsException($"{FilePath}: was changed while it was read, expected an input that stays as it is.");
    }

    private (long Length, DateTime Modified, StreamedHash? Hash) Describe(bool hashing)
    {
        long length = RandomAccess.GetLength(handle);
        return (length, File.GetLastWriteTimeUtc(handle), hashing ? StreamedHash.Create(length, (offset, bytes) => FileBytes.Fill(handle, FilePath, offset, bytes)) : null);
    }

    /// <summary>Another file may have been renamed to its path.</summary>
    private bool IsSameAtPath() => File.Exists(FilePath) && new FileInfo(FilePath) is var info
        && (info.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? info) is var file && file.Length == Length && file.LastWriteTimeUtc == Modified;
}
