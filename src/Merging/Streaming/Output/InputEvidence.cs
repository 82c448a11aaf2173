using System.Globalization;
using MergeEngine.Merging.Streaming.Hashing;

namespace MergeEngine.Merging.Streaming.Output;

/// <summary>
/// The bytes that a merge has read, in this run and in those that it goes on with, by the digests of their pieces: what was made of bytes that are the same now is right, whatever their
/// files' times say. A piece has one digest throughout.
/// </summary>
/// <remarks>
/// A piece is noted when all of it was read, so what was made of a tensor may be there before the last piece of an input that the tensor lies in: then nothing proves it.
/// </remarks>
internal sealed class InputEvidence
{
    private readonly IReadOnlyList<InputFile> inputs;
    private readonly Dictionary<InputFile, int> numbers = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<(int File, int Piece), ReadOnlyMemory<byte>> digests = [];
    private readonly HashSet<int> touched;
    private readonly Lock gate = new();

    /// <param name="inputs">The files that are read.</param>
    /// <param name="lines">What earlier runs have noted.</param>
    /// <param name="touched">The numbers of inputs that have other times now.</param>
    public InputEvidence(IReadOnlyList<InputFile> inputs, IReadOnlyCollection<JournalLine> lines, IEnumerable<int> touched)
    {
        this.inputs = inputs;
        for (int i = 0; i < inputs.Count; i++) numbers.TryAdd(inputs[i], i);
        this.touched = [.. touched];
        NewlyTouched = [.. this.touched.Order()];
        foreach (JournalLine line in lines.Where(l => l.File < inputs.Count))
        {
            if (line.Kind == JournalKind.Read) digests.TryAdd((line.File, line.Piece), line.Digest);
            if (line.Kind == JournalKind.Touched && this.touched.Add(line.File) is false) NewlyTouched.Remove(line.File);
        }
    }

    /// <summary>Inputs that had the times of the beginning until now.</summary>
    public List<int> NewlyTouched { get; }

    /// <summary>Files whose times say nothing, so that their bytes were compared.</summary>
    public IEnumerable<string> Compared => touched.Order().Select(i => inputs[i].FilePath);

    /// <summary>Bytes of them that are known and the same.</summary>
    public long ComparedBytes { get; private set; }

    public bool HasTouched => touched.Count > 0;

    /// <summary>Compares what is known of the inputs whose times say nothing with what they hold.</summary>
    /// <returns>The first difference, as the rest of a sentence; null if there is none.</returns>
    public string? FindDifference(int threads, CancellationToken cancellation)
    {
        (int File, int Piece)[] pieces = [.. digests.Keys.Where(k => touched.Contains(k.File) && k.Piece < StreamedHash.CountOf(inputs[k.File].Length)).Order()];
        var options = new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancellation };
        ParallelLoopResult result = Parallel.For(0, pieces.Length, options, (i, state) =>
        {
            (int file, int piece) = pieces[i];
            if (!inputs[file].TryRestore(piece, digests[pieces[i]].ToArray(), cancellation)) state.Break();
        });
        ComparedBytes = pieces.Sum(p => (long)StreamedHash.LengthOf(p.Piece, inputs[p.File].Length));
        return result.LowestBreakIteration is { } bad ? $"was begun before its input {Describe(pieces[bad].File, pieces[bad].Piece)} was changed" : null;
    }

    /// <summary>Whether all bytes of a range are known, or have a time that says that they are the same.</summary>
    public bool Covers(InputRange range)
    {
        if (range.Length == 0 || !numbers.TryGetValue(range.File, out int file) || !touched.Contains(file)) return true;
        for (long piece = range.First / StreamedHash.PieceBytes; piece <= (range.First + range.Length - 1) / StreamedHash.PieceBytes; piece++)
        {
            if (!digests.ContainsKey((file, (int)piece))) return false;
        }

        return true;
    }

    /// <summary>Takes the digest of a piece that was read.</summary>
    /// <param name="file">The number of the input.</param>
    /// <param name="piece">The piece.</param>
    /// <param name="digest">Of it.</param>
    /// <param name="isNew">Whether nothing was known of it.</param>
    /// <returns>False if it was another one before.</returns>
    public bool Note(int file, int piece, ReadOnlyMemory<byte> digest, out bool isNew)
    {
        lock (gate)
        {
            isNew = digests.TryAdd((file, piece), digest);
            return digests[(file, piece)].Span.SequenceEqual(digest.Span);
        }
    }

    /// <summary>A piece of an input, for messages.</summary>
    public string Describe(int file, int piece)
    {
        long first = (long)piece * StreamedHash.PieceBytes, length = StreamedHash.LengthOf(piece, inputs[file].Length);
        return string.Create(CultureInfo.InvariantCulture, $"{inputs[file].FilePath} (its bytes {first} to {first + length - 1})");
    }
}
