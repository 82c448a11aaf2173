using System.Buffers;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Streaming.Profiling;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>The files that a merge reads, each hashed as its bytes pass by, whoever reads them: chunks, and what makes tensors of adapters and of rows. Dispose it after the output.</summary>
public sealed class InputFiles : IDisposable
{
    private const int ReadBytes = 256 << 10;

    private readonly Dictionary<SafetensorsFile, InputFile> _known = new(ReferenceEqualityComparer.Instance);
    private readonly List<InputFile> _files = [];

    private InputFiles()
    {
    }

    /// <summary>In the order of the job's checkpoints and their files.</summary>
    public IReadOnlyList<InputFile> Files => _files;

    /// <summary>Opens every file of a job's checkpoints.</summary>
    /// <param name="job">The merge.</param>
    /// <param name="hashing">False to note sizes and times only.</param>
    /// <exception cref="SafetensorsException">A file cannot be opened, or is not the one that was planned with.</exception>
    public static InputFiles Open(MergeJob job, bool hashing = true) => Open(job, hashing, null);

    /// <param name="job">The merge.</param>
    /// <param name="hashing">False to note sizes and times only.</param>
    /// <param name="times">Takes the time of hashing; null where nobody asks.</param>
    /// <inheritdoc cref="Open(MergeJob, bool)"/>
    internal static InputFiles Open(MergeJob job, bool hashing, StageTimes? times)
    {
        var inputs = new InputFiles();
        try
        {
            foreach (SafetensorsFile file in job.Inputs.SelectMany(c => c.Files)) inputs.Add(file, hashing, times);
            return inputs;
        }
        catch
        {
            inputs.Dispose();
            throw;
        }
    }

    /// <summary>What is noted of an opened file of the job.</summary>
    internal InputFile Of(SafetensorsFile file) => _known[file];

    public void Dispose()
    {
        foreach (SafetensorsFile file in _known.Keys) file.Passing = null;
        foreach (InputFile file in _files) file.Dispose();
    }

    private void Add(SafetensorsFile file, bool hashing, StageTimes? times)
    {
        if (_known.ContainsKey(file)) return;
        var input = new InputFile(file, hashing);
        _known.Add(file, input);
        _files.Add(input);
        if (input.Length != file.FileLength)
            throw new SafetensorsException($"{file.FilePath}: has {Counting.Of(input.Length, "byte")}, but had {file.FileLength} when the merge was planned.");

        if (!hashing) return;
        file.Passing = times is null ? (offset, bytes) => input.Passed(offset, bytes) : (offset, bytes) =>
        {
            long start = StageTimes.Start(times);
            long hashed = input.Passed(offset, bytes);
            times.Add(MergeStage.HashingInputs, start, hashed);
        };
        // The first bytes of the hash, which those of the tensors continue.
        byte[] bytes = ArrayPool<byte>.Shared.Rent(ReadBytes);
        try
        {
            for (long at = 0; at < file.Header.DataStart; at += ReadBytes)
            {
                Span<byte> piece = bytes.AsSpan(0, (int)Math.Min(ReadBytes, file.Header.DataStart - at));
                file.ReadFront(piece, at);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }
}
