namespace MergeEngine.Tensors.Operations;

/// <content>What the operations of <c>OperationSet.Conversion.cs</c> have to compute, or to read and write.</content>
public abstract partial class OperationSet
{
    private sealed partial class Profiled
    {
        protected override void ConvertCore(StoredVector output, StoredVector input)
        {
            long start = profile.Begin();
            inner.ConvertCore(output, input);
            profile.End(start, nameof(Convert), Bytes((double)input.Length * (input.ElementBytes + output.ElementBytes)));
        }

        protected override void AddWeightedSumCore(StoredVector output, StoredVector origin, ReadOnlySpan<StoredVector> inputs, ReadOnlySpan<float> weights, DeviceSpan<byte> mask)
        {
            long start = profile.Begin();
            inner.AddWeightedSumCore(output, origin, inputs, weights, mask);
            profile.End(start, nameof(AddWeightedSum), Stored(output, origin, inputs, mask));
        }
    }
}
