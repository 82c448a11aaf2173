namespace MergeEngine.Tensors.Operations;

/// <content>What the operations of <c>OperationSet.Selection.cs</c> have to compute, or to read and write.</content>
public abstract partial class OperationSet
{
    private sealed partial class Profiled
    {
        protected override void CrossMagnitudeCore(DeviceSpan<double> keys, ReadOnlySpan<DeviceSpan<float>> magnitudes, ReadOnlySpan<DeviceSpan<float>> vectors)
        {
            long start = profile.Begin();
            inner.CrossMagnitudeCore(keys, magnitudes, vectors);
            profile.End(start, nameof(CrossMagnitude), Bytes(Vectors(vectors).Bytes + Vectors(magnitudes).Bytes + (sizeof(double) * (double)keys.Length)));
        }

        protected override void DropMaskCore(DeviceSpan<byte> mask, DeviceSpan<double> keys, Selection dropped, long firstIndex)
        {
            long start = profile.Begin();
            inner.DropMaskCore(mask, keys, dropped, firstIndex);
            profile.End(start, nameof(DropMask), Bytes((sizeof(double) + 1) * (double)keys.Length));
        }

        protected override void KeepMaskCore(DeviceSpan<byte> mask, DeviceSpan<float> values, Selection kept, long firstIndex)
        {
            long start = profile.Begin();
            inner.KeepMaskCore(mask, values, kept, firstIndex);
            profile.End(start, nameof(KeepMask), Mask(values.Length));
        }

        protected override long SignBalanceCore(ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<Selection> kept, long firstIndex)
        {
            long start = profile.Begin();
            long result = inner.SignBalanceCore(vectors, kept, firstIndex);
            profile.End(start, nameof(SignBalance), Vectors(vectors));
            return result;
        }

        protected override void DisjointMeanCore(
            DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<Selection> kept, int undecidedSign, long firstIndex)
        {
            long start = profile.Begin();
            inner.DisjointMeanCore(output, vectors, kept, undecidedSign, firstIndex);
            profile.End(start, nameof(DisjointMean), Pass((vectors.Length + 1) * output.Length));
        }

        protected override void RandomMaskCore(DeviceSpan<byte> mask, ulong key, double keepProbability, long firstIndex)
        {
            long start = profile.Begin();
            inner.RandomMaskCore(mask, key, keepProbability, firstIndex);
            profile.End(start, nameof(RandomMask), Bytes(mask.Length));
        }
    }
}
