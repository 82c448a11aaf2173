using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Parameters;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Tensors;
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
    /// <summary>The models of the recipe with their files, in its order.</summary>
    public IReadOnlyList<JobModel> Models { get; init; } = [];

    /// <summary>The model whose config and other files the output takes.</summary>
    public required JobModel Donor { get; init; }

    /// <summary>The vocabulary that the recipe builds; null where embeddings keep their rows.</summary>
    public OutputVocabulary? Vocabulary { get; init; }

    public void Dispose()
    {
        foreach (Checkpoint input in Inputs) input.Dispose();
    }
}

/// <summary>One model of a recipe.</summary>
/// <param name="Reference">As the recipe names it.</param>
/// <param name="Path">Its directory or file.</param>
/// <param name="Checkpoint">Its weights.</param>
public sealed record JobModel(ModelReference Reference, string Path, Checkpoint Checkpoint);

/// <summary>The vocabulary of the output, where a recipe builds one.</summary>
/// <param name="Rows">Rows of the embeddings, and <c>vocab_size</c> in the config.</param>
/// <param name="Files">
/// All tokenizer files of the output, by their names: none of the donor's own (<see cref="Vocabularies.Reading.TokenizerFiles.Names"/>) is copied, as they may have another vocabulary.
/// </param>
/// <param name="NewIds">What the ids of the donor's tokens become; ids that are not in it are lost.</param>
public sealed record OutputVocabulary(long Rows, IReadOnlyDictionary<string, ReadOnlyMemory<byte>> Files, IReadOnlyDictionary<int, int> NewIds);

/// <summary>One output tensor.</summary>
/// <param name="Name">Its name in the output.</param>
/// <param name="DType">What it is stored as.</param>
/// <param name="Shape">Shape of the output and of what is taken of every source.</param>
/// <param name="Sources">In the recipe's order, the base among them.</param>
/// <param name="Base">Index of the base among the sources; −1 where there is none.</param>
/// <param name="Method">How they are merged; null to copy the first source as it is (converted to <paramref name="DType"/>).</param>
/// <param name="Parameters">Of the method; null for a copy.</param>
public sealed record TensorJob(
    string Name, DType DType, Shape Shape, IReadOnlyList<TensorSource> Sources, int Base, TensorMethod? Method, TensorParameters? Parameters)
{
    /// <summary>
    /// What a parameter of a model that names a file (gradients, Fisher information) has for this tensor, one for each source; null where there is no file or the file lacks the
    /// tensor. Empty where the method has no such parameter.
    /// </summary>
    public IReadOnlyList<TensorSource?> Companions { get; init; } = [];

    /// <summary>Its place among the layers, as <see cref="TensorTask.Position"/>.</summary>
    public double Position { get; init; }

    /// <summary>Whether the merge is one of float64 values, which is done on whole tensors.</summary>
    public bool IsFloat64 => Method is { HasFloat64: true } && Sources.Any(s => s.DType is DType.F64);

    /// <summary>The tensor as its method sees it.</summary>
    public TensorTask Task(Device device, ulong seed) => new(device, Name, Shape, Sources.Count, Base, Parameters!, seed) { Position = Position };
}

/// <summary>
/// Where a source's values come from. Without a <see cref="Transform"/> a tensor there may have more rows than the job's shape where embeddings are cut: its first
/// elements are taken, as many as the job's shape has.
/// </summary>
/// <param name="Checkpoint">The model.</param>
/// <param name="Tensor">The tensor's name there.</param>
/// <param name="DType">
/// What the values are rounded to when they are read, before the merge (a recipe's <c>dtype</c>, or the common type of a tensor's inputs); they are
/// computed with as float32 all the same.
/// </param>
public sealed record TensorSource(Checkpoint Checkpoint, string Tensor, DType DType)
{
    /// <summary>What is made of the stored tensor on reading; null for the values as they are.</summary>
    public TensorTransform? Transform { get; init; }
}

/// <summary>
/// Values that are not simply those of a stored tensor: rows that follow their tokens, an adapter that is applied. They are asked for in pieces and by several threads at
/// once, and the same piece always has the same bits.
/// </summary>
public abstract class TensorTransform
{
    /// <summary>Pieces start and end at multiples of so many elements: usually a row.</summary>
    public abstract long Unit { get; }

    /// <summary>Bytes that it holds from the first piece on, for the plan of memory.</summary>
    public abstract long WorkingBytes { get; }

    /// <summary>Bytes that all pieces together read from files.</summary>
    public abstract long InputBytes { get; }

    /// <summary>Tensors that it reads beside the source's own: the factors of an adapter.</summary>
    public virtual IReadOnlyList<TensorSource> Others => [];

    /// <summary>Fills a piece, before the rounding to <see cref="TensorSource.DType"/>.</summary>
    /// <param name="first">Index of its first element in the transformed tensor, a multiple of <see cref="Unit"/>.</param>
    /// <param name="destination">As many elements as are asked for.</param>
    /// <exception cref="SafetensorsException">A file cannot be read.</exception>
    public abstract void Read(long first, Span<float> destination);
}
