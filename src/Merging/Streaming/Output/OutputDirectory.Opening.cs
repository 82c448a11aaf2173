using MergeEngine.Merging.Streaming.Hashing;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Output;

/// <content>Begins an output, or takes over what a stopped run has left of the same one.</content>
public sealed partial class OutputDirectory
{
    /// <summary>Removes what a run has left that was stopped after its output was complete.</summary>
    /// <exception cref="SafetensorsException">Another merge is writing there.</exception>
    public static void RemoveLeft(string path)
    {
        OutputPath place = OutputPath.Of(path);
        if (!Directory.Exists(place.Partial) || !PartialDirectory.IsLockOwn(place)) return;
        using NameLock name = Take(place);
        if (PartialDirectory.IsOwn(place)) PartialDirectory.Remove(place);
    }

    private static OutputDirectory Begin(
        OutputPath place, OutputPlan plan, MergeDescription description, OutputOptions options, Action<OutputStep> step, CancellationToken cancellation, out IReadOnlyList<JournalLine> noted)
    {
        JournalIdentity identity = description.Identity(plan);
        Make(place.Parent, place);
        PartialDirectory.RequireLock(place);
        NameLock name = Take(place);
        OutputJournal? journal = null;
        try
        {
            PartialDirectory.RequireOwn(place);
            if (options.Resume && File.Exists(place.Journal))
            {
                journal = OutputJournal.Open(place.Journal);
                if (journal.Read(place.Journal) is var (before, lines))
                {
                    if (before.DifferenceTo(identity) is { } difference) throw AnotherMerge(place, difference);
                    var known = new InputEvidence(description.Inputs, lines, before.TouchedInputs(identity));
                    if (known.FindDifference(options.Threads, cancellation) is { } changed) throw AnotherMerge(place, changed);
                    noted = lines;
                    Directory.CreateDirectory(place.Model);
                    // Until it is taken over it is not this run's to remove.
                    return new OutputDirectory(place, plan, description, options, step, name, journal, known) { left = true };
                }

                journal.Dispose();
            }

            PartialDirectory.Remove(place);
            noted = [];
            return new OutputDirectory(place, plan, description, options, step, name, journal = Create(place, identity, step), new InputEvidence(description.Inputs, [], []));
        }
        catch
        {
            journal?.Dispose();
            name.Dispose();
            throw;
        }
    }

    private static SafetensorsException AnotherMerge(OutputPath place, string difference) =>
        new($"{place.Given}: what a stopped merge has left {difference}, expected the same merge to go on with; without --resume it begins anew.");

    private static OutputJournal Create(OutputPath place, JournalIdentity identity, Action<OutputStep> step)
    {
        try
        {
            Make(place.Model, place);
            step(OutputStep.Created);
            return OutputJournal.Create(place.Journal, identity);
        }
        catch
        {
            // Where it could not be made, that is the error, and not that it is not there to be removed.
            PartialDirectory.Remove(place);
            throw;
        }
    }

    /// <summary>Nothing in or of the temporary directory is touched without this.</summary>
    private static NameLock Take(OutputPath place)
    {
        try
        {
            return NameLock.TryTake(place.Lock) ?? throw new SafetensorsException($"{place.Given}: is being written by another merge (it holds {place.Lock}).");
        }
        catch (Exception e) when (e is DirectoryNotFoundException or FileNotFoundException)
        {
            throw NoDirectory(place, e);
        }
    }

    /// <summary>A file system that takes no directories, such as /proc, says that a part of the path is missing.</summary>
    private static void Make(string directory, OutputPath place)
    {
        try
        {
            Directory.CreateDirectory(directory);
        }
        catch (Exception e) when (e is DirectoryNotFoundException or FileNotFoundException)
        {
            throw NoDirectory(place, e);
        }
    }

    private static SafetensorsException NoDirectory(OutputPath place, Exception cause) => new($"{place.Given}: cannot be written because no directory can be made in {place.Holder}.", cause);

    private void OpenFiles(IReadOnlyList<JournalLine> noted, CancellationToken cancellation)
    {
        RenameBack();
        Dictionary<(int File, int Piece), byte[]> pieces = PiecesOf(noted);
        HashSet<int> begun = [.. pieces.Keys.Select(n => n.File)];
        for (int i = 0; i < files.Length; i++)
        {
            int index = i;
            OutputShard shard = plan.Shards[i];
            string path = Path.Combine(place.Model, shard.FileName + WritingSuffix);
            // Without a piece to keep it is made again, so that its space is taken for certain.
            if (!begun.Contains(i)) File.Delete(path);
            files[i] = new ShardFile(open, path, shard, (piece, digest) => Note(index, piece, digest), options.Hash, options.Times);
        }

        step(OutputStep.Allocated);
        Restore(pieces, cancellation);
        foreach (ShardFile file in files) file.WriteHeader();
    }

    /// <summary>What an earlier run has finished and can be used.</summary>
    /// <exception cref="SafetensorsException">A piece is not of this output.</exception>
    private Dictionary<(int File, int Piece), byte[]> PiecesOf(IReadOnlyList<JournalLine> noted)
    {
        var pieces = new Dictionary<(int File, int Piece), byte[]>();
        if (!options.Hash) return pieces;
        foreach (JournalLine line in noted)
        {
            if (line.Kind is not (JournalKind.Written or JournalKind.Discarded)) continue;
            if (line.File >= files.Length || line.Piece >= StreamedHash.CountOf(plan.Shards[line.File].Layout.FileLength))
                throw new SafetensorsException($"{place.Journal}: lists the piece {line.Piece} of the file {line.File}, which this output has not.");
            // A piece that was rejected once stands twice; the later line counts.
            if (line.Kind == JournalKind.Written) pieces[(line.File, line.Piece)] = line.Digest.ToArray();
            else pieces.Remove((line.File, line.Piece));
        }

        Discard(pieces);
        return pieces;
    }

    /// <summary>Takes out what nothing proves to be made of the bytes that the inputs hold now. It is noted, as what is read of them from now on would prove it to a later run.</summary>
    private void Discard(Dictionary<(int File, int Piece), byte[]> pieces)
    {
        if (!evidence.HasTouched) return;
        IReadOnlyList<InputRange> all = [.. description.Inputs.Select(i => new InputRange(i, 0, i.Length))];
        // Tensors of a method that looks at the whole model share their sources.
        var covered = new Dictionary<IReadOnlyList<InputRange>, bool>(ReferenceEqualityComparer.Instance);
        foreach (PlannedTensor tensor in plan.Tensors.Where(t => t.ByteLength > 0))
        {
            IReadOnlyList<InputRange> sources = description.Sources?.Invoke(tensor) ?? all;
            if (!covered.TryGetValue(sources, out bool isCovered)) covered.Add(sources, isCovered = sources.All(evidence.Covers));
            if (isCovered) continue;
            for (int piece = (int)(tensor.Offset / StreamedHash.PieceBytes); piece <= (tensor.Offset + tensor.ByteLength - 1) / StreamedHash.PieceBytes; piece++)
            {
                if (!pieces.Remove((tensor.Shard.Index, piece))) continue;
                journal.Add(JournalLine.Discarded(tensor.Shard.Index, piece));
                DiscardedBytes += StreamedHash.LengthOf(piece, tensor.Shard.Layout.FileLength);
            }
        }

        foreach (int file in evidence.NewlyTouched) journal.Add(JournalLine.Touched(file));
    }

    /// <summary>Reads what the journal lists; only bytes with the hash that is noted there are kept.</summary>
    private void Restore(Dictionary<(int File, int Piece), byte[]> pieces, CancellationToken cancellation)
    {
        long restored = 0, rejected = 0;
        Parallel.ForEach(pieces, new ParallelOptions { MaxDegreeOfParallelism = options.Threads, CancellationToken = cancellation }, entry =>
        {
            ShardFile file = files[entry.Key.File];
            bool good = file.TryRestore(entry.Key.Piece, entry.Value);
            Interlocked.Add(ref good ? ref restored : ref rejected, file.Hash.LengthOf(entry.Key.Piece));
        });
        RestoredBytes = restored;
        RejectedBytes = rejected;
    }

    private void NoteInputs()
    {
        if (!options.Hash) return;
        for (int i = 0; i < description.Inputs.Count; i++)
        {
            int file = i;
            description.Inputs[i].NotePieces((piece, digest) => NoteRead(file, piece, digest));
        }
    }

    /// <summary>A piece of an input was read, perhaps for the first time.</summary>
    private void NoteRead(int file, int piece, ReadOnlyMemory<byte> digest)
    {
        if (!evidence.Note(file, piece, digest, out bool isNew))
            throw new SafetensorsException($"{evidence.Describe(file, piece)}: was changed after the merge that is gone on with was begun, expected an input that stays as it is.");
        if (!isNew) return;
        try
        {
            journal.Add(JournalLine.Read(file, piece, digest));
        }
        catch (Exception e) when (Explain(e, place, null) is { } explained)
        {
            throw explained;
        }
    }

    /// <summary>A run that was killed while it renamed has left weights under their final names, and files that are added again.</summary>
    private void RenameBack()
    {
        HashSet<string> writing = [.. plan.Shards.Select(s => s.FileName + WritingSuffix)];
        foreach (OutputShard shard in plan.Shards)
        {
            string final = Path.Combine(place.Model, shard.FileName);
            if (File.Exists(final)) File.Move(final, final + WritingSuffix, overwrite: true);
        }

        foreach (string entry in Directory.GetFiles(place.Model))
        {
            if (!writing.Contains(Path.GetFileName(entry))) File.Delete(entry);
        }

        foreach (string folder in Directory.GetDirectories(place.Model)) Directory.Delete(folder, recursive: true);
    }
}
