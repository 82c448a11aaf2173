namespace MergeEngine.Tensors.Operations;

/// <content>What the operations of <c>OperationSet.Embedding.cs</c> have to compute, or to read and write.</content>
public abstract partial class OperationSet
{
    private sealed partial class Profiled
    {
        protected override void PatchesForwardCore(Matrix patches, DeviceSpan<float> images, PatchShape shape)
        {
            long start = profile.Begin();
            inner.PatchesForwardCore(patches, images, shape);
            profile.End(start, nameof(PatchesForward), Pass(2 * Size(patches)));
        }

        protected override void PatchesBackwardCore(DeviceSpan<float> imageGradient, Matrix patchGradient, PatchShape shape)
        {
            long start = profile.Begin();
            inner.PatchesBackwardCore(imageGradient, patchGradient, shape);
            profile.End(start, nameof(PatchesBackward), Pass(2 * Size(patchGradient)));
        }

        protected override void AssembleTokensForwardCore(Matrix hidden, Matrix patches, Matrix prefix, Matrix positions, int positionStart, int batch, int tokens)
        {
            long start = profile.Begin();
            inner.AssembleTokensForwardCore(hidden, patches, prefix, positions, positionStart, batch, tokens);
            profile.End(start, nameof(AssembleTokensForward), Pass(Size(hidden) + Size(patches) + Size(positions)));
        }

        protected override void AssembleTokensBackwardCore(
            Matrix patchGradient, Matrix prefixGradient, Matrix positionGradient, Matrix hiddenGradient, int prefixRows, int positionStart, GradientReduction reduction, int batch, int tokens)
        {
            long start = profile.Begin();
            inner.AssembleTokensBackwardCore(patchGradient, prefixGradient, positionGradient, hiddenGradient, prefixRows, positionStart, reduction, batch, tokens);
            profile.End(start, nameof(AssembleTokensBackward), Pass(Size(hiddenGradient) + Size(patchGradient) + (positionGradient.IsNone ? 0 : 2 * Size(positionGradient))));
        }

        protected override void EmbeddingForwardCore(Matrix hidden, DeviceSpan<int> ids, Matrix table, bool accumulate)
        {
            long start = profile.Begin();
            inner.EmbeddingForwardCore(hidden, ids, table, accumulate);
            profile.End(start, nameof(EmbeddingForward), Pass(Size(hidden) * (accumulate ? 3 : 2) + ids.Length));
        }

        protected override void EmbeddingBackwardCore(Matrix tableGradient, DeviceSpan<int> ids, Matrix hiddenGradient, GradientReduction reduction, int rowsPerSample)
        {
            long start = profile.Begin();
            inner.EmbeddingBackwardCore(tableGradient, ids, hiddenGradient, reduction, rowsPerSample);
            profile.End(start, nameof(EmbeddingBackward), Pass(3 * Size(hiddenGradient) + ids.Length));
        }
    }
}
