using System.Diagnostics;
using System.Globalization;
using MergeEngine.Benchmarks.Frame;
using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Benchmarks.Merging;

/// <summary>
/// What the methods compute, without files: eight models and a base in memory, tensors as an encoder of width 768 has them, each one chunk. Every method in turn with linear and with
/// a plain copy of the inputs' bytes, which is the floor: the inputs read once and as much written as is read. A merge writes a ninth of that.
/// </summary>
internal static class MergeTable
{
    private const int Rounds = 7;

    private sealed record Row(string Method, int Threads, double Milliseconds, IReadOnlyList<double> PassMilliseconds, double InputGbps, double RatioToCopy, double RatioToLinear);

    /// <summary>Prints the table and keeps it as <c>merges</c>.</summary>
    public static void Run(SuiteOptions options)
    {
        using var device = new CpuDevice(options.Number("--threads") ?? 0);
        MergeCase[] methods = options.Only(MergeCase.All, method => method.Method);
        using var models = new TensorModels(device, TensorModels.EncoderShapes);
        double bytes = models.InputBytes;
        bool isAlone = device.Threads == 1;
        Action copy = models.CopyInputs;
        Action linear = MergeCase.All[0].Prepare(models);
        var table = new ResultTable<Row>(
            "merges", options.Directory, device,
            FormattableString.Invariant($"{TensorModels.Count} models and a base in memory, {bytes / 1e6:F0} MB of inputs; median of {Rounds} rounds of {(isAlone ? "processor time" : "time")}. The copy copies the inputs."),
            "method", "ms", "of its passes", "GB/s of inputs", "time of a copy", "time of linear");
        foreach (MergeCase method in methods)
        {
            var passes = new List<double>();
            Action call = method.Prepare(models, (pass, work) =>
            {
                while (passes.Count <= pass) passes.Add(0);
                passes[pass] += Seconds(work, isAlone);
            });
            call();
            passes.Clear();
            copy();
            linear();
            double[] times = new double[Rounds], copies = new double[Rounds], linears = new double[Rounds];
            for (int i = 0; i < Rounds; i++)
            {
                double copied = Seconds(copy, isAlone), averaged = Seconds(linear, isAlone), time = Seconds(call, isAlone);
                (times[i], copies[i], linears[i]) = (time, time / copied, time / averaged);
            }

            Array.ForEach([times, copies, linears], Array.Sort);
            double[] parts = [.. passes.Select(p => 1e3 * p / Rounds)];
            var row = new Row(method.Method, device.Threads, 1e3 * times[Rounds / 2], parts, bytes / times[Rounds / 2] / 1e9, copies[Rounds / 2], linears[Rounds / 2]);
            string list = string.Join(" + ", parts.Select(p => p.ToString("F0", CultureInfo.InvariantCulture)));
            table.Add(row, $"{row.Method}", $"{row.Milliseconds:F1}", $"{list}", $"{row.InputGbps:F1}", $"{row.RatioToCopy:F2}", $"{row.RatioToLinear:F2}");
        }

        table.Save();
    }

    /// <summary>On one thread the processor's time, which does not count what others on the machine take.</summary>
    public static double Seconds(Action call, bool isAlone)
    {
        TimeSpan used = Environment.CpuUsage.TotalTime;
        long start = Stopwatch.GetTimestamp();
        call();
        return (isAlone ? Environment.CpuUsage.TotalTime - used : Stopwatch.GetElapsedTime(start)).TotalSeconds;
    }
}
