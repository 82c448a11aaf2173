using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Encoders;

/// <summary>What a forward pass leaves behind.</summary>
internal enum Retention
{
    /// <summary>The output alone.</summary>
    Output,

    /// <summary>The input of the first block and the output of every block.</summary>
    HiddenStates,

    /// <summary>Everything that the backward pass reads.</summary>
    Backward,
}

/// <summary>Blocks one after another, and the plan of their activations.</summary>
internal sealed class TransformerStack
{
    private readonly TransformerBlock[] _blocks;

    public TransformerStack(TransformerBlockShape shape, IReadOnlyList<TransformerBlockParameters> blocks)
    {
        Shape = shape;
        _blocks = new TransformerBlock[blocks.Count];
        for (int i = 0; i < _blocks.Length; i++) _blocks[i] = new TransformerBlock(shape, blocks[i]);
    }

    public TransformerBlockShape Shape { get; }

    public int Layers => _blocks.Length;

    public IEnumerable<LinearLayer> LinearLayers => _blocks.SelectMany(block => block.LinearLayers);

    /// <summary>Plans the slots of all blocks.</summary>
    /// <param name="arena">Gets them.</param>
    /// <param name="retention">What is kept.</param>
    /// <param name="tokens">Tokens of what the arena counts: those of a sample, or 1 where it counts rows because samples differ in length.</param>
    public StackSlots Plan(ActivationArena arena, Retention retention, long tokens)
    {
        long width = Shape.Width;
        var hidden = new int[Layers + 1];
        hidden[0] = arena.Add(tokens * width);
        for (int i = 1; i < hidden.Length; i++) hidden[i] = retention == Retention.Output ? hidden[0] : arena.Add(tokens * width);
        var blocks = new BlockSlots[Layers];
        if (retention == Retention.Backward)
        {
            for (int i = 0; i < blocks.Length; i++) blocks[i] = PlanTraining(arena, tokens, hidden[i], hidden[i + 1]);
            var gradients = new GradientSlots(
                arena.Add(tokens * width), arena.Add(tokens * width), arena.Add(tokens * width), arena.Add(tokens * 3 * width), arena.Add(tokens * Shape.MlpWidth));
            return new StackSlots(hidden, blocks, gradients);
        }

        BlockSlots shared = PlanInference(arena, tokens);
        for (int i = 0; i < blocks.Length; i++) blocks[i] = shared with { Input = hidden[i], Output = hidden[i + 1] };
        return new StackSlots(hidden, blocks, null);
    }

    /// <summary>From <see cref="StackSlots.Hidden"/>[0] to the last of them.</summary>
    public void Forward(
        OperationSet operations, ParameterVector parameters, ActivationArena arena, StackSlots slots, SampleRows rows, bool firstTokenOnly, DeviceSpan<int> keyMask = default)
    {
        for (int i = 0; i < _blocks.Length; i++)
            _blocks[i].Forward(operations, parameters, arena, slots.Blocks[i], rows, firstTokenOnly && i == _blocks.Length - 1, keyMask);
    }

    /// <summary>Turns the gradient in <see cref="GradientSlots.Hidden"/> from that of the last output into that of the first input.</summary>
    public void Backward(in BackwardPass pass, ActivationArena arena, StackSlots slots, SampleRows rows, bool firstTokenOnly, DeviceSpan<int> keyMask = default)
    {
        for (int i = _blocks.Length - 1; i >= 0; i--)
            _blocks[i].Backward(pass, arena, slots.Blocks[i], slots.Gradients!, rows, firstTokenOnly && i == _blocks.Length - 1, keyMask);
    }

    private BlockSlots PlanTraining(ActivationArena arena, long tokens, int input, int output)
    {
        long stream = tokens * Shape.Width, mlp = tokens * Shape.MlpWidth;
        bool after = Shape.Norm == NormPlacement.After;
        return new BlockSlots(
            input, arena.Add(stream), (arena.Add(tokens), arena.Add(tokens)), arena.Add(3 * stream), arena.Add(stream), arena.Add(tokens * Shape.Heads),
            Shape.LayerScale ? arena.Add(stream) : -1, arena.Add(stream), after ? -1 : arena.Add(stream), (arena.Add(tokens), arena.Add(tokens)),
            arena.Add(mlp), arena.Add(mlp), Shape.LayerScale ? arena.Add(stream) : -1, after ? arena.Add(stream) : -1, output);
    }

    private BlockSlots PlanInference(ActivationArena arena, long tokens)
    {
        long stream = tokens * Shape.Width;
        int normalized = arena.Add(stream), middle = arena.Add(stream), branch = Shape.LayerScale ? arena.Add(stream) : -1;
        // The heads write over what was normalised once queries, keys and values are made of it; the second norm, or in the other placement the
        // first, writes over the heads' output once it is projected; and with the norm after, the MLP's sum takes the place of the first sum.
        return new BlockSlots(
            -1, normalized, (-1, -1), arena.Add(3 * stream), normalized, -1, branch, middle, normalized, (-1, -1), -1,
            arena.Add(tokens * Shape.MlpWidth), branch, middle, -1);
    }
}

/// <summary>The slots of a stack.</summary>
/// <param name="Hidden">Layers + 1 of [tokens, width]; all the same where hidden states are not kept.</param>
/// <param name="Blocks">One for each block.</param>
/// <param name="Gradients">Scratch; null when no backward pass follows.</param>
internal sealed record StackSlots(int[] Hidden, BlockSlots[] Blocks, GradientSlots? Gradients);
