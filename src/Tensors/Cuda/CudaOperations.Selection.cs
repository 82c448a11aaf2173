using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cuda.Kernels;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cuda;

/// <content>Masks, sign election and sensitivities.</content>
internal sealed partial class CudaOperations
{
    /// <summary>An index at or after every boundary, for the limit that holds there; any negative one lies before all of them.</summary>
    private const long AfterBoundary = long.MaxValue;

    /// <summary>Magnitudes that <c>cross_magnitude</c> keeps on the chip: what a block may have without being told.</summary>
    private const int MostStaged = 48 * 1024 / SelectionKernels.StagedBytes;

    protected override void CrossMagnitudeCore(DeviceSpan<double> keys, ReadOnlySpan<DeviceSpan<float>> magnitudes, ReadOnlySpan<DeviceSpan<float>> vectors)
    {
        if (keys.Length == 0) return;
        bool own = magnitudes.Length == 0;
        var phase = new SpanPhase(4);
        phase.Add(keys.Address, sizeof(double));
        var arguments = new CrossMagnitudeArguments
        {
            Keys = keys.Address,
            Length = keys.Length,
            Count = vectors.Length,
            Own = own ? 1 : 0,
            Staged = own ? 0 : Math.Min(vectors.Length, MostStaged),
        };
        lock (_device.Gate)
        {
            Span<CrossInput> list = ListOf<CrossInput>(arguments.Inputs, vectors.Length);
            for (int k = 0; k < list.Length; k++)
            {
                list[k] = new CrossInput { Vector = vectors[k].Address, Magnitude = own ? 0 : magnitudes[k].Address };
                phase.Add(list[k].Vector, sizeof(float));
                phase.Add(list[k].Magnitude, sizeof(float));
            }

            arguments.Head = phase.Head;
            if (vectors.Length > VectorKernels.InlineList)
            {
                arguments.Table = Scratch(TableBytes<CrossInput>(vectors.Length));
                WriteTable<CrossInput>(arguments.Table, list);
            }

            // A kernel that names dynamic shared memory is given some, even where it keeps nothing there.
            Launch(
                arguments.Table == 0 ? SelectionKernels.CrossMagnitude : SelectionKernels.CrossMagnitudeOfMany,
                phase.Grid(keys.Length, SelectionKernels.MeanBlock), arguments, Math.Max(16, arguments.Staged * SelectionKernels.StagedBytes));
        }
    }

    protected override void DropMaskCore(DeviceSpan<byte> mask, DeviceSpan<double> keys, Selection dropped, long firstIndex)
    {
        var limit = new StrictThreshold(dropped, firstIndex);
        SelectionMask(SelectionKernels.DropMask, mask, keys, limit.Boundary, limit.KeyLimit(-1), limit.KeyLimit(AfterBoundary));
    }

    protected override void KeepMaskCore(DeviceSpan<byte> mask, DeviceSpan<float> values, Selection kept, long firstIndex)
    {
        var limit = new StrictThreshold(kept, firstIndex);
        SelectionMask(SelectionKernels.KeepMask, mask, values, limit.Boundary, limit.MagnitudeLimit(-1), limit.MagnitudeLimit(AfterBoundary));
    }

    private void SelectionMask<T>(Kernel<SelectionMaskArguments<T>> kernel, DeviceSpan<byte> mask, DeviceSpan<T> keys, long boundary, T below, T from)
        where T : unmanaged
    {
        if (keys.Length == 0) return;
        var phase = new SpanPhase(4);
        phase.Add(mask.Address, sizeof(byte));
        phase.Add(keys.Address, Unsafe.SizeOf<T>());
        var arguments = new SelectionMaskArguments<T>
        {
            Mask = mask.Address,
            Keys = keys.Address,
            Length = keys.Length,
            Boundary = boundary,
            Below = below,
            From = from,
            Head = phase.Head,
        };
        lock (_device.Gate) Launch(kernel, phase.Grid(keys.Length, SelectionKernels.MaskBlock), arguments);
    }

    protected override void RandomMaskCore(DeviceSpan<byte> mask, ulong key, double keepProbability, long firstIndex)
    {
        if (mask.Length == 0) return;
        ulong limit = (ulong)Math.Floor((keepProbability * 4294967296.0) + 0.5);
        int head = (int)(-mask.Address & 15);
        var arguments = new RandomMaskArguments
        {
            Mask = mask.Address,
            Length = mask.Length,
            First = (ulong)firstIndex,
            Key = key,
            Last = (uint)(Math.Max(limit, 1) - 1),
            None = limit == 0 ? 1 : 0,
            Head = head,
        };
        long packed = Math.Max(mask.Length - head, 1);
        lock (_device.Gate) Launch(SelectionKernels.RandomMask, Grid.Over(packed, SelectionKernels.MaskBlock), arguments);
    }

    protected override long SignBalanceCore(ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<Selection> kept, long firstIndex)
    {
        long length = vectors[0].Length;
        if (length == 0) return 0;
        lock (_device.Gate)
        {
            ElectionArguments arguments = default;
            var phase = new SpanPhase(4);
            Span<TrimmedInput> list = Trimmed(ref arguments, ref phase, vectors, kept, firstIndex);
            arguments.Length = length;
            arguments.Head = phase.Head;
            Grid grid = phase.Grid(length, SelectionKernels.BalanceBlock);

            // The table, then the result, then the partial balances.
            long table = TableBytes<TrimmedInput>(vectors.Length);
            nint scratch = Scratch(table + (sizeof(long) * (1L + grid.X))), result = scratch + (nint)table;
            arguments.Partials = result + sizeof(long);
            LaunchElection(SelectionKernels.SignBalance, SelectionKernels.SignBalanceOfMany, grid, ref arguments, scratch, list);
            Launch(SelectionKernels.SumPartials, new Grid(1), new SumPartialsArguments { Result = result, Partials = arguments.Partials, Count = grid.X });
            return _device.Fetch<long>(result, 1)[0];
        }
    }

    protected override void DisjointMeanCore(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<Selection> kept, int undecidedSign, long firstIndex)
    {
        if (output.Length == 0) return;
        lock (_device.Gate)
        {
            var arguments = new ElectionArguments { Output = output.Address, Length = output.Length, Undecided = undecidedSign };
            var phase = new SpanPhase(4);
            phase.Add(output.Address, sizeof(float));
            Span<TrimmedInput> list = Trimmed(ref arguments, ref phase, vectors, kept, firstIndex);
            arguments.Head = phase.Head;
            long table = TableBytes<TrimmedInput>(vectors.Length);
            LaunchElection(
                SelectionKernels.DisjointMean, SelectionKernels.DisjointMeanOfMany, phase.Grid(output.Length, SelectionKernels.MeanBlock),
                ref arguments, table == 0 ? 0 : Scratch(table), list);
        }
    }

    /// <summary>Writes the list of trimmed vectors; the caller holds the gate.</summary>
    private Span<TrimmedInput> Trimmed(
        ref ElectionArguments arguments, ref SpanPhase phase, ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<Selection> kept, long firstIndex)
    {
        arguments.Count = vectors.Length;
        Span<TrimmedInput> list = ListOf<TrimmedInput>(arguments.Inputs, vectors.Length);
        for (int k = 0; k < list.Length; k++)
        {
            var limit = new StrictThreshold(kept[k], firstIndex);
            list[k] = new TrimmedInput
            {
                Values = vectors[k].Address,
                Boundary = limit.Boundary,
                Below = limit.MagnitudeLimit(-1),
                From = limit.MagnitudeLimit(AfterBoundary),
            };
            phase.Add(list[k].Values, sizeof(float));
        }

        return list;
    }

    private void LaunchElection(
        Kernel<ElectionArguments> few, Kernel<ElectionArguments> many, Grid grid, ref ElectionArguments arguments, nint table, ReadOnlySpan<TrimmedInput> list)
    {
        if (list.Length <= VectorKernels.InlineList)
        {
            Launch(few, grid, arguments);
            return;
        }

        arguments.Table = table;
        WriteTable(table, list);
        Launch(many, grid, arguments);
    }
}
