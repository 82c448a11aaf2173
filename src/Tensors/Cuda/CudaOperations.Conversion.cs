using MergeEngine.Tensors.Cuda.Kernels;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cuda;

/// <content>Arithmetic on vectors in the dtypes of files.</content>
internal sealed partial class CudaOperations
{
    protected override void ConvertCore(StoredVector output, StoredVector input)
    {
        if (input.Length == 0) return;
        if (output.DType != input.DType)
            AddWeightedSumCore(output.Slice(0, input.Length), input, [], [], default);
        else if (input.ElementBytes >= sizeof(float))
            Pass(VectorKernels.Copy, input.Length * (input.ElementBytes / sizeof(float)), output.Bytes.Address, input.Bytes.Address);
        else
            Copy16(output.Bytes.Address, input.Bytes.Address, input.Length);
    }

    protected override void AddWeightedSumCore(
        StoredVector output, StoredVector origin, ReadOnlySpan<StoredVector> inputs, ReadOnlySpan<float> weights, DeviceSpan<byte> mask)
    {
        if (output.Length == 0) return;

        // A thread stores 16 bytes at a time: 8 elements of 16 bits, or 4 wider ones.
        bool narrow = output.ElementBytes == 2;
        var phase = new SpanPhase(narrow ? 8 : 4);
        phase.Add(output.Bytes.Address, output.ElementBytes);
        phase.Add(origin.Bytes.Address, origin.ElementBytes);
        phase.Add(mask.Address, sizeof(byte));
        var arguments = new StoredSumArguments
        {
            Output = output.Bytes.Address,
            Origin = origin.Bytes.Address,
            Mask = mask.Address,
            Length = output.Length,
            Count = inputs.Length,
            OutputDType = Code(output.DType),
            OriginDType = origin.IsNone ? 0 : Code(origin.DType),
        };
        lock (_device.Gate)
        {
            Span<StoredInput> list = ListOf<StoredInput>(arguments.Inputs, inputs.Length);
            for (int k = 0; k < list.Length; k++)
            {
                list[k] = new StoredInput { Values = inputs[k].Bytes.Address, Weight = weights[k], DType = Code(inputs[k].DType) };
                phase.Add(list[k].Values, inputs[k].ElementBytes);
            }

            arguments.Head = phase.Head;
            Grid grid = phase.Grid(output.Length, VectorKernels.StoredBlock);
            if (inputs.Length <= VectorKernels.InlineList)
            {
                Launch(narrow ? VectorKernels.StoredSumTo16 : VectorKernels.StoredSumTo32, grid, arguments);
            }
            else
            {
                arguments.Table = Scratch(TableBytes<StoredInput>(inputs.Length));
                WriteTable<StoredInput>(arguments.Table, list);
                Launch(narrow ? VectorKernels.StoredSumTo16OfMany : VectorKernels.StoredSumTo32OfMany, grid, arguments);
            }
        }
    }

    private void Copy16(nint output, nint input, long length)
    {
        var phase = new SpanPhase(8);
        phase.Add(output, sizeof(ushort));
        phase.Add(input, sizeof(ushort));
        var arguments = new CopyStoredArguments { Output = output, Input = input, Length = length, Head = phase.Head };
        lock (_device.Gate) Launch(VectorKernels.CopyStored16, phase.Grid(length, VectorKernels.CopyStoredBlock), arguments);
    }

    /// <summary>The numbers of <c>native/kernels/stored.cuh</c>.</summary>
    private static int Code(DType dtype) => dtype switch { DType.F32 => 0, DType.F16 => 1, DType.BF16 => 2, _ => 3 };
}
