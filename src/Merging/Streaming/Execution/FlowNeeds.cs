using MergeEngine.Merging.Streaming.Execution.Flows;
using MergeEngine.Merging.Streaming.Planning;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>What decides the bytes that the flow of a tensor must have to be open, whatever the memory limit.</summary>
/// <param name="Elements">Of what is cut into chunks.</param>
/// <param name="Inputs">Inputs and companions that stand in a chunk beside the output.</param>
/// <param name="Unit">Chunks start and end at multiples of it.</param>
/// <param name="WorkingBytes">What it holds beside its chunks.</param>
/// <param name="IsRepeated">Whether it is made several times, by computing.</param>
/// <param name="Whole">Bytes of the tensor as one chunk: small ones share a chunk.</param>
internal readonly record struct FlowNeeds(long Elements, int Inputs, long Unit, long WorkingBytes, bool IsRepeated, long Whole)
{
    /// <summary>A tensor whose values go through a method in float32.</summary>
    public static FlowNeeds Of(TensorJob tensor, long unit, long working, bool isRepeated) =>
        new(tensor.Shape.ElementCount, tensor.Sources.Count + tensor.Companions.Count, unit, working, isRepeated, BytesOf(tensor));

    /// <summary>One that is copied.</summary>
    public static FlowNeeds OfCopy(TensorJob tensor, long working) => new(tensor.Shape.ElementCount, 0, TensorInputs.UnitOf(tensor), working, false, BytesOf(tensor));

    /// <summary>One that is merged in float64: its values are in arrays, and its chunk is next to nothing.</summary>
    public static FlowNeeds OfFloat64(TensorJob tensor, long working) => new(1, 0, 1, working, false, BytesOf(tensor));

    /// <summary>Memory of the whole tensor as one chunk, with what its sources hold; more where it cannot be said.</summary>
    public static long BytesOf(TensorJob tensor)
    {
        long inputs = tensor.Sources.Count + tensor.Companions.Count + 1L, size = tensor.IsFloat64 || tensor.Method is null ? sizeof(double) : sizeof(float);
        return tensor.Shape.ElementCount > int.MaxValue ? long.MaxValue : TensorNeeds.Add((tensor.Shape.ElementCount + 16) * inputs * size, TensorInputs.WorkingBytesOf(tensor));
    }

    /// <summary>Whether a tensor of so many bytes goes through the pipeline in a group with others (<see cref="SmallFlow"/>).</summary>
    public static bool IsSmall(long whole, MemoryPlan memory) => whole <= memory.ChunkBytes / 4;

    /// <summary>Bytes that it must have to be open; <see cref="long.MaxValue"/> for more than can be said.</summary>
    public long ReserveIn(MemoryPlan memory)
    {
        if (IsSmall(Whole, memory)) return SmallFlow.BytesIn(memory);
        try
        {
            var shape = new ChunkShape(Elements, Inputs, Unit, memory);
            return checked(WorkingBytes + (shape.Bytes * (IsRepeated && memory.Holds(shape, isComputed: true, WorkingBytes) ? shape.Count : 1)));
        }
        catch (OverflowException)
        {
            return long.MaxValue;
        }
    }
}
