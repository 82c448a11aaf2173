namespace MergeEngine.Tensors.Operations;

/// <content>Packed weights, timed.</content>
public abstract partial class OperationSet
{
    private sealed partial class Profiled
    {
        public override bool PacksWeights => inner.PacksWeights;

        protected override long PackedWeightBytesCore(int outputs, int inputs) => inner.PackedWeightBytesCore(outputs, inputs);

        protected override void PackWeightCore(PackedWeight packed, Matrix weight)
        {
            long start = profile.Begin();
            inner.PackWeightCore(packed, weight);
            profile.End(start, nameof(PackWeight), Bytes((sizeof(float) * (double)Size(weight)) + packed.Data.Length));
        }

        protected override void LinearForwardCore(Matrix output, Matrix input, PackedWeight weight, DeviceSpan<float> bias, Activation activation)
        {
            long start = profile.Begin();
            inner.LinearForwardCore(output, input, weight, bias, activation);
            double bytes = (sizeof(float) * (double)(Size(input) + Size(output))) + weight.Data.Length;
            profile.End(start, nameof(LinearForward), Product(output.Rows, weight.Outputs, weight.Inputs) with { Bytes = bytes });
        }
    }
}
