using MergeEngine.Merging.Recipes.Parameters;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Planning;

/// <summary>A whole merge, settled from headers alone: every output tensor with its sources, method and parameters. Nothing of it is in doubt any more when the first weight is read.</summary>
/// <param name="Tensors">In the order of processing, which decides the shards.</param>
/// <param name="Inputs">The opened checkpoints, each once; they belong to the job.</param>
/// <param name="Notes">What the reader of a plan should know: tensors that are copied, renamed, tied or left out, one line each.</param>
/// <param name="Seed">Seed of everything random.</param>
public sealed record MergeJob(IReadOnlyList<TensorJob> Tensors, IReadOnlyList<Checkpoint> Inputs, IReadOnlyList<string> Notes, ulong Seed) : IDisposable
{
    public void Dispose()
    {
        foreach (Checkpoint input in Inputs) input.Dispose();
    }
}

/// <summary>One output tensor.</summary>
/// <param name="Name">Its name in the output.</param>
/// <param name="DType">What it is stored as.</param>
/// <param name="Shape">Shape of the output and of what is taken of every source.</param>
/// <param name="Sources">In the recipe's order, the base among them.</param>
/// <param name="Base">Index of the base among the sources; −1 where there is none.</param>
/// <param name="Method">How they are merged; null to copy the first source as it is (converted to <paramref name="DType"/>).</param>
/// <param name="Parameters">Of the method; null for a copy.</param>
public sealed record TensorJob(
    string Name, DType DType, Shape Shape, IReadOnlyList<TensorSource> Sources, int Base, TensorMethod? Method, TensorParameters? Parameters);

/// <summary>
/// Where a source's values come from. A tensor there may have more rows than the job's shape where embeddings are cut: its first elements are taken, as many
/// as the job's shape has.
/// </summary>
/// <param name="Checkpoint">The model.</param>
/// <param name="Tensor">The tensor's name there.</param>
/// <param name="DType">
/// What the values are rounded to when they are read, before the merge (a recipe's <c>dtype</c>, or the common type of a tensor's inputs); they are
/// computed with as float32 all the same.
/// </param>
public sealed record TensorSource(Checkpoint Checkpoint, string Tensor, DType DType);
