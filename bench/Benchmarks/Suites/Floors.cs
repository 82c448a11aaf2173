using MergeEngine.Benchmarks.Operations;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Benchmarks.Suites;

/// <summary>What a call of each benchmark takes at least, measured on its device when it is set up: operations at the peak of multiply-adds, or bytes at the bandwidth of a copy.</summary>
internal static class Floors
{
    private const int Rounds = 5;

    private static readonly Dictionary<string, double> s_seconds = [];

    /// <summary>Of a call whose operations the device's profile counts.</summary>
    public static void Measure(string benchmark, Device device, Action call)
    {
        (double flops, double bytes) = OperationTable.WorkOf(new OperationCall(call), device);
        Measure(benchmark, device, flops, bytes);
    }

    /// <param name="benchmark">Method and parameters, as in <see cref="NameOf"/>.</param>
    /// <param name="device">Where it runs.</param>
    /// <param name="flops">Multiplications and additions of products; 0 for a pass over memory.</param>
    /// <param name="bytes">What a pass over memory must read and write, each once.</param>
    public static void Measure(string benchmark, Device device, double flops, double bytes)
    {
        using DeviceProbe probe = DeviceProbe.For(device);
        double best = double.MaxValue;
        for (int round = 0; round <= Rounds; round++)
        {
            (double seconds, double operations) = probe.TimeArithmetic();
            best = Math.Min(best, flops > 0 ? flops * seconds / operations : bytes * probe.TimeCopy() / probe.PassBytes);
        }

        s_seconds[benchmark] = best;
    }

    /// <summary>Of one benchmark among those of all suites.</summary>
    public static string NameOf(string suite, string method, params ReadOnlySpan<string> parameters) => $"{suite}.{method}({string.Join(", ", parameters)})";

    /// <summary>Seconds; null of a benchmark that was not set up.</summary>
    public static double? Of(string benchmark) => s_seconds.TryGetValue(benchmark, out double seconds) ? seconds : null;
}
