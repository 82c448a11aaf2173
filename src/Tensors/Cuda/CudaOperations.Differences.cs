using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cuda.Kernels;
using MergeEngine.Tensors.Cuda.Memory;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cuda;

/// <content>Differences from a base, put together.</content>
internal sealed partial class CudaOperations
{
    protected override void MergeDifferencesCore(
        DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<DifferenceTerm> terms,
        DifferenceRule rule, double scale, long firstIndex)
    {
        if (output.Length == 0) return;
        var phase = new SpanPhase(4);
        phase.Add(output.Address, sizeof(float));
        phase.Add(origin.Address, sizeof(float));
        lock (_device.Gate)
        {
            Span<DifferenceInput> list = ListOf<DifferenceInput>([], inputs.Length);
            for (int k = 0; k < list.Length; k++)
            {
                var kept = new StrictThreshold(terms[k].Kept, firstIndex);
                var dropped = new StrictThreshold(terms[k].Dropped, firstIndex);
                list[k] = new DifferenceInput
                {
                    Values = inputs[k].Address,
                    Mask = terms[k].Mask.Address,
                    KeptBoundary = kept.Boundary,
                    KeptBelow = kept.MagnitudeLimit(-1),
                    KeptFrom = kept.MagnitudeLimit(AfterBoundary),
                    DroppedBoundary = dropped.Boundary,
                    DroppedBelow = dropped.MagnitudeLimit(-1),
                    DroppedFrom = dropped.MagnitudeLimit(AfterBoundary),
                    Factor = terms[k].Factor,
                    Weight = terms[k].Weight,
                    Vote = terms[k].Vote,
                };
                phase.Add(list[k].Values, sizeof(float));
                if (!terms[k].Mask.IsNone) phase.Add(list[k].Mask, sizeof(byte));
            }

            nint table = Scratch(ScratchLayout.Aligned((long)list.Length * Unsafe.SizeOf<DifferenceInput>()));
            WriteTable<DifferenceInput>(table, list);
            var arguments = new MergeDifferencesArguments
            {
                Output = output.Address,
                Origin = origin.Address,
                Table = table,
                Length = output.Length,
                Scale = scale,
                Count = list.Length,
                Rule = (int)rule,
                Head = phase.Head,
            };
            Launch(DifferenceKernels.MergeDifferences, phase.Grid(output.Length, DifferenceKernels.Block), arguments);
        }
    }

    protected override void VarianceCore(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> inputs)
    {
        if (output.Length == 0) return;
        var phase = new SpanPhase(4);
        phase.Add(output.Address, sizeof(float));
        lock (_device.Gate)
        {
            Span<long> list = ListOf<long>([], inputs.Length);
            for (int k = 0; k < list.Length; k++)
            {
                list[k] = inputs[k].Address;
                phase.Add(inputs[k].Address, sizeof(float));
            }

            nint table = Scratch(ScratchLayout.Aligned((long)list.Length * sizeof(long)));
            WriteTable<long>(table, list);
            var arguments = new VarianceArguments { Output = output.Address, Table = table, Length = output.Length, Count = list.Length, Head = phase.Head };
            Launch(DifferenceKernels.Variance, phase.Grid(output.Length, DifferenceKernels.Block), arguments);
        }
    }

    protected override void RankedMaskCore(DeviceSpan<byte> mask, DeviceSpan<float> values, DeviceSpan<float> origin, int columns, ulong key, double first, double step, long firstIndex)
    {
        if (values.Length == 0) return;
        int rowBlocks = (int)(((long)columns + DifferenceKernels.RankBlock - 1) / DifferenceKernels.RankBlock);
        var arguments = new RankedMaskArguments
        {
            Mask = mask.Address,
            Values = values.Address,
            FirstIndex = (ulong)firstIndex,
            Key = key,
            First = first,
            Step = step,
            Columns = columns,
            RowBlocks = rowBlocks,
        };
        lock (_device.Gate) Launch(DifferenceKernels.RankedMask, new Grid(checked((int)(values.Length / columns * rowBlocks))), arguments);
    }
}
