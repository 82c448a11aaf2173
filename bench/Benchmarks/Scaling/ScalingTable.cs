using System.Text.Json;
using MergeEngine.Benchmarks.Frame;

namespace MergeEngine.Benchmarks.Scaling;

/// <summary>Measures how costs grow, or reads what was measured, and draws it.</summary>
internal static class ScalingTable
{
    private static readonly JsonSerializerOptions s_json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>Prints the table and keeps it as <c>scaling</c>, with <c>scaling.svg</c> beside; <c>--from</c> draws a table that was kept.</summary>
    /// <exception cref="FormatException">The file that <c>--from</c> names is not a kept table.</exception>
    public static void Run(SuiteOptions options)
    {
        IReadOnlyList<ScalingPoint> points = options.Text("--from") is { } file ? Read(file) : Measure(options);
        if (options.Directory is not { } directory) return;
        Directory.CreateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, "scaling.svg"), ScalingChart.Draw(points));
    }

    private static IReadOnlyList<ScalingPoint> Measure(SuiteOptions options)
    {
        ScalingSizes sizes = options.Number("--rounds") is { } rounds ? new() { Rounds = rounds } : new();
        var table = new ResultTable<ScalingPoint>(
            "scaling", options.Directory,
            "Costs at growing sizes, the best of the rounds (median). Line: seconds = intercept + slope x size, nearest in relative squares; off = the farthest point's distance from it. Threads: speed-up over one.",
            "what changes", "what runs", "size", "ms", "line or speed-up");
        var alone = new Dictionary<string, double>();
        IReadOnlyList<ScalingPoint> points = new ScalingMeasurement(sizes, point =>
        {
            bool isThreads = point.Panel == "threads";
            if (isThreads) alone.TryAdd(point.Series, point.Seconds);
            table.Add(
                point, point.Panel, point.Series, $"{point.X:0.#}", $"{1e3 * point.Seconds:F1} ({1e3 * point.MedianSeconds:F1})", isThreads ? $"{alone[point.Series] / point.Seconds:F2}" : "");
        }).Run();
        foreach (IGrouping<(string Panel, string Series), ScalingPoint> series in points.Where(p => p.Panel != "threads").GroupBy(p => (p.Panel, p.Series)))
        {
            var line = ScalingLine.Through([.. series]);
            table.Show(series.Key.Panel, series.Key.Series, "all", "", $"{1e3 * line.Intercept:F2} + {1e3 * line.Slope:F2} x size, off {100 * line.Deviation:F0} %");
        }

        table.Save();
        return points;
    }

    private static ScalingPoint[] Read(string file)
    {
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            string found = Directory.Exists(file) ? "is a directory" : File.Exists(file) ? "cannot be read" : "does not exist";
            throw new FormatException($"--from is '{file}', which {found}, expected the scaling.json of a run.", exception);
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes);
            ScalingPoint[] points = document.RootElement.GetProperty("results").Deserialize<ScalingPoint[]>(s_json) ?? [];
            if (points.Length > 0 && points.All(p => p is { Panel: not null, Series: not null, Seconds: > 0 })) return points;
        }
        catch (JsonException exception) when (exception.Path is null)
        {
            // The reader counts from 0.
            throw new FormatException($"{file} is no JSON document (line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}), expected the scaling.json of a run.", exception);
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new FormatException($"{file} holds other JSON than the points of a run, expected its scaling.json.", exception);
        }

        throw new FormatException($"{file} has no points, expected the scaling.json of a run.");
    }
}
