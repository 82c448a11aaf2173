using System.Buffers.Binary;
using System.Text;
using MergeEngine.Merging.Adapters;
using MergeEngine.Merging.Streaming.Hashing.Sha2;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Vocabularies.Reading;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Runs;

/// <summary>
/// The small files beside the weights that decide bytes of tensors: configs of adapters, and tokenizers where the rows of embeddings follow their tokens. A merge that is gone on with, or
/// found again, must have the same ones.
/// </summary>
internal static class SettingFiles
{
    private const string Key = "adapter-and-tokenizer-files";

    /// <summary>Adds their hash to what decides the bytes of an output, where there are such files.</summary>
    /// <param name="options">What else does.</param>
    /// <param name="job">The merge.</param>
    public static SortedDictionary<string, string> AddTo(SortedDictionary<string, string> options, MergeJob job)
    {
        using var hash = Sha256State.Create();
        int files = 0;
        foreach (string directory in job.Inputs.Select(c => Path.GetDirectoryName(Path.GetFullPath(c.Files[0].FilePath))!))
        {
            foreach (string name in job.Vocabulary is null ? [AdapterConfigFile.Name] : TokenizerFiles.Names.Prepend(AdapterConfigFile.Name))
            {
                string path = Path.Combine(directory, name);
                if (!File.Exists(path) || OutputTarget.ComplaintOf(path) is not null) continue;
                byte[] bytes = File.ReadAllBytes(path);
                Append(hash, Encoding.UTF8.GetBytes(name));
                Append(hash, bytes);
                files++;
            }

            // Which model has which.
            Append(hash, []);
        }

        if (files > 0) options[Key] = Convert.ToHexStringLower(hash.Finish());
        return options;
    }

    private static void Append(Sha256State hash, byte[] bytes)
    {
        Span<byte> length = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(length, bytes.Length);
        hash.Append(length);
        hash.Append(bytes);
    }
}
