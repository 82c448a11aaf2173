using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>Where a tensor's first source lies: in this order files are read from their starts to their ends.</summary>
/// <param name="Checkpoint">Number of the checkpoint among the job's.</param>
/// <param name="File">Number of the file there.</param>
/// <param name="Offset">First byte in the file.</param>
internal readonly record struct FileOrder(int Checkpoint, int File, long Offset) : IComparable<FileOrder>
{
    public static FileOrder Of(TensorJob tensor, MergeJob job)
    {
        TensorSource source = tensor.Sources[0];
        SafetensorsFile file = source.Checkpoint.FileOf(source.Tensor);
        return new FileOrder(IndexOf(job.Inputs, source.Checkpoint), IndexOf(source.Checkpoint.Files, file), file[source.Tensor].Begin);
    }

    public int CompareTo(FileOrder other) => (Checkpoint, File, Offset).CompareTo((other.Checkpoint, other.File, other.Offset));

    private static int IndexOf<T>(IReadOnlyList<T> list, T item)
        where T : class
    {
        for (int i = 0; i < list.Count; i++)
        {
            if (ReferenceEquals(list[i], item)) return i;
        }

        return list.Count;
    }
}
