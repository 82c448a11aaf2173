using System.Buffers;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>
/// Where values that are no numbers come from, once a source has given some: its stored tensor, the adapter that is applied to it, or neither, and then they became too large on the
/// way. The files are read again for it in blocks, which nearly no merge needs.
/// </summary>
internal static class NonFiniteOrigin
{
    private const int BlockBytes = 256 * 1024;

    /// <summary>The tensor to name.</summary>
    /// <param name="source">Where such values were read.</param>
    /// <returns>Its number of values is 0 where those of the source are counted.</returns>
    public static NonFiniteTensor Of(TensorSource source)
    {
        var own = new NonFiniteTensor(source.Checkpoint.Path, source.Tensor, 0);
        IReadOnlyList<TensorSource> others = source.Transform?.Others ?? [];
        // A tensor that is read as it is stored has nothing else to blame.
        if ((source.Transform is null && source.Checkpoint[source.Tensor].DType == source.DType) || Count(source) > 0) return own;
        foreach (TensorSource other in others)
        {
            if (Count(other) is > 0 and long count) return new NonFiniteTensor(other.Checkpoint.Path, other.Tensor, count);
        }

        string[] paths = [own.Path, .. others.Select(o => o.Checkpoint.Path).Where(p => p != own.Path).Distinct()];
        return own with { Path = string.Join(" with ", paths), TooLargeFor = source.DType.Name() };
    }

    private static long Count(TensorSource source)
    {
        SafetensorsFile file = source.Checkpoint.FileOf(source.Tensor);
        TensorEntry entry = file[source.Tensor];
        byte[] rented = ArrayPool<byte>.Shared.Rent(BlockBytes);
        long count = 0;
        for (long first = 0; first < entry.ByteLength; first += BlockBytes)
        {
            Span<byte> block = rented.AsSpan(0, (int)Math.Min(BlockBytes, entry.ByteLength - first));
            file.ReadBytes(entry, first, block);
            count += NonFinite.Count(block, entry.DType);
        }

        ArrayPool<byte>.Shared.Return(rented);
        return count;
    }
}
