using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace MergeEngine.Peers;

/// <summary>Repeated timing, and the part of <c>merge-engine bench --json</c> that the runner reads.</summary>
internal static class Report
{
    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    /// <returns>Sorted milliseconds of each call.</returns>
    public static double[] Milliseconds(Action call, int rounds, int warmUp)
    {
        for (int i = 0; i < warmUp; i++) call();
        double[] times = new double[rounds];
        for (int i = 0; i < rounds; i++)
        {
            long start = Stopwatch.GetTimestamp();
            call();
            times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        Array.Sort(times);
        return times;
    }

    /// <summary>The middle value; of an even number, the mean of the two in the middle.</summary>
    public static double Median(double[] sorted) => (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;

    public static JsonObject Pass(Options options, string pass, double[] times) => new()
    {
        ["model"] = options.Model.Name,
        ["pass"] = pass,
        ["batch"] = options.Batch,
        ["rounds"] = times.Length,
        ["best"] = times[0],
        ["median"] = Median(times),
        ["p99"] = times[Math.Min(times.Length - 1, (int)Math.Ceiling(0.99 * times.Length) - 1)],
    };

    public static void Write(string suite, string program, int threads, IEnumerable<JsonObject> results)
    {
        JsonObject document = new() { ["suite"] = suite, ["program"] = program, ["threads"] = threads, ["results"] = new JsonArray([.. results]) };
        Console.WriteLine(document.ToJsonString(s_indented));
    }
}
