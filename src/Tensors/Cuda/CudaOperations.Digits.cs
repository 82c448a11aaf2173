using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cuda.Kernels;

namespace MergeEngine.Tensors.Cuda;

/// <content>What a radix selection asks: histograms of one digit, and where the equal elements are. Each call waits for the device once.</content>
internal sealed partial class CudaOperations
{
    /// <summary>Blocks of a histogram that are resident on one multiprocessor at once: 2048 threads.</summary>
    private const int HistogramBlocksPerMultiprocessor = 4;

    protected override void MagnitudeHistogramCore(Span<long> counts, DeviceSpan<float> values, DeviceSpan<float> origin, uint prefix, int prefixBits, int digitBits)
    {
        Kernel<HistogramArguments<uint>> kernel = digitBits <= StatisticsKernels.SharedDigit ? StatisticsKernels.CountMagnitudeDigits : StatisticsKernels.CountMagnitudeDigitsDirectly;
        CountDigits(kernel, counts, values, prefix, 31 - prefixBits, digitBits);
    }

    protected override void KeyHistogramCore(Span<long> counts, DeviceSpan<double> keys, ulong prefix, int prefixBits, int digitBits)
    {
        Kernel<HistogramArguments<ulong>> kernel = digitBits <= StatisticsKernels.SharedDigit ? StatisticsKernels.CountKeyDigits : StatisticsKernels.CountKeyDigitsDirectly;
        CountDigits(kernel, counts, keys, prefix, 63 - prefixBits, digitBits);
    }

    protected override long FindMagnitudeCore(DeviceSpan<float> values, float magnitude, ref long ordinal) =>
        Find(StatisticsKernels.CountEqualMagnitudes, StatisticsKernels.FindMagnitude, values, magnitude, ref ordinal);

    protected override long FindKeyCore(DeviceSpan<double> keys, double key, ref long ordinal) =>
        Find(StatisticsKernels.CountEqualKeys, StatisticsKernels.FindKey, keys, key, ref ordinal);

    private void CountDigits<TNumber, TBits>(Kernel<HistogramArguments<TBits>> kernel, Span<long> counts, DeviceSpan<TNumber> values, TBits prefix, int prefixShift, int digitBits)
        where TNumber : unmanaged
        where TBits : unmanaged
    {
        if (values.Length == 0) return;
        long bytes = sizeof(long) << digitBits;
        Grid whole = Grid.Over(values.Length, kernel.Threads, StatisticsKernels.HistogramBytes / Unsafe.SizeOf<TNumber>());
        var grid = new Grid(Math.Min(whole.X, HistogramBlocksPerMultiprocessor * _device.Multiprocessors));
        lock (_device.Gate)
        {
            nint table = Scratch(bytes);
            _device.Clear(table, bytes);
            var arguments = new HistogramArguments<TBits>
            {
                Values = values.Address,
                Counts = table,
                Length = values.Length,
                Prefix = prefix,
                PrefixShift = prefixShift,
                DigitShift = prefixShift - digitBits,
                DigitBits = digitBits,
                Aligned = IsAligned(values.Address) ? 1 : 0,
            };
            Launch(kernel, grid, arguments);
            ReadOnlySpan<long> found = _device.Fetch<long>(table, 1 << digitBits);
            for (int digit = 0; digit < found.Length; digit++) counts[digit] += found[digit];
        }
    }

    private long Find<TNumber>(Kernel<FindArguments<TNumber>> count, Kernel<FindArguments<TNumber>> find, DeviceSpan<TNumber> values, TNumber wanted, ref long ordinal)
        where TNumber : unmanaged
    {
        if (values.Length == 0) return -1;
        Grid grid = Grid.Over(values.Length, StatisticsKernels.FindBlock);
        lock (_device.Gate)
        {
            nint result = Scratch(Results + ((long)grid.X * sizeof(uint)));
            var arguments = new FindArguments<TNumber>
            {
                Values = values.Address,
                Counts = result + Results,
                Result = result,
                Length = values.Length,
                Ordinal = ordinal,
                Wanted = wanted,
                Aligned = IsAligned(values.Address) ? 1 : 0,
            };
            Launch(count, grid, arguments);
            Launch(find, new Grid(1), arguments);
            ReadOnlySpan<long> found = _device.Fetch<long>(result, 2);
            ordinal -= found[1];
            return found[0];
        }
    }
}
