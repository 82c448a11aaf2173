using System.Diagnostics;
using MergeEngine.Benchmarks.Frame;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Probes;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Benchmarks;

/// <summary>Forward passes with packed weights in BF16 beside the same in float32, in turn: what half the bytes bring, and what they cost in the logits.</summary>
internal static class PrecisionTable
{
    private const int Samples = 16;

    private static readonly (string Name, int Rounds, Func<int, ProbeInputs> Inputs)[] s_cases =
    [
        ("minilm, 8 tokens", 301, samples => new TextInputs(384, 6, TextPooling.Mean, 8, 8, samples)),
        ("minilm, 32 tokens", 201, samples => new TextInputs(384, 6, TextPooling.Mean, 32, 32, samples)),
        ("bert-base, 8 tokens", 61, samples => new TextInputs(768, 12, TextPooling.Pooler, 8, 8, samples)),
        ("bert-base, 128 tokens", 21, samples => new TextInputs(768, 12, TextPooling.Pooler, 128, 128, samples)),
        ("vit-b-32", 41, samples => new VisionInputs(224, 32, 768, 12, 12, samples)),
    ];

    private sealed record Row(
        string Encoder, int Threads, double Float32Milliseconds, double BF16Milliseconds, double MedianRatio, double RelativeError, double LargestError, int SameClass, int Samples);

    /// <summary>Prints the table and keeps it as <c>precisions</c>.</summary>
    public static void Run(SuiteOptions options)
    {
        var cases = options.Only(s_cases, row => row.Name);
        int? asked = options.Number("--threads");
        using var whole = new CpuDevice(asked ?? 0);
        var table = new ResultTable<Row>(
            "precisions", options.Directory, whole,
            FormattableString.Invariant($"One sample from the host and back, packed weights in float32 and in BF16, in turn. Random weights; errors of the logits of {Samples} samples beside float32's: ")
            + "root of the mean square over float32's own, and the largest over the largest logit; same class = samples whose largest logit stays the largest.",
            "encoder", "threads", "float32 ms", "BF16 ms", "BF16 : float32, median", "relative error", "largest", "same class");
        foreach (int threads in asked is { } given ? [given] : new[] { 1, Environment.ProcessorCount }.Distinct())
        {
            foreach ((string name, int rounds, Func<int, ProbeInputs> inputs) in cases)
            {
                Row row = Measure(name, threads, rounds, inputs);
                table.Add(
                    row, name, $"{threads}", $"{row.Float32Milliseconds:F2}", $"{row.BF16Milliseconds:F2}", $"{row.MedianRatio:F2}", $"{row.RelativeError:0.0E-0}", $"{row.LargestError:0.0E-0}",
                    $"{row.SameClass} of {row.Samples}");
            }
        }

        table.Save();
    }

    private static Row Measure(string name, int threads, int rounds, Func<int, ProbeInputs> inputs)
    {
        using CpuDevice single = new(threads), half = new(threads, precision: Precision.BF16);
        (double relative, double largest, int same) = Compare(single, half, inputs);
        using ProbeModel exact = Packed(single, inputs(1)), rounded = Packed(half, inputs(1));
        double[] full = new double[rounds], halved = new double[rounds], ratios = new double[rounds];
        for (int round = -5; round < rounds; round++)
        {
            double a = Milliseconds(exact), b = Milliseconds(rounded);
            if (round >= 0) (full[round], halved[round], ratios[round]) = (a, b, b / a);
        }

        Array.Sort(full);
        Array.Sort(halved);
        Array.Sort(ratios);
        return new Row(name, threads, full[0], halved[0], ratios[rounds / 2], relative, largest, same, Samples);
    }

    private static (double Relative, double Largest, int SameClass) Compare(CpuDevice single, CpuDevice half, Func<int, ProbeInputs> inputs)
    {
        using ProbeModel exact = Packed(single, inputs(Samples)), rounded = Packed(half, inputs(Samples));
        exact.Forward();
        rounded.Forward();
        ReadOnlySpan<float> x = exact.Logits, y = rounded.Logits;
        double squares = 0, errors = 0, largest = 0, highest = 0;
        int same = 0;
        for (int i = 0; i < x.Length; i++)
        {
            double error = (double)y[i] - x[i];
            (squares, errors) = (squares + ((double)x[i] * x[i]), errors + (error * error));
            (largest, highest) = (Math.Max(largest, Math.Abs(error)), Math.Max(highest, Math.Abs(x[i])));
        }

        for (int i = 0; i < x.Length; i += ProbeInputs.Classes)
            same += IndexOfLargest(x.Slice(i, ProbeInputs.Classes)) == IndexOfLargest(y.Slice(i, ProbeInputs.Classes)) ? 1 : 0;
        return (Math.Sqrt(errors / squares), largest / highest, same);
    }

    private static int IndexOfLargest(ReadOnlySpan<float> values)
    {
        int best = 0;
        for (int i = 1; i < values.Length; i++) best = values[i] > values[best] ? i : best;
        return best;
    }

    private static ProbeModel Packed(CpuDevice device, ProbeInputs inputs)
    {
        var model = new ProbeModel(device, inputs);
        model.Pack();
        return model;
    }

    private static double Milliseconds(ProbeModel model)
    {
        long start = Stopwatch.GetTimestamp();
        model.Forward();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
}
