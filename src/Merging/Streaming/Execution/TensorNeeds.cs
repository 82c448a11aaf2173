using MergeEngine.Merging.Streaming.Execution.Flows;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Tensors;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>What one tensor of a job will cost, as the pipeline will treat it.</summary>
/// <param name="Passes">How often it is looked at as a rule: for statistics, and once to merge.</param>
/// <param name="MostPasses">How often it is looked at, at most.</param>
/// <param name="InputBytes">Bytes of files that one pass reads.</param>
/// <param name="ReadBytes">Bytes that all passes read from the disk: the system's cache has a tensor of a usual size for the passes after the first.</param>
/// <param name="Memory">Bytes that it holds as a rule while it is merged, with one chunk.</param>
/// <param name="Chunk">Bytes of a chunk.</param>
/// <param name="Chunks">How many there are that have memory of their own.</param>
/// <param name="LeastMemory">Bytes that it cannot do without.</param>
/// <param name="Flow">What decides the bytes that it must have for a certain memory limit.</param>
internal sealed record TensorNeeds(int Passes, int MostPasses, long InputBytes, long ReadBytes, long Memory, long Chunk, long Chunks, long LeastMemory, FlowNeeds Flow)
{
    /// <exception cref="ArgumentException">The method refuses the parameters.</exception>
    public static TensorNeeds Of(TensorJob tensor, ulong seed, Device device, MemoryPlan memory)
    {
        long bytes = TensorInputs.BytesOf(tensor);
        long inputs = TensorInputs.WorkingBytesOf(tensor);
        if (tensor.Method is null)
        {
            long copied = Math.Min(bytes, memory.ChunkBytes);
            return new TensorNeeds(1, 1, bytes, bytes, Add(copied, inputs), copied, CountOf(bytes, copied), inputs, FlowNeeds.OfCopy(tensor, inputs));
        }

        if (tensor.IsFloat64)
        {
            long whole = Add(Saturate(() => WholeFlow.BytesOf(tensor)), inputs);
            return new TensorNeeds(1, 1, bytes, bytes, whole, 0, 1, whole, FlowNeeds.OfFloat64(tensor, whole));
        }

        using TensorMerge merge = tensor.Method.Begin(tensor.Task(device, seed) with { Spare = memory.SpareBytes });
        long working = Add(merge.WorkingBytes, inputs), expected = Add(merge.ExpectedBytes, inputs);
        long unit = TensorInputs.Combine(merge.Unit, TensorInputs.UnitOf(tensor), tensor.Shape.ElementCount), width = (tensor.Sources.Count + tensor.Companions.Count + 1L) * sizeof(float);
        long chunk = Saturate(() => new ChunkShape(tensor.Shape.ElementCount, tensor.Sources.Count + tensor.Companions.Count, unit, memory).Bytes);
        long all = Saturate(() => checked(tensor.Shape.ElementCount * width)), least = Saturate(() => checked((unit * width) + working));
        int mapping = merge.MapReadsInputs ? 1 : 0, passes = merge.ExpectedPasses + mapping;
        bool once = passes > 1 && memory.ComesOnce(tensor.Shape.ElementCount, tensor.Sources.Count + tensor.Companions.Count), computed = TensorInputs.AreComputed(tensor), held = once && computed;
        long helpers = merge.HelperBytes * Math.Min(merge.MostHelpers, memory.Threads - 1);
        return new TensorNeeds(
            passes, merge.MostPasses + mapping, bytes, once ? bytes : bytes * passes, Add(held ? Math.Max(all, chunk) : chunk, Add(expected, helpers)), chunk, held ? 1 : CountOf(all, chunk), least,
            FlowNeeds.Of(tensor, unit, working, computed && merge.NeedsPass && merge.MapReadsInputs));
    }

    public static long Add(long a, long b) => a > long.MaxValue - b ? long.MaxValue : a + b;

    private static long CountOf(long bytes, long chunk) => bytes <= chunk ? 1 : ((bytes - 1) / chunk) + 1;

    // Tensors of sparse files may be larger than any memory.
    private static long Saturate(Func<long> count)
    {
        try
        {
            return count();
        }
        catch (OverflowException)
        {
            return long.MaxValue;
        }
    }
}
