using MergeEngine.Merging.Streaming.Hashing;
using MergeEngine.Merging.Streaming.Profiling;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Output;

/// <content>The end: hashes, index, manifest, names, and the place.</content>
public sealed partial class OutputDirectory
{
    /// <summary>Finishes the hashes, writes index and manifest, syncs everything and renames it to the target.</summary>
    /// <exception cref="InvalidOperationException">Bytes of a tensor were not written.</exception>
    /// <exception cref="SafetensorsException">
    /// The disk is full or failed, an input was changed while it was read, or something was put where the output goes that may not be replaced.
    /// </exception>
    public MergeManifest Complete(CancellationToken cancellation = default)
    {
        ObjectDisposedException.ThrowIf(state != State.Writing, this);
        RequireAllWritten();
        try
        {
            if (!plan.Index.IsEmpty) AddChecked(ShardedIndex.FileName, plan.Index.Span);
            foreach (string folder in extras.Select(e => Path.GetDirectoryName(e.Name)!).Where(f => f.Length > 0).Distinct()) OutputTarget.SyncDirectory(Path.Combine(place.Model, folder));
            long start = StageTimes.Start(options.Times);
            early.Wait();
            Parallel.ForEach(files, new ParallelOptions { MaxDegreeOfParallelism = options.Threads, CancellationToken = cancellation }, file => file.Sync());
            options.Times?.Add(MergeStage.Syncing, start, files.Sum(f => f.Shard.Layout.FileLength));
            step(OutputStep.FilesSynced);
            start = StageTimes.Start(options.Times);
            MergeManifest manifest = BuildManifest(cancellation);
            WriteSynced(MergeManifest.FileName, ManifestFile.Build(manifest));
            step(OutputStep.ManifestWritten);
            foreach (ShardFile file in files)
            {
                file.Dispose();
                File.Move(file.FilePath, Path.Combine(place.Model, file.Shard.FileName));
            }

            step(OutputStep.FilesNamed);
            OutputTarget.SyncDirectory(place.Model);
            cancellation.ThrowIfCancellationRequested();
            RequireStillReplaceable();
            place.Publish();
            state = State.Complete;
            step(OutputStep.Renamed);
            Release(remove: true);
            options.Times?.Add(MergeStage.Finishing, start);
            return manifest;
        }
        catch (Exception e) when (Explain(e, place, null) is { } explained)
        {
            throw explained;
        }
    }

    /// <summary>Hours may have passed since the opening: what somebody has put there meanwhile would be gone. The finished work stays too, to be gone on with.</summary>
    private void RequireStillReplaceable()
    {
        try
        {
            place.RequireReplaceable(options.Overwrite);
        }
        catch (SafetensorsException)
        {
            keeps |= options.Hash;
            throw;
        }
    }

    private MergeManifest BuildManifest(CancellationToken cancellation)
    {
        ManifestInput[] inputs = [.. description.Inputs.Select(i => ManifestInput.Of(i.FilePath, i.Length, i.FinishHash(options.Threads, cancellation)))];
        ManifestOutput[] outputs = [.. files.Select(Describe).Concat(extras).OrderBy(o => o.Name, StringComparer.Ordinal)];
        return new MergeManifest(
            MergeManifest.CurrentFormat, MergeDescription.EngineVersion, description.Recipe, description.Dialect, description.Seed,
            new SortedDictionary<string, string>(description.Options.ToDictionary(), StringComparer.Ordinal), options.Hash ? ManifestHash.Current : null,
            inputs, outputs, started, DateTime.UtcNow, "");
    }

    private ManifestOutput Describe(ShardFile file) => ManifestOutput.Of(file.Shard.FileName, file.Hash.Length, options.Hash ? file.Hash : null, file.HeaderHash);

    private void RequireAllWritten()
    {
        foreach (ShardFile file in files)
        {
            int open = Enumerable.Range(0, file.Hash.PieceCount).FirstOrDefault(i => !file.Hash.IsComplete(i), -1);
            if (open < 0) continue;
            long first = (long)open * StreamedHash.PieceBytes, end = first + file.Hash.LengthOf(open);
            string[] names = [.. plan.Tensors.Where(t => t.Shard == file.Shard && t.Offset < end && t.Offset + t.ByteLength > first).Select(t => t.Name)];
            throw new InvalidOperationException($"{file.Shard.FileName}: not every byte from {first} to {end} was written, where {Quoting.QuoteSome(names)} stand.");
        }
    }
}
