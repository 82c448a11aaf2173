using MergeEngine.Tensors.Cuda.Kernels;
using MergeEngine.Tensors.Cuda.Memory;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cuda;

/// <content>From images and token ids to the rows of the first block.</content>
internal sealed partial class CudaOperations
{
    protected override void PatchesForwardCore(Matrix patches, DeviceSpan<float> images, PatchShape shape) => MovePatches(TokenKernels.PatchesForward, patches, images, shape);

    protected override void PatchesBackwardCore(DeviceSpan<float> imageGradient, Matrix patchGradient, PatchShape shape) =>
        MovePatches(TokenKernels.PatchesBackward, patchGradient, imageGradient, shape);

    protected override void AssembleTokensForwardCore(Matrix hidden, Matrix patches, Matrix prefix, Matrix positions, int positionStart, int batch, int tokens)
    {
        if (hidden.Rows == 0 || hidden.Columns == 0) return;
        Grid grid = RowLaunch.Elements(hidden.Rows, hidden.Columns, out int lanesLog2);
        var arguments = new AssembleTokensForwardArguments
        {
            Hidden = hidden,
            Patches = patches,
            Prefix = prefix,
            Positions = positions,
            Rows = hidden.Rows,
            Columns = hidden.Columns,
            Tokens = tokens,
            PrefixRows = prefix.IsNone ? 0 : prefix.Rows,
            PositionStart = positionStart,
            LanesLog2 = lanesLog2,
        };
        lock (_device.Gate) Launch(TokenKernels.AssembleTokensForward, grid, arguments);
    }

    protected override void AssembleTokensBackwardCore(
        Matrix patchGradient, Matrix prefixGradient, Matrix positionGradient, Matrix hiddenGradient, int prefixRows, int positionStart, GradientReduction reduction, int batch, int tokens)
    {
        if (hiddenGradient.Rows == 0 || hiddenGradient.Columns == 0) return;
        var arguments = new AssembleTokensBackwardArguments
        {
            PatchGradient = patchGradient,
            PrefixGradient = prefixGradient,
            PositionGradient = positionGradient,
            HiddenGradient = hiddenGradient,
            Batch = batch,
            Columns = hiddenGradient.Columns,
            Tokens = tokens,
            PrefixRows = prefixRows,
            PositionStart = positionStart,
            Absolute = reduction == GradientReduction.AbsolutePerSample ? 1 : 0,
        };
        lock (_device.Gate) Launch(TokenKernels.AssembleTokensBackward, RowLaunch.Tiles(tokens, hiddenGradient.Columns), arguments);
    }

    protected override void EmbeddingForwardCore(Matrix hidden, DeviceSpan<int> ids, Matrix table, bool accumulate)
    {
        if (hidden.Rows == 0 || hidden.Columns == 0) return;
        Grid grid = RowLaunch.Elements(hidden.Rows, hidden.Columns, out int lanesLog2);
        var arguments = new EmbeddingForwardArguments
        {
            Hidden = hidden,
            Table = table,
            Ids = ids.Address,
            Rows = hidden.Rows,
            Columns = hidden.Columns,
            Accumulate = accumulate ? 1 : 0,
            LanesLog2 = lanesLog2,
        };
        lock (_device.Gate) Launch(TokenKernels.EmbeddingForward, grid, arguments);
    }

    protected override void EmbeddingBackwardCore(Matrix tableGradient, DeviceSpan<int> ids, Matrix hiddenGradient, GradientReduction reduction, int rowsPerSample)
    {
        int rows = hiddenGradient.Rows, columns = hiddenGradient.Columns;
        if (rows == 0 || columns == 0) return;
        bool absolute = reduction == GradientReduction.AbsolutePerSample;
        int section = 32;
        while ((long)section * section < rows) section *= 2;

        var layout = default(ScratchLayout);
        long stride = RowLaunch.Divided(columns, 4) * 4L, indexBytes = (long)rows * sizeof(int);
        long atOrder = layout.Take(indexBytes), atSorted = layout.Take(indexBytes), atNext = layout.Take(indexBytes), atPartials = layout.Take(rows * stride * sizeof(float));
        lock (_device.Gate)
        {
            nint scratch = Scratch(layout.Bytes), order = scratch + (nint)atOrder, sorted = scratch + (nint)atSorted;
            var arguments = new EmbeddingRunsArguments
            {
                TableGradient = tableGradient,
                HiddenGradient = hiddenGradient,
                Partials = new RowsArgument(scratch + (nint)atPartials, stride),
                Next = scratch + (nint)atNext,
                Order = order,
                SortedIds = sorted,
                Rows = rows,
                Columns = columns,
                Section = absolute ? rowsPerSample : section,
                Absolute = absolute ? 1 : 0,
            };
            int blocks = RowLaunch.Divided(rows, TokenKernels.EmbeddingWarps);
            Launch(TokenKernels.EmbeddingOrder, new Grid(blocks), new EmbeddingOrderArguments { Order = order, SortedIds = sorted, Ids = ids.Address, Rows = rows });
            Grid grid = RowLaunch.Tiles(blocks, columns);
            Launch(TokenKernels.EmbeddingRuns, grid, arguments);
            Launch(TokenKernels.EmbeddingSums, grid, arguments);
        }
    }

    private void MovePatches(Kernel<PatchesArguments> kernel, Matrix patches, DeviceSpan<float> images, PatchShape shape)
    {
        if (shape.Batch == 0 || shape.ImageLength == 0) return;
        bool packed = shape.Patch % 4 == 0 && shape.Width % 4 == 0 && IsAligned(images.Address | patches.Data.Address) && patches.Stride % 4 == 0;
        var arguments = new PatchesArguments
        {
            Patches = patches,
            Images = images.Address,
            Planes = checked(shape.Batch * shape.Channels),
            Channels = shape.Channels,
            Height = shape.Height,
            Width = shape.Width,
            Side = shape.Patch,
            Packet = packed ? 4 : 1,
        };
        Grid grid = Grid.Over((long)shape.Height * shape.Width / arguments.Packet, kernel.Threads);
        lock (_device.Gate) Launch(kernel, grid with { Y = RowLaunch.Limited(arguments.Planes) }, arguments);
    }
}
