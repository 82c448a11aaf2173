using System.Globalization;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Output;

/// <summary>
/// A Hugging Face model directory while it is written: tensors chunk by chunk, to their final places, in any order, from any number of
/// threads. Everything lies in <c>.NAME.merge-engine.partial</c> beside the target, with weights under names that no reader looks for, until
/// <see cref="Complete"/> has synced it and renamed it: whatever stops the process, the target is what it was, or the finished model.
/// </summary>
/// <remarks>
/// The order of the end: files synced, manifest written, weights named, directories synced, renamed. A file system without an exchange of two
/// names (anything but Linux's) has one short moment in which an older output is moved aside and the new one is not there yet.
/// </remarks>
public sealed partial class OutputDirectory : IDisposable
{
    private const string WritingSuffix = ".partial";

    private readonly OutputPath place;
    private readonly OutputPlan plan;
    private readonly MergeDescription description;
    private readonly OutputOptions options;
    private readonly Action<OutputStep> step;
    private readonly NameLock name;
    private readonly OutputJournal journal;
    private readonly InputEvidence evidence;
    private readonly OpenShards open = new();
    private readonly ShardFile[] files;
    private readonly EarlySync early = new();
    private readonly List<ManifestOutput> extras = [];
    private readonly DateTime started = DateTime.UtcNow;
    private State state;
    private bool left;
    private bool keeps;
    private bool released;

    private OutputDirectory(
        OutputPath place, OutputPlan plan, MergeDescription description, OutputOptions options, Action<OutputStep> step, NameLock name, OutputJournal journal,
        InputEvidence evidence)
    {
        this.place = place;
        this.plan = plan;
        this.description = description;
        this.options = options;
        this.step = step;
        this.name = name;
        this.journal = journal;
        this.evidence = evidence;
        files = new ShardFile[plan.Shards.Count];
    }

    private enum State
    {
        Writing,
        Complete,
        Disposed,
    }

    /// <summary>The directory to write as it was given, for messages.</summary>
    public string Title => place.Given;

    /// <summary>Bytes of weight files that an earlier run had written and that were found to be right.</summary>
    public long RestoredBytes { get; private set; }

    /// <summary>Bytes that the journal lists and that had another hash, so that they are written again.</summary>
    public long RejectedBytes { get; private set; }

    /// <summary>Bytes that an earlier run had written of inputs that have other times now, and of which nothing shows that they are still the same, so that they are written again.</summary>
    public long DiscardedBytes { get; private set; }

    /// <summary>What the reader of a result should know of how an earlier run was gone on with; null where there is nothing.</summary>
    public string? ResumeNote => !evidence.HasTouched ? null : string.Create(
        CultureInfo.InvariantCulture,
        $"{place.Given}: goes on although the times of {Quoting.QuoteSome([.. evidence.Compared])} have changed: {evidence.ComparedBytes / 1e6:0.0} MB that were read of them before are the same by their hashes, and {DiscardedBytes / 1e6:0.0} MB that were written without such a proof are merged again.");

    /// <summary>Says before hours of work what would fail after them: the checks of opening, for which no more than an empty file is made and removed.</summary>
    /// <param name="path">The directory to write.</param>
    /// <param name="overwrite">Whether an older output may be replaced.</param>
    /// <param name="mayStay">Whether what is there may be the finished result itself, so that nothing of it is replaced.</param>
    /// <exception cref="SafetensorsException">Nothing can be written there, or what is there may not be replaced.</exception>
    public static void RequirePossible(string path, bool overwrite, bool mayStay = false)
    {
        OutputPath place = mayStay ? OutputPath.Of(path) : OutputPath.Require(path, overwrite);
        // What is finished needs no room.
        if (mayStay && Directory.Exists(place.Target)) return;
        try
        {
            PartialDirectory.RequirePossible(place);
            string probe = Path.Combine(place.Holder, $".{Path.GetRandomFileName()}.partial");
            using FileStream file = new(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception e)
        {
            throw (e is DirectoryNotFoundException or FileNotFoundException ? NoDirectory(place, e) : Explain(e, place, null)) ?? e;
        }
    }

    /// <summary>Says before anything is written that the disk has no room for the weights. An older output that is replaced is there until the end, and counts as taken; what a stopped merge has left does not.</summary>
    /// <param name="path">The directory to write, in which nothing may be made.</param>
    /// <param name="plan">Which tensor stands where.</param>
    /// <param name="mayStay">As for <see cref="RequirePossible"/>.</param>
    /// <exception cref="SafetensorsException">More bytes are needed than are free.</exception>
    internal static void RequireRoom(string path, OutputPlan plan, bool mayStay = false)
    {
        OutputPath place = OutputPath.Of(path);
        if (mayStay && Directory.Exists(place.Target)) return;
        // A file system that says that it has no room at all may be one that does not count.
        if (FreeSpace(place.Holder) is not (> 0 and var free)) return;
        free += PartialDirectory.BytesOf(place);
        if (free < plan.FileBytes) throw NoRoom(place, plan.FileBytes, free);
    }

    /// <summary>What a reader of the plan should know of a place that is another model's; empty where it is not.</summary>
    internal static IEnumerable<string> NotesOnPlace(string path, IEnumerable<string> inputs) => OutputPath.NotesOnPlace(path, inputs);

    /// <summary>What a reader of the plan should know of the files that a new model will not replace but remove; empty where there are none.</summary>
    internal static IEnumerable<string> NotesOnLoss(string path, OutputPlan plan, IEnumerable<string> beside) =>
        OlderOutput.Lost(OutputPath.Of(path).Target, [.. plan.Shards.Select(s => s.FileName), .. beside, ShardedIndex.FileName, MergeManifest.FileName]) is { Length: > 0 } lost
            ? [$"{path}: --overwrite removes {Quoting.QuoteSome(lost)}, in whose place the new model has no file."]
            : [];

    /// <summary>Says before anything is read that the output would take the place of one of its inputs.</summary>
    /// <exception cref="SafetensorsException">One of the files stands in the directory.</exception>
    public static void RequireApart(string path, IEnumerable<string> inputs) => OutputPath.RequireApart(path, inputs);

    /// <summary>Makes the temporary directory and takes the space that the weights need; or opens what an earlier run has left.</summary>
    /// <param name="path">The directory to write; its parents are made.</param>
    /// <param name="plan">Which tensor stands where.</param>
    /// <param name="description">What decides the bytes.</param>
    /// <param name="options">How to write; null for the defaults.</param>
    /// <param name="cancellation">Stops the check of what is there.</param>
    /// <exception cref="SafetensorsException">
    /// The target exists, cannot be written, is being written by another merge, the disk is too small, or what is there belongs to another merge.
    /// </exception>
    public static OutputDirectory Open(
        string path, OutputPlan plan, MergeDescription description, OutputOptions? options = null, CancellationToken cancellation = default) =>
        Open(path, plan, description, options ?? new OutputOptions(), static _ => { }, cancellation);

    internal static OutputDirectory Open(
        string path, OutputPlan plan, MergeDescription description, OutputOptions options, Action<OutputStep> step, CancellationToken cancellation = default)
    {
        OutputPath place = OutputPath.Require(path, options.Overwrite);
        OutputDirectory? output = null;
        try
        {
            output = Begin(place, plan, description, options, step, cancellation, out IReadOnlyList<JournalLine> noted);
            output.OpenFiles(noted, cancellation);
            output.left = false;
            output.NoteInputs();
            return output;
        }
        catch (Exception e)
        {
            output?.Dispose();
            throw Explain(e, place, plan.FileBytes) ?? e;
        }
    }

    /// <summary>True if these bytes were found written by an earlier run, and need not be computed again.</summary>
    public bool IsWritten(PlannedTensor tensor, long firstByte, long length)
    {
        RequireWithin(tensor, firstByte, length);
        return files[tensor.Shard.Index].IsRestored(tensor.Offset + firstByte, length);
    }

    /// <summary>Writes bytes of a tensor. Any order, any thread; every byte once.</summary>
    /// <remarks>What an earlier run has written already is left as it is: on the same inputs it is the same.</remarks>
    /// <param name="tensor">A tensor of the plan.</param>
    /// <param name="firstByte">Where they begin in the tensor.</param>
    /// <param name="bytes">Little-endian, as they shall stand in the file.</param>
    /// <exception cref="SafetensorsException">The disk is full or failed.</exception>
    public void Write(PlannedTensor tensor, long firstByte, ReadOnlySpan<byte> bytes)
    {
        ObjectDisposedException.ThrowIf(state != State.Writing, this);
        RequireWithin(tensor, firstByte, bytes.Length);
        try
        {
            ShardFile file = files[tensor.Shard.Index];
            if (!file.Write(tensor.Offset + firstByte, bytes))
                throw new InvalidOperationException($"Bytes from {firstByte} on of the tensor {Quoting.Quote(tensor.Name)} were written twice.");
            if (file.IsWhole) early.Finished(file.Syncing);
            else early.Written(tensor.Shard.Index, bytes.Length, file.Syncing);
            step(OutputStep.Written);
        }
        catch (Exception e) when (Explain(e, place, null) is { } explained)
        {
            throw explained;
        }
    }

    /// <summary>
    /// Leaves what is written when this is disposed of unfinished, as <see cref="OutputOptions.KeepPartial"/> does: for a run that was stopped and can be gone on with, where one that
    /// failed is removed.
    /// </summary>
    public void KeepPartial() => keeps = true;

    /// <summary>Ends the writing. What is not complete is removed, or left to be gone on with where that was asked for.</summary>
    public void Dispose()
    {
        if (state == State.Disposed) return;
        bool remove = state == State.Complete || (!options.KeepPartial && !keeps && !left);
        state = State.Disposed;
        try
        {
            early.Wait();
        }
        catch (IOException)
        {
            // What is disposed of unfinished needs no disk that holds it; a finished output was told before.
        }

        foreach (ShardFile? file in files) file?.Dispose();
        Release(remove);
    }

    /// <summary>Lets the next writer of the same output begin: from here on nothing there is this one's.</summary>
    private void Release(bool remove)
    {
        if (released) return;
        released = true;
        foreach (InputFile input in description.Inputs) input.NotePieces(null);
        journal.Dispose();
        if (remove) RemovePartial();
        name.Dispose();
    }

    private void Note(int file, int piece, ReadOnlyMemory<byte> digest)
    {
        if (!options.Hash) return;
        journal.Add(JournalLine.Written(file, piece, digest));
        step(OutputStep.PieceNoted);
    }

    private void RequireWithin(PlannedTensor tensor, long firstByte, long length)
    {
        if (tensor.Shard.Index >= plan.Shards.Count || plan.Shards[tensor.Shard.Index] != tensor.Shard)
            throw new ArgumentException($"The tensor {Quoting.Quote(tensor.Name)} is of another plan.", nameof(tensor));
        ArgumentOutOfRangeException.ThrowIfNegative(firstByte);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(firstByte, tensor.ByteLength - length);
    }

    private void RemovePartial()
    {
        try
        {
            PartialDirectory.Remove(place);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // What matters is done, or is being reported; the name says what the rest is, and the next run removes it.
        }
    }
}
