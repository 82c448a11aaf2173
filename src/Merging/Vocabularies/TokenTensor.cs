using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Vocabularies.Rows;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Vocabularies;

/// <summary>One output tensor with a row per token: its shape, and how the tensor of each model gets its rows.</summary>
internal sealed class TokenTensor
{
    private readonly VocabularyPlan _plan;
    private readonly RowSource?[] _sources;
    private readonly bool[] _has;
    private readonly int _width;

    private TokenTensor(VocabularyPlan plan, Shape shape, int width, RowSource?[] sources) =>
        (_plan, Shape, _width, _sources, _has) = (plan, shape, width, sources, [.. sources.Select(s => s is not null)]);

    /// <summary>Shape of the output.</summary>
    public Shape Shape { get; }

    /// <summary>The tensor in every model that has it.</summary>
    /// <param name="plan">The vocabulary.</param>
    /// <param name="output">Name in the output.</param>
    /// <param name="like">The tensor of one model, whose shape beside the tokens all must have.</param>
    /// <exception cref="VocabularyException">Its rows are too large.</exception>
    public static TokenTensor Create(VocabularyPlan plan, string output, TensorEntry like)
    {
        int axis = AxisOf(output, like.Shape);
        long width = like.Shape.Dimensions[(axis + 1)..].ToArray().Aggregate(1L, (a, b) => a * b);
        if (width > Array.MaxLength) throw new VocabularyException($"The tensor {Quoting.Quote(output)} has {width} elements for each token, expected at most {Array.MaxLength}.");
        long[] dimensions = like.Shape.Dimensions.ToArray();
        dimensions[axis] = plan.Output.Rows;
        var sources = new RowSource?[plan.Tensors.Count];
        for (int m = 0; m < sources.Length; m++)
        {
            if (width > 0 && plan.Find(m, output) is { } entry && Fits(output, entry.Shape, like.Shape) && entry.DType.IsArithmetic()) sources[m] = new RowSource(plan.Tensors[m].SourceOf(entry, entry.DType), entry, (int)width);
        }

        try
        {
            return new TokenTensor(plan, new Shape(dimensions), (int)width, sources);
        }
        catch (OverflowException e)
        {
            throw new VocabularyException($"The tensor {Quoting.Quote(output)} has more elements with {plan.Output.Rows} rows than fit 63 bits.", e);
        }
    }

    /// <summary>Rows of a stored tensor.</summary>
    public static long RowsOf(string name, Shape shape) => shape[AxisOf(name, shape)];

    /// <summary>Whether two tensors differ in their rows at most.</summary>
    public static bool Fits(string name, Shape shape, Shape other)
    {
        if (shape.Rank != other.Rank || shape.Rank == 0) return false;
        int axis = AxisOf(name, other);
        for (int d = 0; d < shape.Rank; d++)
        {
            if (d != axis && shape[d] != other[d]) return false;
        }

        return true;
    }

    /// <summary>The tensor of one model with its rows moved.</summary>
    /// <param name="model">The model.</param>
    /// <param name="entry">Its tensor.</param>
    /// <param name="read">What values are rounded to.</param>
    public TensorSource SourceOf(ModelTensors model, TensorEntry entry, DType read)
    {
        int index = _plan.IndexOf(model);
        TensorSource source = model.SourceOf(entry, read);
        if (_width == 0) return source;
        // A slice may take the tensor of another name.
        RowSource?[] sources = [.. _sources];
        sources[index] = new RowSource(source, entry, _width);
        bool[] has = [.. _has];
        has[index] = true;
        RowMap map = _plan.MapOf(index, has);
        return map.IsIdentity ? source : source with { Transform = new RowTransform(map, sources, _width) };
    }

    /// <summary>Something of the same shape that is known of a model's parameters, such as their gradients: its rows moved, zeros for tokens that the model lacks.</summary>
    public TensorSource CompanionOf(ModelTensors model, Checkpoint checkpoint, TensorEntry entry)
    {
        int index = _plan.IndexOf(model);
        var source = new TensorSource(checkpoint, entry.Name, entry.DType);
        RowMap map = _plan.OwnMapOf(index);
        if (_width == 0 || map.IsIdentity) return source;
        var sources = new RowSource?[_sources.Length];
        sources[index] = new RowSource(source, entry, _width);
        return source with { Transform = new RowTransform(map, sources, _width) };
    }

    /// <summary>Biases of logits may stand in a single row.</summary>
    private static int AxisOf(string name, Shape shape) => shape.Rank == 2 && shape[0] == 1 && TensorRoles.EndsWithPart(name, "final_logits_bias") ? 1 : 0;
}
