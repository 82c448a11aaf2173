using MergeEngine.Tensors.Cuda.Kernels;

namespace MergeEngine.Tensors.Cuda;

/// <content>Arithmetic on flat vectors.</content>
internal sealed partial class CudaOperations
{
    protected override void FillCore(DeviceSpan<float> values, float value) => Pass(VectorKernels.Fill, values.Length, values.Address, value: value);

    protected override void CopyCore(DeviceSpan<float> output, DeviceSpan<float> source) =>
        Pass(VectorKernels.Copy, source.Length, output.Address, source.Address);

    protected override void SubtractCore(DeviceSpan<float> output, DeviceSpan<float> a, DeviceSpan<float> b) =>
        Pass(VectorKernels.Subtract, a.Length, output.Address, a.Address, b.Address);

    protected override void ScaleCore(DeviceSpan<float> values, float factor) =>
        Pass(VectorKernels.Scale, values.Length, values.Address, values.Address, value: factor);

    protected override void ApplyMaskCore(DeviceSpan<float> output, DeviceSpan<float> input, DeviceSpan<byte> mask) =>
        Pass(VectorKernels.ApplyMask, input.Length, output.Address, input.Address, mask: mask.Address);

    protected override void AccumulateAbsoluteCore(DeviceSpan<float> sum, DeviceSpan<float> values) =>
        Pass(VectorKernels.AddAbsolute, values.Length, sum.Address, sum.Address, values.Address);

    protected override void WeightedSumCore(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<float> weights) =>
        AddWeightedSumCore(output, default, inputs, weights, default);

    protected override void AddWeightedSumCore(
        DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<float> weights, DeviceSpan<byte> mask)
    {
        if (output.Length == 0) return;
        var phase = new SpanPhase(4);
        phase.Add(output.Address, sizeof(float));
        phase.Add(origin.Address, sizeof(float));
        phase.Add(mask.Address, sizeof(byte));
        var arguments = new WeightedSumArguments
        {
            Output = output.Address,
            Origin = origin.Address,
            Mask = mask.Address,
            Length = output.Length,
            Count = inputs.Length,
        };
        lock (_device.Gate)
        {
            Span<WeightedInput> list = ListOf<WeightedInput>(arguments.Inputs, inputs.Length);
            for (int k = 0; k < list.Length; k++)
            {
                list[k] = new WeightedInput { Values = inputs[k].Address, Weight = weights[k] };
                phase.Add(list[k].Values, sizeof(float));
            }

            arguments.Head = phase.Head;
            Grid grid = phase.Grid(output.Length, VectorKernels.WeightedSumBlock);
            if (inputs.Length <= VectorKernels.InlineList)
            {
                Launch(VectorKernels.WeightedSum, grid, arguments);
            }
            else
            {
                arguments.Table = Scratch(TableBytes<WeightedInput>(inputs.Length));
                WriteTable<WeightedInput>(arguments.Table, list);
                Launch(VectorKernels.WeightedSumOfMany, grid, arguments);
            }
        }
    }

    private void Pass(Kernel<VectorArguments> kernel, long length, nint output, nint a = 0, nint b = 0, nint mask = 0, float value = 0)
    {
        if (length == 0) return;
        var phase = new SpanPhase(4);
        phase.Add(output, sizeof(float));
        phase.Add(a, sizeof(float));
        phase.Add(b, sizeof(float));
        phase.Add(mask, sizeof(byte));
        var arguments = new VectorArguments { Output = output, A = a, B = b, Mask = mask, Length = length, Value = value, Head = phase.Head };
        lock (_device.Gate) Launch(kernel, phase.Grid(length, VectorKernels.VectorBlock), arguments);
    }
}
