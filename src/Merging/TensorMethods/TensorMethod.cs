using MergeEngine.Merging.Recipes.Parameters;
using MergeEngine.Merging.TensorMethods.Parts;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Merging.TensorMethods;

/// <summary>
/// A way to merge one tensor of several models, in the arithmetic of one dialect: statistics over the whole model or the whole tensor first where it needs
/// them, then a map over chunks. A tensor may be far larger than memory, so a method sees it in pieces, as often as it asks for.
/// </summary>
public abstract class TensorMethod
{
    /// <summary>Name in recipes.</summary>
    public abstract string Name { get; }

    /// <summary>Whether <see cref="MergeFloat64"/> can merge: where a recipe asks for float64, or files hold it.</summary>
    public virtual bool HasFloat64 => false;

    /// <summary>What <see cref="MergeFloat64"/> holds at most beside its inputs and its output, in arrays as long as the tensor: 8 bytes an element each.</summary>
    /// <param name="models">How many models are merged.</param>
    public virtual int Float64Arrays(int models) => 0;

    /// <summary>Begins the statistics over the whole model that must be complete before the first tensor is merged.</summary>
    /// <returns>Null, as for most methods, if each tensor is merged by itself. Tensors find it again as <see cref="TensorTask.Statistics"/>.</returns>
    /// <exception cref="ArgumentException">The parameters make no sense for this model; one sentence.</exception>
    public virtual ModelStatistics? BeginModel(ModelTask task) => null;

    /// <summary>Begins one tensor.</summary>
    /// <exception cref="ArgumentException">The parameters make no sense for this tensor; one sentence.</exception>
    public abstract TensorMerge Begin(TensorTask task);

    /// <summary>
    /// The same merge in float64, of a whole tensor at once in the machine's own memory: the plain form of the equation, without chunks and without a
    /// device. Slow and exact, for files in float64 and as what <see cref="Begin"/> is tested against.
    /// </summary>
    /// <param name="task">The tensor.</param>
    /// <param name="inputs">All values of every input, in the recipe's order.</param>
    /// <param name="output">Where the merged values go.</param>
    /// <exception cref="ArgumentException">The parameters make no sense for this tensor; one sentence.</exception>
    public virtual void MergeFloat64(TensorTask task, IReadOnlyList<double[]> inputs, double[] output) =>
        throw new NotSupportedException($"The method '{Name}' merges in float32 only.");
}

/// <summary>One tensor of the output and what it is made of.</summary>
/// <param name="Device">Where the chunks lie.</param>
/// <param name="Name">The output's name: random masks are keyed by it.</param>
/// <param name="Shape">Shape of the output and of every input.</param>
/// <param name="Inputs">Number of inputs, the base included.</param>
/// <param name="Base">Index of the base among the inputs; −1 where there is none.</param>
/// <param name="Parameters">The recipe's parameters for this tensor; its indices of sources are those of the inputs.</param>
/// <param name="Seed">Seed of everything random.</param>
public sealed record TensorTask(Device Device, string Name, Shape Shape, int Inputs, int Base, TensorParameters Parameters, ulong Seed)
{
    /// <summary>Its place among the layers of its stack, from 0 at the first to 1 at the last; 0 outside of the layers.</summary>
    public double Position { get; init; }

    /// <summary>Its number among the tensors of the <see cref="ModelTask"/>.</summary>
    public int Index { get; init; }

    /// <summary>Index of its first element among those of the whole model, in the order of <see cref="ModelTask.Tensors"/>: what "the lowest index" among equals refers to.</summary>
    public long FirstIndex { get; init; }

    /// <summary>
    /// Bytes that a merge may hold to save itself passes or work, beside what it cannot do without: masks that were drawn, candidates of a selection. No bit depends on it. It is part of
    /// <see cref="TensorMerge.WorkingBytes"/>.
    /// </summary>
    public long Spare { get; init; } = 32L << 20;

    /// <summary>What <see cref="TensorMethod.BeginModel"/> began, complete; null where it began nothing.</summary>
    public ModelStatistics? Statistics { get; init; }

    /// <summary>The threads that may do parts of the merge; null for those of the device.</summary>
    internal MergeTeam? Team { get; init; }

    /// <summary>Stops a merge whose steps take long within one of them, by an <see cref="OperationCanceledException"/>; what takes moments is stopped between two.</summary>
    internal CancellationToken Cancellation { get; init; }

    /// <summary>Where memory of <see cref="Spare"/> comes from; the device itself unless something else is said.</summary>
    internal WorkingMemory Memory
    {
        get => field ?? new WorkingMemory(Device, idle: 0);
        init;
    }

    public long Length => Shape.ElementCount;

    /// <summary>Elements of a row: of the last dimension; the whole tensor where it has fewer than two.</summary>
    public long RowLength => Shape.Rank < 2 ? Length : Shape[Shape.Rank - 1];

    /// <summary>Memory of at least so many bytes, with any content; <see cref="Return"/> takes it back.</summary>
    internal DeviceBuffer Rent(long bytes) => Memory.Rent(bytes);

    internal void Return(DeviceBuffer? memory)
    {
        if (memory is not null) Memory.Return(memory);
    }
}

/// <summary>A part of the tensor, of all inputs at once.</summary>
/// <param name="firstIndex">Index of its first element in the tensor, a multiple of <see cref="TensorMerge.Unit"/>.</param>
/// <param name="inputs">One span for each input, in the recipe's order, float32; all as long as the output.</param>
/// <param name="output">Where the merged elements go; <c>default</c> in a pass for statistics. It is no input's memory.</param>
/// <param name="companions">
/// The same elements of the file that a parameter of an input names (gradients, Fisher information), one span for each input, none where there is no file or
/// the file lacks the tensor; empty where the method has no such parameter.
/// </param>
public readonly ref struct TensorChunk(
    long firstIndex, ReadOnlySpan<DeviceSpan<float>> inputs, DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> companions = default)
{
    public long FirstIndex { get; } = firstIndex;

    public ReadOnlySpan<DeviceSpan<float>> Inputs { get; } = inputs;

    public ReadOnlySpan<DeviceSpan<float>> Companions { get; } = companions;

    public DeviceSpan<float> Output { get; } = output;

    public long Length => Inputs.Length == 0 ? Output.Length : Inputs[0].Length;
}

/// <summary>
/// The state of one tensor's merge. While <see cref="NeedsPass"/>: every chunk goes to <see cref="Accumulate"/>, in order, then
/// <see cref="CompletePass"/>. After that every chunk goes to <see cref="Map"/>, in order. The result has the same bits whatever the chunks are.
/// </summary>
public abstract class TensorMerge : IDisposable
{
    /// <summary>Chunks start and end at multiples of so many elements, or at the tensor's end: 1, a row, or the whole tensor.</summary>
    public virtual long Unit => 1;

    /// <summary>Bytes that the merge holds beside the chunks while it runs, for the plan of memory.</summary>
    public virtual long WorkingBytes => 0;

    /// <summary>What of <see cref="WorkingBytes"/> it takes as a rule, for the estimate of a plan: room for the worst case mostly stays untouched, which takes no memory.</summary>
    public virtual long ExpectedBytes => WorkingBytes;

    /// <summary>Bytes that it holds beside that for each further thread that does parts of it at one time.</summary>
    public virtual long HelperBytes => 0;

    /// <summary>Most further threads that parts of it are for.</summary>
    public virtual int MostHelpers => 0;

    /// <summary>Whether <see cref="Map"/> looks at its inputs; where it does not they are read only for the statistics, and what the chunk has in their place is undefined.</summary>
    public virtual bool MapReadsInputs => true;

    /// <summary>Whether <see cref="Map"/> looks at one of the inputs, where it looks at some; asked when there are no more passes for statistics.</summary>
    /// <param name="input">Its index.</param>
    public virtual bool MapReads(int input) => true;

    /// <summary>Whether the statistics want to see the whole tensor (once more).</summary>
    public virtual bool NeedsPass => false;

    /// <summary>Passes for statistics that are still to come, as a rule; for the plan of bytes that are read.</summary>
    public virtual int ExpectedPasses => NeedsPass ? 1 : 0;

    /// <summary>Passes for statistics that are still to come, at most: more than are expected where values come out in an unusual way.</summary>
    public virtual int MostPasses => ExpectedPasses;

    /// <summary>Whether a sample of the inputs, shown before the first pass, may save one.</summary>
    public virtual bool WantsSample => false;

    /// <summary>Looks at a part of a sample before the first pass. It may change which passes there are, and nothing else: nobody promises that there is one, or all of it.</summary>
    /// <param name="sample">Pieces from all over the tensor, one behind the other, of every input; without an output, and its first index says nothing. In all there are at most as many as <see cref="SampleSize"/> has for the tensor.</param>
    /// <param name="piece">Elements of a piece.</param>
    public virtual void Sample(in TensorChunk sample, int piece)
    {
    }

    /// <summary>Ends the sample.</summary>
    /// <param name="isWhole">Whether all of it was shown; else it is forgotten.</param>
    public virtual void CompleteSample(bool isWhole)
    {
    }

    /// <summary>Adds one chunk to the statistics of this pass.</summary>
    public virtual void Accumulate(in TensorChunk chunk) => throw new InvalidOperationException("This method asks for no statistics.");

    /// <summary>Ends a pass over all chunks.</summary>
    public virtual void CompletePass() => throw new InvalidOperationException("This method asks for no statistics.");

    /// <summary>Writes the merged elements of one chunk to its output.</summary>
    public abstract void Map(in TensorChunk chunk);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
    }
}
