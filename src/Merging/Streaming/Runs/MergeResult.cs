using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Profiling;

namespace MergeEngine.Merging.Streaming.Runs;

/// <summary>What the merge of one document has come to.</summary>
/// <param name="Document">The document's name; null for the result of the file.</param>
/// <param name="Path">Its directory.</param>
/// <param name="Method">The method in recipes.</param>
/// <param name="Dialect">Its arithmetic: <c>mergekit</c> or <c>paper</c>.</param>
/// <param name="Tensors">Number of its tensors.</param>
/// <param name="Merged">Those that the method made; the others were copied.</param>
/// <param name="Files">Number of weight files.</param>
/// <param name="Bytes">Bytes of its tensors.</param>
/// <param name="Seconds">Time from planning to the renamed directory.</param>
/// <param name="Notes">What the plan had to say, one line each.</param>
public sealed record MergeResult(
    string? Document, string Path, string Method, string Dialect, int Tensors, int Merged, int Files, long Bytes, double Seconds, IReadOnlyList<string> Notes)
{
    /// <summary>True if the directory was there already, of the same recipe and inputs, and nothing had to be done.</summary>
    public bool WasFinished { get; init; }

    /// <summary>What is to be known of the place of <see cref="Path"/>, that it lies within another model above all: warnings, one line each.</summary>
    public IReadOnlyList<string> PlaceNotes { get; init; } = [];

    /// <summary>Bytes that an earlier run, which was stopped, had written.</summary>
    public long RestoredBytes { get; init; }

    /// <summary>What is to be known of how that run was gone on with; null where there is nothing.</summary>
    public string? ResumeNote { get; init; }

    /// <summary>Where the time went; null where <see cref="MergeOptions.Profile"/> does not ask, or nothing had to be done.</summary>
    public MergeProfile? Profile { get; init; }

    /// <summary>What was read and written; null where nothing had to be done.</summary>
    public ExecutionSummary? Moved { get; init; }
}
