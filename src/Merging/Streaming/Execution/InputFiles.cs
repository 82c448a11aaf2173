using System.Buffers.Binary;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>The files that a merge reads, each hashed as its bytes pass by. Dispose it after the output.</summary>
public sealed class InputFiles : IDisposable
{
    private readonly Dictionary<SafetensorsFile, InputFile> _byFile = new(ReferenceEqualityComparer.Instance);
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
    public static InputFiles Open(MergeJob job, bool hashing = true)
    {
        var inputs = new InputFiles();
        try
        {
            foreach (SafetensorsFile file in job.Inputs.SelectMany(c => c.Files)) inputs.Add(file, hashing);
            return inputs;
        }
        catch
        {
            inputs.Dispose();
            throw;
        }
    }

    /// <summary>Says that bytes of a tensor were read.</summary>
    public void Passed(SafetensorsFile file, TensorEntry entry, long firstByte, ReadOnlySpan<byte> bytes)
    {
        if (_byFile.TryGetValue(file, out InputFile? input)) input.Passed(file.Header.DataStart + entry.Begin + firstByte, bytes);
    }

    public void Dispose()
    {
        foreach (InputFile file in _files) file.Dispose();
    }

    private void Add(SafetensorsFile file, bool hashing)
    {
        if (_byFile.ContainsKey(file)) return;
        var input = new InputFile(file.FilePath, hashing);
        _files.Add(input);
        _byFile.Add(file, input);
        if (input.Length != file.FileLength)
            throw new SafetensorsException($"{file.FilePath}: has {input.Length} bytes, but had {file.FileLength} when the merge was planned.");

        // The first bytes of the hash, which those of the tensors continue.
        Span<byte> prefix = stackalloc byte[SafetensorsHeader.PrefixLength];
        byte[] header = file.ReadHeader();
        BinaryPrimitives.WriteInt64LittleEndian(prefix, header.Length);
        input.Passed(0, prefix);
        input.Passed(prefix.Length, header);
    }
}
