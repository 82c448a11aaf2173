using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Encoders;

/// <summary>
/// One transformer block (Vaswani et al., arXiv 1706.03762) with its LayerNorms before or after the branches:
/// m = x + s₁ ⊙ attention(LN₁(x)), y = m + s₂ ⊙ mlp(LN₂(m)); or h = LN₁(x + attention(x)), y = LN₂(h + mlp(h)).
/// </summary>
/// <remarks>
/// With <c>firstTokenOnly</c> the block makes only the first token of every sample: attention still reads all tokens, but projection, MLP
/// and their gradients run on one row a sample. The last block of an encoder that pools its class token needs no more; what is left out
/// has a gradient of exactly zero. It takes samples of one length.
/// </remarks>
internal sealed class TransformerBlock
{
    private readonly TransformerBlockShape _shape;
    private readonly TransformerBlockParameters _layers;

    public TransformerBlock(TransformerBlockShape shape, TransformerBlockParameters layers)
    {
        _shape = shape;
        _layers = layers;
    }

    /// <summary>Queries, keys and values, the projection, and the two of the MLP.</summary>
    public IEnumerable<LinearLayer> LinearLayers => [_layers.QueryKeyValue, _layers.Projection, _layers.Expand, _layers.Contract];

    private bool NormFirst => _shape.Norm == NormPlacement.Before;

    /// <summary>Fills the slots up to <see cref="BlockSlots.Output"/> from <see cref="BlockSlots.Input"/>.</summary>
    public void Forward(
        OperationSet operations, ParameterVector parameters, ActivationArena arena, BlockSlots slots, SampleRows rows, bool firstTokenOnly, DeviceSpan<int> keyMask = default)
    {
        var view = new View(arena, slots, _shape, rows, firstTokenOnly);
        Matrix input = view.All(slots.Input);
        Matrix read = input;
        if (NormFirst)
        {
            read = view.All(slots.Norm1);
            _layers.Norm1.Forward(operations, parameters, read, view.Statistics(slots.Norm1Statistics, all: true), input);
        }

        Matrix qkv = view.QueryKeyValue(slots.QueryKeyValue);
        _layers.QueryKeyValue.Forward(operations, parameters, qkv, read);
        foreach (SampleRun run in rows.Runs) Attend(operations, view, run, qkv, keyMask);

        Matrix residual = view.Rows(slots.Input), attention = view.Rows(slots.Attention), middle = view.Rows(slots.Middle);
        if (NormFirst)
        {
            Matrix norm2 = view.Rows(slots.Norm2), output = view.Rows(slots.Output);
            RunBranch(operations, parameters, _layers.Projection, _layers.AttentionScale, middle, attention, slots.AttentionBranch, view);
            if (_layers.AttentionScale is { } scale)
            {
                operations.ScaleColumnsForward(middle, view.Rows(slots.AttentionBranch), parameters[scale], residual);
                _layers.Norm2.Forward(operations, parameters, norm2, view.Statistics(slots.Norm2Statistics), middle);
            }
            else
            {
                _layers.Norm2.AddForward(operations, parameters, middle, norm2, view.Statistics(slots.Norm2Statistics), middle, residual);
            }

            Expand(operations, parameters, view, norm2);
            RunBranch(operations, parameters, _layers.Contract, _layers.MlpScale, output, view.Mlp(slots.Activated), slots.MlpBranch, view);
            if (_layers.MlpScale is { } mlpScale) operations.ScaleColumnsForward(output, view.Rows(slots.MlpBranch), parameters[mlpScale], middle);
            else operations.CopyMatrix(output, middle, accumulate: true);
        }
        else
        {
            Matrix norm1 = view.Rows(slots.Norm1), sum = view.Rows(slots.Sum);
            _layers.Projection.Forward(operations, parameters, middle, attention);
            _layers.Norm1.AddForward(operations, parameters, middle, norm1, view.Statistics(slots.Norm1Statistics), middle, residual);
            Expand(operations, parameters, view, norm1);
            _layers.Contract.Forward(operations, parameters, sum, view.Mlp(slots.Activated));
            _layers.Norm2.AddForward(operations, parameters, sum, view.Rows(slots.Output), view.Statistics(slots.Norm2Statistics), sum, norm1);
        }
    }

    /// <summary>
    /// Turns the gradient of the output, in <see cref="GradientSlots.Hidden"/>, into that of the input, in place, and adds the gradients of
    /// the block's parameters. With <paramref name="firstTokenOnly"/> the rows of other tokens must be zero.
    /// </summary>
    public void Backward(in BackwardPass pass, ActivationArena arena, BlockSlots slots, GradientSlots gradients, SampleRows rows, bool firstTokenOnly, DeviceSpan<int> keyMask = default)
    {
        var view = new View(arena, slots, _shape, rows, firstTokenOnly);
        Matrix stream = view.Rows(gradients.Hidden), branch = view.Rows(gradients.Branch), mlp = view.Mlp(gradients.Mlp);
        ReadOnlySpan<SampleRun> pieces = firstTokenOnly ? rows.OneEach : rows.Pieces(pass.Reduction);

        // The MLP half.
        if (!NormFirst) _layers.Norm2.Backward(pass, stream, stream, view.Rows(slots.Sum), view.Statistics(slots.Norm2Statistics), pieces);
        Matrix read = view.Rows(NormFirst ? slots.Norm2 : slots.Norm1);
        Matrix outer = Unscale(pass, _layers.MlpScale, branch, stream, slots.MlpBranch, view, pieces);
        _layers.Contract.BackwardWeight(pass, outer, view.Mlp(slots.Activated), pieces);
        _layers.Contract.BackwardInput(pass, mlp, outer, activation: _shape.Activation, preActivation: view.Mlp(slots.PreActivation));
        _layers.Expand.BackwardWeight(pass, mlp, read, pieces);
        if (NormFirst)
        {
            _layers.Expand.BackwardInput(pass, branch, mlp);
            _layers.Norm2.Backward(pass, stream, branch, view.Rows(slots.Middle), view.Statistics(slots.Norm2Statistics), pieces, accumulate: true);
        }
        else
        {
            _layers.Expand.BackwardInput(pass, stream, mlp, accumulate: true);
            _layers.Norm1.Backward(pass, stream, stream, view.Rows(slots.Middle), view.Statistics(slots.Norm1Statistics), pieces);
        }

        // The attention half.
        outer = Unscale(pass, _layers.AttentionScale, branch, stream, slots.AttentionBranch, view, pieces);
        _layers.Projection.BackwardWeight(pass, outer, view.Rows(slots.Attention), pieces);
        Matrix attention = view.All(gradients.Attention);
        if (firstTokenOnly) pass.Operations.Fill(attention.Data, 0);
        _layers.Projection.BackwardInput(pass, view.Rows(gradients.Attention), outer);
        Matrix qkv = view.QueryKeyValue(slots.QueryKeyValue), qkvGradient = view.QueryKeyValue(gradients.QueryKeyValue);
        foreach (SampleRun run in rows.Runs) AttendBackward(pass.Operations, view, run, qkv, qkvGradient, attention, keyMask);
        _layers.QueryKeyValue.BackwardWeight(pass, qkvGradient, view.All(NormFirst ? slots.Norm1 : slots.Input), rows.Pieces(pass.Reduction));
        Matrix all = view.All(gradients.Hidden);
        if (NormFirst)
        {
            Matrix inner = view.All(gradients.Branch);
            _layers.QueryKeyValue.BackwardInput(pass, inner, qkvGradient);
            _layers.Norm1.Backward(pass, all, inner, view.All(slots.Input), view.Statistics(slots.Norm1Statistics, all: true), rows.Pieces(pass.Reduction), accumulate: true);
        }
        else
        {
            _layers.QueryKeyValue.BackwardInput(pass, all, qkvGradient, accumulate: true);
        }
    }

    private void Attend(OperationSet operations, in View view, SampleRun run, Matrix qkv, DeviceSpan<int> keyMask)
    {
        Matrix some = qkv.SliceRows(run.FirstRow, run.Rows);
        int width = _shape.Width;
        operations.AttentionForward(
            view.All(view.Slots.Attention).SliceRows(run.FirstRow, run.Rows), view.LogSumExp(run), some.SliceColumns(0, width), some.SliceColumns(width, width),
            some.SliceColumns(2 * width, width), _shape.Attention(run), Of(keyMask, run));
    }

    private void AttendBackward(OperationSet operations, in View view, SampleRun run, Matrix qkv, Matrix qkvGradient, Matrix outputGradient, DeviceSpan<int> keyMask)
    {
        Matrix some = qkv.SliceRows(run.FirstRow, run.Rows), gradient = qkvGradient.SliceRows(run.FirstRow, run.Rows);
        int width = _shape.Width;
        operations.AttentionBackward(
            gradient.SliceColumns(0, width), gradient.SliceColumns(width, width), gradient.SliceColumns(2 * width, width),
            outputGradient.SliceRows(run.FirstRow, run.Rows), view.All(view.Slots.Attention).SliceRows(run.FirstRow, run.Rows), view.LogSumExp(run),
            some.SliceColumns(0, width), some.SliceColumns(width, width), some.SliceColumns(2 * width, width), _shape.Attention(run), Of(keyMask, run));
    }

    private static DeviceSpan<int> Of(DeviceSpan<int> keyMask, SampleRun run) => keyMask.IsNone ? default : keyMask.Slice(run.FirstRow, run.Rows);

    private void Expand(OperationSet operations, ParameterVector parameters, in View view, Matrix read)
    {
        Matrix preActivation = view.Slots.PreActivation < 0 ? default : view.Mlp(view.Slots.PreActivation);
        _layers.Expand.Forward(operations, parameters, view.Mlp(view.Slots.Activated), read, _shape.Activation, preActivation);
    }

    /// <summary>The output of a branch: into the stream's own rows, or, when a layer scale follows, into a slot that is kept for its gradient.</summary>
    private static void RunBranch(
        OperationSet operations, ParameterVector parameters, LinearLayer layer, Parameter? scale, Matrix stream, Matrix input, int branchSlot, in View view) =>
        layer.Forward(operations, parameters, scale is null ? stream : view.Rows(branchSlot), input);

    /// <summary>The gradient of a branch's output: that of the stream itself, or through the layer scale.</summary>
    private static Matrix Unscale(in BackwardPass pass, Parameter? scale, Matrix branch, Matrix stream, int branchSlot, in View view, ReadOnlySpan<SampleRun> pieces)
    {
        if (scale is null) return stream;
        Matrix output = view.Rows(branchSlot);
        foreach (SampleRun piece in pieces)
        {
            pass.Operations.ScaleColumnsBackward(
                branch.SliceRows(piece.FirstRow, piece.Rows), pass.Gradients[scale], stream.SliceRows(piece.FirstRow, piece.Rows),
                output.SliceRows(piece.FirstRow, piece.Rows), pass.Parameters[scale], pass.Reduction, piece.Tokens);
        }

        return branch;
    }

    /// <summary>The block's slots as matrices for one batch: all rows, or those that are wanted.</summary>
    private readonly ref struct View(ActivationArena arena, BlockSlots slots, TransformerBlockShape shape, SampleRows rows, bool firstTokenOnly)
    {
        private readonly int _wanted = firstTokenOnly ? rows.Samples : rows.Rows;

        public BlockSlots Slots { get; } = slots;

        public Matrix All(int slot) => arena.Matrix(slot, rows.Rows, shape.Width);

        public Matrix Rows(int slot) => firstTokenOnly ? All(slot).EveryRow(0, rows.Runs[0].Tokens) : All(slot);

        public Matrix QueryKeyValue(int slot) => arena.Matrix(slot, rows.Rows, 3 * shape.Width);

        public Matrix Mlp(int slot) => arena.Matrix(slot, _wanted, shape.MlpWidth);

        /// <summary>[samples, heads, tokens] of a run; <c>default</c> when nothing is kept.</summary>
        public DeviceSpan<float> LogSumExp(SampleRun run) => Slots.LogSumExp < 0 ? default
            : arena.Span(Slots.LogSumExp, (long)rows.Rows * shape.Heads).Slice((long)run.FirstRow * shape.Heads, (long)run.Rows * shape.Heads);

        public NormStatistics Statistics((int Mean, int InverseDeviation) slot, bool all = false)
        {
            if (slot.Mean < 0) return default;
            int count = all ? rows.Rows : _wanted;
            return new NormStatistics(arena.Span(slot.Mean, count), arena.Span(slot.InverseDeviation, count));
        }
    }
}
