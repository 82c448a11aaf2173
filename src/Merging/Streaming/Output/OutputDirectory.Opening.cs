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
        OutputPath place, OutputPlan plan, MergeDescription description, OutputOptions options, Action<OutputStep> step, out List<(int File, int Piece, byte[] Digest)> noted)
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
                if (journal.Read(place.Journal) is var (before, pieces))
                {
                    if (before.DifferenceTo(identity) is { } difference)
                        throw new SafetensorsException($"{place.Given}: what a stopped merge has left {difference}, expected the same merge to go on with; without --resume it begins anew.");
                    noted = pieces;
                    Directory.CreateDirectory(place.Model);
                    // Until it is taken over it is not this run's to remove.
                    return new OutputDirectory(place, plan, description, options, step, name, journal) { left = true };
                }

                journal.Dispose();
            }

            PartialDirectory.Remove(place);
            noted = [];
            return new OutputDirectory(place, plan, description, options, step, name, journal = Create(place, identity, step));
        }
        catch
        {
            journal?.Dispose();
            name.Dispose();
            throw;
        }
    }

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

    private void OpenFiles(List<(int File, int Piece, byte[] Digest)> noted, CancellationToken cancellation)
    {
        RenameBack();
        HashSet<int> begun = [.. noted.Select(n => n.File)];
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
        Restore(noted, cancellation);
        foreach (ShardFile file in files) file.WriteHeader();
    }

    /// <summary>Reads what the journal lists; only bytes with the hash that is noted there are kept.</summary>
    private void Restore(List<(int File, int Piece, byte[] Digest)> noted, CancellationToken cancellation)
    {
        if (!options.Hash) return;
        foreach (var (file, piece, _) in noted)
        {
            if (file >= files.Length || piece >= files[file].Hash.PieceCount)
                throw new SafetensorsException($"{place.Journal}: lists the piece {piece} of the file {file}, which this output has not.");
        }

        long restored = 0, rejected = 0;
        // A piece that was rejected once stands twice; the later line counts.
        var latest = noted.GroupBy(n => (n.File, n.Piece)).Select(g => g.Last()).ToList();
        Parallel.ForEach(latest, new ParallelOptions { MaxDegreeOfParallelism = options.Threads, CancellationToken = cancellation }, entry =>
        {
            ShardFile file = files[entry.File];
            bool good = file.TryRestore(entry.Piece, entry.Digest);
            Interlocked.Add(ref good ? ref restored : ref rejected, file.Hash.LengthOf(entry.Piece));
        });
        RestoredBytes = restored;
        RejectedBytes = rejected;
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
