using System.Text;
using System.Text.Json;
using MergeEngine.Merging.Streaming.Hashing.Sha2;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Output;

/// <summary>
/// The notes of a merge that is under way: which merge it is, and the digests of 16 MiB pieces: of the outputs, those that are written, and of the inputs, those that were read. It is
/// held locked, so that two processes never write the same output.
/// </summary>
/// <remarks>
/// One line a note (<see cref="JournalLine"/>): <c>kind file piece digest check</c>, where check is the start of a SHA-256 over the line and the check before it, so that lines
/// cannot be changed, lost or moved unnoticed. A last line without its end is what a killed process leaves and is dropped; what a full disk has taken of a line
/// is removed at once, so that other threads' lines do not continue it. A line may reach the disk before its piece does: whoever goes on reads every piece again and
/// believes only its hash.
/// </remarks>
internal sealed class OutputJournal : IDisposable
{
    public const string FileName = "journal";

    private const string Title = "merge-engine journal 3";

    private static readonly string[] s_olderTitles = ["merge-engine journal 1", "merge-engine journal 2"];

    /// <summary>Far above what the pieces of any disk need, and a bound on what is read.</summary>
    private const long MaxByteLength = 1L << 30;

    private readonly Stream stream;
    private readonly Lock gate = new();
    private string check = Title;
    private bool closed;

    /// <param name="stream">The file, without a buffer.</param>
    internal OutputJournal(Stream stream) => this.stream = stream;

    /// <summary>Begins a journal; the file must not exist.</summary>
    public static OutputJournal Create(string path, JournalIdentity identity)
    {
        FileMode mode = FileMode.CreateNew;
        var journal = new OutputJournal(NameLock.Outwait(() =>
        {
            // A file stands there once its lock was refused.
            (FileMode now, mode) = (mode, FileMode.Open);
            return new FileStream(path, now, FileAccess.ReadWrite, FileShare.None, 1);
        }));
        try
        {
            journal.stream.Write(Encoding.UTF8.GetBytes($"{Title}\n{JsonSerializer.Serialize(identity, JournalJson.Default.JournalIdentity)}\n"));
            return journal;
        }
        catch
        {
            journal.Dispose();
            File.Delete(path);
            throw;
        }
    }

    /// <summary>Locks a journal that another run has left.</summary>
    /// <exception cref="IOException">It is in use, or cannot be opened.</exception>
    public static OutputJournal Open(string path) => new(NameLock.Outwait(() => new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None, 1)));

    /// <summary>Reads what is noted, and drops an unfinished last line.</summary>
    /// <returns>Null where the run was killed before it said which merge it was: it had written nothing.</returns>
    /// <exception cref="SafetensorsException">It is no journal, or was damaged.</exception>
    public (JournalIdentity Identity, List<JournalLine> Lines)? Read(string path)
    {
        if (stream.Length > MaxByteLength) throw new SafetensorsException($"{path}: the journal is {stream.Length} bytes long, expected at most {MaxByteLength}.");
        byte[] bytes = new byte[stream.Length];
        stream.Position = 0;
        stream.ReadExactly(bytes);
        int length = bytes.AsSpan().LastIndexOf((byte)'\n') + 1;
        string[] lines = Encoding.UTF8.GetString(bytes, 0, length).Split('\n')[..^1];
        if (lines.Length < 2 && Title.AsSpan().StartsWith(Encoding.UTF8.GetString(bytes.AsSpan(0, Math.Min(bytes.Length, Title.Length))))) return null;
        if (lines.Length > 0 && s_olderTitles.Contains(lines[0])) throw new SafetensorsException($"{path}: is of an older version, whose merge this one cannot go on with; without --resume it begins anew.");
        if (lines.Length < 2 || lines[0] != Title) throw new SafetensorsException($"{path}: is no journal of a merge, expected the first line \"{Title}\".");
        JournalIdentity identity = ReadIdentity(path, lines[1]);
        var notes = new List<JournalLine>(lines.Length - 2);
        for (int i = 2; i < lines.Length; i++) notes.Add(ReadLine(path, i + 1, lines[i]));
        stream.SetLength(length);
        stream.Position = length;
        return (identity, notes);
    }

    /// <summary>Adds a line.</summary>
    /// <exception cref="IOException">The disk is full or failed. What is noted before and after is none the worse for it.</exception>
    public void Add(JournalLine note)
    {
        string line = note.ToString();
        lock (gate)
        {
            if (closed) return;
            string next = Check(line);
            long start = stream.Position;
            try
            {
                stream.Write(Encoding.ASCII.GetBytes($"{line} {next}\n"));
            }
            catch (IOException)
            {
                RemoveFrom(start);
                throw;
            }

            check = next;
        }
    }

    public void Dispose() => stream.Dispose();

    /// <summary>Removes a part of a line; where that fails too it stays the last.</summary>
    private void RemoveFrom(long start)
    {
        try
        {
            stream.SetLength(start);
            stream.Position = start;
        }
        catch (IOException)
        {
            closed = true;
        }
    }

    private static JournalIdentity ReadIdentity(string path, string line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, JournalJson.Default.JournalIdentity) ?? throw new JsonException();
        }
        catch (JsonException e)
        {
            throw new SafetensorsException($"{path}: line 2 of the journal does not say which merge it belongs to.", e);
        }
    }

    private JournalLine ReadLine(string path, int number, string line)
    {
        int end = line.LastIndexOf(' ');
        if (end < 0 || JournalLine.Parse(line[..end]) is not { } note || line[(end + 1)..] != Check(line[..end]))
            throw new SafetensorsException($"{path}: line {number} of the journal was damaged, so nothing after it can be trusted; without --resume the merge begins anew.");
        check = line[(end + 1)..];
        return note;
    }

    private string Check(string line) => Convert.ToHexStringLower(Sha256State.HashData(Encoding.ASCII.GetBytes($"{check} {line}")).AsSpan(0, 8));
}
