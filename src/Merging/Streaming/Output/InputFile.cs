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
    private readonly FileStamp stamp;
    private readonly FileStamp? place;
    private readonly bool borrows;
    private Action<int, ReadOnlyMemory<byte>>? noting;

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

        (stamp, place, hash) = Describe(hashing);
    }

    /// <summary>A file of weights that is open already and stays so while this is used: opened again it would count twice against the limit on open files.</summary>
    /// <param name="file">The file.</param>
    /// <param name="hashing">False to note no hash.</param>
    public InputFile(SafetensorsFile file, bool hashing = true)
    {
        (FilePath, handle, borrows) = (file.FilePath, file.Handle, true);
        (stamp, place, hash) = Describe(hashing);
    }

    public string FilePath { get; }

    /// <summary>Bytes when it was opened.</summary>
    public long Length => stamp.Length;

    /// <summary>When it was changed last before it was opened.</summary>
    public DateTime Modified => stamp.Modified;

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

    /// <summary>Tells of each piece of 16 MiB whose digest is known, those that are known already first.</summary>
    /// <param name="note">Takes the number of the piece and its digest, on the thread that completed it; null to tell nobody any more.</param>
    internal void NotePieces(Action<int, ReadOnlyMemory<byte>>? note)
    {
        noting = note;
        if (note is null || hash is null) return;
        for (int piece = 0; piece < hash.PieceCount; piece++)
        {
            if (hash.DigestOf(piece) is { } digest) note(piece, digest);
        }
    }

    /// <summary>Reads a piece and takes it over, if it has a digest that was noted when it was read before: it need not be hashed again.</summary>
    /// <returns>Whether it has.</returns>
    internal bool TryRestore(int piece, byte[] digest, CancellationToken cancellation)
    {
        if (!PieceDigest.Of(Read, Length, piece, cancellation).AsSpan().SequenceEqual(digest)) return false;
        hash?.Restore(piece, digest);
        return true;
    }

    /// <summary>The file's hash; null where it is not hashed.</summary>
    /// <remarks>
    /// Length and time of a file that is written to and then given its old time are what they were, but not its status, which changes with its names and rights too. There the bytes are
    /// asked: read again, they must have the hash of those that were read.
    /// </remarks>
    /// <exception cref="SafetensorsException">The file is not what it was when it was opened.</exception>
    internal FileHash? FinishHash(int threads, CancellationToken cancellation)
    {
        hash?.Finish(threads, cancellation);
        bool same = LooksUnchanged(out bool untouched);
        FileHash? found = hash is null ? null : StreamedHash.Root(hash.Digests());
        if (!same || (!untouched && (found is null || HashAtPath(threads, cancellation) != found))) throw Fail();
        return found;
    }

    /// <summary>For a merge that has failed in a way that bytes which change would explain.</summary>
    /// <exception cref="SafetensorsException">The file is not what it was when it was opened.</exception>
    internal void RequireUnchanged()
    {
        if (!LooksUnchanged(out bool untouched) || !untouched) throw Fail();
    }

    private (FileStamp Stamp, FileStamp? Place, StreamedHash? Hash) Describe(bool hashing)
    {
        FileStamp found = FileStamp.Of(handle);
        return (found, FileStamp.At(FilePath), hashing ? StreamedHash.Create(found.Length, (offset, bytes) => FileBytes.Fill(handle, FilePath, offset, bytes), (piece, digest) => noting?.Invoke(piece, digest)) : null);
    }

    /// <param name="untouched">Whether nothing at all has happened to it, and its path leads to it: another file may have been renamed there.</param>
    /// <returns>Whether length and time are what they were, here and at the path.</returns>
    private bool LooksUnchanged(out bool untouched)
    {
        FileStamp own = FileStamp.Of(handle);
        FileStamp? there = FileStamp.At(FilePath);
        untouched = own == stamp && there == place;
        return own.HasLengthAndTimeOf(stamp) && there?.HasLengthAndTimeOf(stamp) == true;
    }

    /// <summary>The hash of what the path leads to now.</summary>
    private FileHash? HashAtPath(int threads, CancellationToken cancellation)
    {
        using var again = new InputFile(FilePath);
        if (again.Length != Length) return null;
        again.hash!.Finish(threads, cancellation);
        return StreamedHash.Root(again.hash.Digests());
    }

    private SafetensorsException Fail() => new(hash is null && LooksUnchanged(out _)
        ? $"{FilePath}: its bytes, its names or its rights were changed while it was read, which cannot be told apart without hashes, expected an input that stays as it is."
        : $"{FilePath}: was changed while it was read, expected an input that stays as it is.");
}
