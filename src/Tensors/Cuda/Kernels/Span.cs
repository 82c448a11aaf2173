using System.Numerics;

namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>
/// Finds the first element at which every vector of a pass is aligned for whole packets: the <c>head</c> of <c>native/kernels/spans.cuh</c>.
/// </summary>
/// <param name="width">Elements that a thread handles at a time, 4 or 8.</param>
internal struct SpanPhase(int width)
{
    public const int Threads = 256;

    /// <summary>Bit h: every vector is aligned at element h.</summary>
    private int _phases = (1 << width) - 1;

    /// <summary>Elements before the packets, 0 … width − 1; −1 where the vectors have no phase in common.</summary>
    public readonly int Head => _phases == 0 ? -1 : BitOperations.TrailingZeroCount(_phases);

    /// <summary>Takes a vector along; 0 is none.</summary>
    public void Add(nint address, int elementBytes)
    {
        if (address == 0) return;
        int mask = Math.Min(16, elementBytes * width) - 1;
        for (int h = 0; h < width; h++)
        {
            if (((address + (h * elementBytes)) & mask) != 0) _phases &= ~(1 << h);
        }
    }

    /// <summary>One block for each <paramref name="perBlock"/> elements from the head on, at least one.</summary>
    public readonly Grid Grid(long length, int perBlock)
    {
        long packed = length - Math.Max(Head, 0);
        return new(checked((int)Math.Max(1, (packed + perBlock - 1) / perBlock)));
    }
}
