using MergeEngine.Benchmarks.Frame;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Operations.Profiling;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Benchmarks.Operations;

/// <summary>One table of operations and three ways to go through it: are the values right, are the gradients right, how fast is it beside its floor.</summary>
internal static class OperationTable
{
    private sealed record Speed(string Operation, double Microseconds, double MedianMicroseconds, double FloorMicroseconds, double Ratio, double MedianRatio, double Rate, string Unit);

    private sealed record Check(string Operation, double Error, double Bound, bool Passed);

    private const int Rounds = 15;

    /// <summary>Every operation once.</summary>
    public static IReadOnlyList<Operation> All { get; } = [.. NetworkOperations.All(), .. VectorOperations.All];

    /// <param name="mode"><c>check</c>, <c>gradient</c> or <c>performance</c>.</param>
    /// <param name="options">Of the command line: <c>--only</c>, <c>--millions</c>, <c>--threads</c>, <c>--save</c>.</param>
    /// <returns>False if a value or a gradient is wrong.</returns>
    public static bool Run(string mode, SuiteOptions options)
    {
        Operation[] operations = options.Only(All, o => o.Name);
        using var device = new CpuDevice(options.Number("--threads") ?? 0);
        switch (mode)
        {
            case "check":
                return Examine(
                    operations, options, device, "operation-checks", "Largest difference from the float64 reference, as a share of the largest magnitude in the same buffer.",
                    o => (OperationCheck.Error(o, device), o.Bound));
            case "gradient":
                return Examine(
                    operations, options, device, "operation-gradients", "Largest difference between a directional derivative and central differences of the float64 reference, as a share of the gradient's norm.",
                    o => OperationCheck.GradientError(o, device) is { } error ? (error, OperationCheck.GradientBound) : null);
            case "performance":
                Measure(operations, options, device);
                return true;
            default:
                throw new FormatException($"--mode is '{mode}', expected check, gradient or performance.");
        }
    }

    /// <summary>What one call has to do at least: multiplications and additions of products, 0 for passes over memory, and bytes that must be read and written, each once.</summary>
    public static (double Flops, double Bytes) WorkOf(OperationCall call, Device device)
    {
        using OperationProfile profile = device.StartProfile();
        call.Run();
        IReadOnlyList<ProfiledOperation> operations = profile.Operations;
        return (operations.Sum(o => o.Operations), operations.Sum(o => o.Bytes));
    }

    private static bool Examine(Operation[] operations, SuiteOptions options, CpuDevice device, string name, string about, Func<Operation, (double Error, double Bound)?> examine)
    {
        var table = new ResultTable<Check>(name, options.Directory, device, about, "operation", "error", "bound", "");
        bool passed = true;
        foreach (Operation operation in operations)
        {
            if (examine(operation) is not { } outcome) continue;
            bool good = outcome.Error <= outcome.Bound;
            passed &= good;
            table.Add(new Check(operation.Name, outcome.Error, outcome.Bound, good), $"{operation.Name}", $"{outcome.Error:E1}", $"{outcome.Bound:E0}", $"{(good ? "" : "WRONG")}");
        }

        table.Save();
        return passed;
    }

    private static void Measure(Operation[] operations, SuiteOptions options, CpuDevice device)
    {
        long millions = options.Number("--millions") ?? 48;
        var table = new ResultTable<Speed>(
            "operations", options.Directory, device,
            "Floor: bytes that must be read and written over the bandwidth of a copy, or operations over the peak for products and attention, measured in turn. Best of the rounds; medians of single rounds beside it.",
            "operation", "µs", "median", "floor µs", "ratio", "median", "rate");
        using DeviceProbe probe = DeviceProbe.For(device);
        using var vectors = new OperationMemory(device, large: true) { VectorLength = millions * 1_000_000 };
        foreach (Operation operation in operations)
        {
            if (VectorOperations.All.Contains(operation))
            {
                Measure(operation, vectors, device, probe, table);
                continue;
            }

            using var memory = new OperationMemory(device, large: true);
            Measure(operation, memory, device, probe, table);
        }

        table.Save();
    }

    private static void Measure(Operation operation, OperationMemory memory, CpuDevice device, DeviceProbe probe, ResultTable<Speed> table)
    {
        OperationCall call = operation.Prepare(memory);
        (double flops, double bytes) = WorkOf(call, device);
        for (int i = 0; i < 3; i++) call.Run();
        double estimate = probe.Time(call.Run);
        int repeats = (int)Math.Clamp(1e-3 / estimate, 1, 1000);
        double[] times = new double[Rounds], floors = new double[Rounds], ratios = new double[Rounds];
        for (int round = 0; round < Rounds; round++)
        {
            double copy = probe.TimeCopy() / probe.PassBytes;
            (double seconds, double operations) = probe.TimeArithmetic();
            floors[round] = flops > 0 ? flops * seconds / operations : bytes * copy;
            // The probe's passes have emptied the caches; operands that fit them are there in a network's pass, where the operation before has just written them.
            call.Run();
            times[round] = probe.Time(() =>
            {
                for (int i = 0; i < repeats; i++) call.Run();
            }) / repeats;
            ratios[round] = times[round] / floors[round];
        }

        Array.Sort(times);
        Array.Sort(floors);
        Array.Sort(ratios);
        bool arithmetic = flops > 0;
        double rate = (arithmetic ? flops : bytes) / times[0] / 1e9;
        string unit = arithmetic ? "GFLOP/s" : "GB/s";
        var row = new Speed(operation.Name, 1e6 * times[0], 1e6 * times[Rounds / 2], 1e6 * floors[0], times[0] / floors[0], ratios[Rounds / 2], rate, unit);
        table.Add(
            row, $"{row.Operation}", $"{row.Microseconds:F0}", $"{row.MedianMicroseconds:F0}", $"{row.FloorMicroseconds:F0}", $"{row.Ratio:F2}", $"{row.MedianRatio:F2}", $"{row.Rate:F1} {row.Unit}");
    }
}
