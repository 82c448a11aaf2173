using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Output;

/// <summary>
/// The temporary directory of a merge, <c>.NAME.merge-engine.partial</c>, as something that is found: what a stopped merge has left is removed or gone on with, and what somebody else
/// has put there is not touched. A merge's own has a journal, and beside it nothing but the model.
/// </summary>
internal static class PartialDirectory
{
    private static ReadOnlySpan<byte> JournalMark => "merge-engine journal "u8;

    /// <summary>Says that somebody else's things are in the way. Without the lock; what another merge makes and removes meanwhile is not taken for that.</summary>
    /// <exception cref="SafetensorsException">Something stands there that no merge has made.</exception>
    public static void RequirePossible(OutputPath place)
    {
        RequireLock(place);
        for (int look = 0; look < 3; look++)
        {
            // To take the lock for this would refuse a writer. Where its file stands, a writer is at work, or will find out what is in its way.
            if (!Path.Exists(place.Partial) || LooksOwn(place) || File.Exists(place.Lock)) return;
            Thread.Sleep(5);
        }

        throw Foreign(place, place.Partial);
    }

    /// <summary>Before the lock is taken, for its file goes when it is given back.</summary>
    /// <exception cref="SafetensorsException">Something stands in the lock's place that no merge has made.</exception>
    public static void RequireLock(OutputPath place)
    {
        if (!IsLockOwn(place)) throw Foreign(place, place.Lock);
    }

    /// <summary>With the lock, or what another merge is about to remove is taken for somebody else's.</summary>
    /// <exception cref="SafetensorsException">Something stands there that no merge has made.</exception>
    public static void RequireOwn(OutputPath place)
    {
        if (Path.Exists(place.Partial) && !IsOwn(place)) throw Foreign(place, place.Partial);
    }

    /// <summary>Removes, with the lock, what a merge has left, the journal last: whatever stops the removal, the rest is still known for a merge's own.</summary>
    /// <exception cref="SafetensorsException">Something stands there that no merge has made.</exception>
    public static void Remove(OutputPath place)
    {
        if (!Path.Exists(place.Partial)) return;
        RequireOwn(place);
        foreach (string folder in Directory.GetDirectories(place.Partial)) Directory.Delete(folder, recursive: true);
        File.Delete(place.Journal);
        Directory.Delete(place.Partial);
    }

    /// <summary>Bytes of files that a stopped merge has left, which the next one removes or goes on with; 0 where there are none, or they change meanwhile.</summary>
    public static long BytesOf(OutputPath place)
    {
        try
        {
            return Directory.Exists(place.Partial) ? new DirectoryInfo(place.Partial).EnumerateFiles("*", SearchOption.AllDirectories).Sum(f => f.Length) : 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }

    /// <summary>A lock is an empty file.</summary>
    public static bool IsLockOwn(OutputPath place) => !Directory.Exists(place.Lock) && new FileInfo(place.Lock) is not { Exists: true, Length: > 0 };

    /// <summary>Whether a merge has made what stands there; with the lock.</summary>
    public static bool IsOwn(OutputPath place)
    {
        if (!Directory.Exists(place.Partial) || new DirectoryInfo(place.Partial).LinkTarget is not null) return false;
        string[] folders = Directory.GetDirectories(place.Partial), files = Directory.GetFiles(place.Partial);
        // An exchange of names that is made in steps moves an older output aside.
        if (folders.Any(f => f != place.Model && f != $"{place.Model}.older") || files.Any(f => f != place.Journal)) return false;
        // A merge that is stopped before it has a journal has written nothing.
        return files.Length > 0 ? IsJournal(place.Journal) : folders.All(f => !Directory.EnumerateFileSystemEntries(f).Any());
    }

    private static bool LooksOwn(OutputPath place)
    {
        try
        {
            return IsOwn(place);
        }
        catch (Exception e) when (e is DirectoryNotFoundException or FileNotFoundException)
        {
            return false;
        }
    }

    private static bool IsJournal(string path)
    {
        Span<byte> start = stackalloc byte[JournalMark.Length];
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1);
            int count = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
            // All of it, or as much as was written before the process was killed.
            return JournalMark.StartsWith(start[..count]);
        }
        catch (IOException e) when (NameLock.IsHeld(e))
        {
            return true;
        }
    }

    private static SafetensorsException Foreign(OutputPath place, string path) =>
        new($"{place.Given}: cannot be written because {path} is in the way, which is a name for a merge's own work, and no merge made what stands there.");
}
