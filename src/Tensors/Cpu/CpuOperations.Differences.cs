using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.Vectors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu;

/// <content>Differences from a base, put together.</content>
internal sealed unsafe partial class CpuOperations
{
    protected override void MergeDifferencesCore(
        DeviceSpan<float> output, DeviceSpan<float> origin, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<DifferenceTerm> terms,
        DifferenceRule rule, double scale, long firstIndex)
    {
        long lists = DifferenceTerms.ScratchBytes(inputs.Length);
        byte* scratch = Scratch.Require(lists + (_device.Threads * Vectors.MergeDifferences.BufferBytes(inputs.Length)));
        VectorPass<MergeDifferences>.Run(
            _device,
            new MergeDifferences
            {
                Output = output.Pointer,
                Origin = origin.Pointer,
                Terms = DifferenceTerms.Create(scratch, inputs, terms, firstIndex),
                Rule = rule,
                Scale = scale,
                Buffers = scratch + lists,
                Pool = _device.Pool,
            },
            output.Length);
    }

    protected override void VarianceCore(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> inputs)
    {
        byte* scratch = Scratch.Require(Scratch.PointerBytes(inputs.Length));
        VectorPass<Variance>.Run(_device, new Variance { Output = output.Pointer, Inputs = Scratch.Pointers(scratch, inputs), Count = inputs.Length }, output.Length);
    }

    /// <summary>Bytes of ranks that a thread keeps at most.</summary>
    private const long LargeRanks = 1 << 20;

    protected override void RankedMaskCore(DeviceSpan<byte> mask, DeviceSpan<float> values, DeviceSpan<float> origin, int columns, ulong key, double first, double step, long firstIndex) =>
        RunRankedMask(mask, values, origin, columns, key, first, step, firstIndex, default);

    protected override void AccumulateRankedSumsCore(
        DeviceSpan<double> sums, DeviceSpan<byte> mask, DeviceSpan<float> values, DeviceSpan<float> origin, int columns, ulong key, double first, double step, long firstIndex)
    {
        // Several threads come to rows in no order.
        if (_device.Pool.IsAlone && Vectors.RankedMask.GoesByBytes(_device.Simd, columns, step))
            RunRankedMask(mask, values, origin, columns, key, first, step, firstIndex, new RankedSums(sums.Pointer));
        else
            base.AccumulateRankedSumsCore(sums, mask, values, origin, columns, key, first, step, firstIndex);
    }

    private void RunRankedMask(
        DeviceSpan<byte> mask, DeviceSpan<float> values, DeviceSpan<float> origin, int columns, ulong key, double first, double step, long firstIndex, RankedSums sums)
    {
        int rows = checked((int)(values.Length / columns));
        if (rows == 0) return;
        int tasks = Vectors.RankedMask.TaskCount(rows, columns);

        // One task stays on the calling thread, which need not be the first worker's place.
        long bytes = (tasks == 1 ? _device.Pool.CurrentWorker + 1 : _device.Pool.Workers) * Vectors.RankedMask.BufferBytes(columns);

        // Long rows are few: what they take goes back, or every thread that has had one would hold it.
        using Workspace? large = bytes > LargeRanks ? new Workspace() : null;
        var job = new RankedMask
        {
            Mask = mask.Pointer,
            Values = values.Pointer,
            Origin = origin.Pointer,
            Columns = columns,
            Rows = rows,
            Key = key,
            First = first,
            Step = step,
            FirstIndex = (ulong)firstIndex,
            Simd = _device.Simd,
            Sums = sums,
            Buffers = large is null ? Scratch.Require(bytes) : (byte*)large.Reserve((bytes + 3) / sizeof(float), exactly: true),
            Pool = _device.Pool,
        };
        _device.Pool.Run(ref job, tasks);
    }
}
