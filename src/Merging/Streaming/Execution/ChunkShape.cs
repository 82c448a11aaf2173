using MergeEngine.Merging.Streaming.Planning;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>How a tensor is cut into chunks, and how a chunk's memory is divided among its inputs and its output.</summary>
internal readonly record struct ChunkShape
{
    // A 512-bit vector: every part begins at a multiple of it.
    private const long Alignment = 16;

    /// <param name="length">Elements of the tensor.</param>
    /// <param name="inputs">Inputs and companions.</param>
    /// <param name="unit">Chunks start and end at multiples of it.</param>
    /// <param name="memory">The bytes that a chunk should take.</param>
    public ChunkShape(long length, int inputs, long unit, MemoryPlan memory)
    {
        (Total, Inputs) = (length, inputs);
        long wanted = Math.Max(1, memory.ChunkBytes / ((inputs + 1L) * sizeof(float)) / Math.Max(unit, 1)) * Math.Max(unit, 1);
        if (unit <= 1 && wanted > Alignment) wanted -= wanted % Alignment;
        Length = Math.Min(wanted, Math.Max(length, 1));
        Stride = (Length + Alignment - 1) / Alignment * Alignment;
    }

    public long Total { get; }

    public int Inputs { get; }

    /// <summary>Elements of every chunk but the last.</summary>
    public long Length { get; }

    /// <summary>Elements from one input to the next in a chunk's memory; the output stands last.</summary>
    public long Stride { get; }

    public long Bytes => checked(Stride * (Inputs + 1) * sizeof(float));

    public int Count => checked((int)((Total + Length - 1) / Length));

    /// <summary>The chunks of a tensor for its method's unit and its sources'.</summary>
    public static ChunkShape Of(TensorJob tensor, TensorInputs inputs, long unit, MemoryPlan memory) =>
        new(tensor.Shape.ElementCount, inputs.Count, TensorInputs.Combine(unit, inputs.Unit, tensor.Shape.ElementCount), memory);
}
