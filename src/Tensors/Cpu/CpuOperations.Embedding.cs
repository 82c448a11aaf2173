using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.Tokens;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu;

/// <content>Patches, tokens, embeddings and pooling.</content>
internal sealed unsafe partial class CpuOperations
{
    protected override void PatchesForwardCore(Matrix patches, DeviceSpan<float> images, PatchShape shape)
    {
        var kernel = new Patches(patches, images, shape, backward: false);
        Run(kernel, kernel.Tasks);
    }

    protected override void PatchesBackwardCore(DeviceSpan<float> imageGradient, Matrix patchGradient, PatchShape shape)
    {
        var kernel = new Patches(patchGradient, imageGradient, shape, backward: true);
        Run(kernel, kernel.Tasks);
    }

    protected override void AssembleTokensForwardCore(Matrix hidden, Matrix patches, Matrix prefix, Matrix positions, int positionStart, int batch, int tokens)
    {
        var kernel = new AssembleTokensForward(hidden, patches, prefix, positions, positionStart, batch, tokens);
        Run(kernel, kernel.Tasks);
    }

    protected override void AssembleTokensBackwardCore(
        Matrix patchGradient, Matrix prefixGradient, Matrix positionGradient, Matrix hiddenGradient, int prefixRows, int positionStart, GradientReduction reduction, int batch, int tokens)
    {
        var kernel = new AssembleTokensBackward(patchGradient, prefixGradient, positionGradient, hiddenGradient, prefixRows, positionStart, reduction, batch, tokens);
        Run(kernel, kernel.Tasks);
    }

    protected override void EmbeddingForwardCore(Matrix hidden, DeviceSpan<int> ids, Matrix table, bool accumulate)
    {
        var kernel = new EmbeddingForward(hidden, ids, table, accumulate);
        Run(kernel, kernel.Tasks);
    }

    protected override void EmbeddingBackwardCore(Matrix tableGradient, DeviceSpan<int> ids, Matrix hiddenGradient, GradientReduction reduction, int rowsPerSample)
    {
        long rows = Workspace.Align(hiddenGradient.Rows), slots = Workspace.Align(LinkEqualIds.Slots(rowsPerSample)) * _device.Pool.Workers;
        using Leased<Workspace>.Lease workspace = _workspace.Take();
        int* next = (int*)workspace.Value.Reserve((2 * rows) + slots), tables = next + rows;
        byte* starts = (byte*)(tables + slots);
        var links = new LinkEqualIds(ids, rowsPerSample, hiddenGradient.Rows / rowsPerSample, next, starts, tables, _device.Pool);
        Run(links, links.Tasks);
        var kernel = new EmbeddingBackward(tableGradient, ids, hiddenGradient, reduction, next, starts);
        Run(kernel, kernel.Tasks);
    }

    protected override void MeanPoolForwardCore(Matrix output, Matrix hidden, int firstToken, DeviceSpan<int> mask, int tokens)
    {
        var kernel = new MeanPoolForward(output, hidden, firstToken, mask, tokens);
        Run(kernel, kernel.Tasks);
    }

    protected override void MeanPoolBackwardCore(Matrix hiddenGradient, Matrix outputGradient, int firstToken, DeviceSpan<int> mask, int tokens)
    {
        var kernel = new MeanPoolBackward(hiddenGradient, outputGradient, firstToken, mask, tokens);
        Run(kernel, kernel.Tasks);
    }
}
