using MergeEngine.Tensors.Cpu.Vectors;

namespace MergeEngine.Tensors.Cpu;

/// <content>Arithmetic on flat vectors.</content>
internal sealed unsafe partial class CpuOperations
{
    protected override void FillCore(DeviceSpan<float> values, float value) =>
        VectorPass<Fill>.Run(_device, new Fill { Output = values.Pointer, Value = value }, values.Length);

    protected override void CopyCore(DeviceSpan<float> output, DeviceSpan<float> source) =>
        VectorPass<Copy>.Run(_device, new Copy { Output = output.Pointer, Input = source.Pointer }, source.Length);

    protected override void SubtractCore(DeviceSpan<float> output, DeviceSpan<float> a, DeviceSpan<float> b) =>
        Apply(new Subtract(), output, a, b, a.Length);

    protected override void ScaleCore(DeviceSpan<float> values, float factor) =>
        Apply(new Multiply(factor), values, values, values, values.Length);

    protected override void AccumulateAbsoluteCore(DeviceSpan<float> sum, DeviceSpan<float> values) =>
        Apply(new AddAbsolute(), sum, sum, values, values.Length);

    protected override void ApplyMaskCore(DeviceSpan<float> output, DeviceSpan<float> input, DeviceSpan<byte> mask) =>
        VectorPass<MaskedCopy>.Run(
            _device, new MaskedCopy { Output = output.Pointer, Input = input.Pointer, Mask = mask.Pointer }, input.Length);

    protected override void WeightedSumCore(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<float> weights) =>
        AddWeightedSumCore(output, default, inputs, weights, default);

    protected override void AddWeightedSumCore(
        DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<float> weights, DeviceSpan<byte> mask)
    {
        byte* scratch = Scratch.Require(Scratch.PointerBytes(inputs.Length));
        fixed (float* factors = weights)
        {
            VectorPass<WeightedSum>.Run(
                _device,
                new WeightedSum
                {
                    Output = output.Pointer,
                    Origin = origin.Pointer,
                    Inputs = Scratch.Pointers(scratch, inputs),
                    Weights = factors,
                    Count = inputs.Length,
                    Mask = mask.Pointer,
                },
                output.Length);
        }
    }

    private void Apply<TOperator>(TOperator op, DeviceSpan<float> output, DeviceSpan<float> a, DeviceSpan<float> b, long length)
        where TOperator : struct, IElementwise =>
        VectorPass<Elementwise<TOperator>>.Run(
            _device, new Elementwise<TOperator> { Output = output.Pointer, A = a.Pointer, B = b.Pointer, Operator = op }, length);
}
