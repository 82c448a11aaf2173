using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Probes;

/// <summary>One pass over vectors that share a block of memory, so that each touches about as many bytes.</summary>
/// <param name="Name">What it does.</param>
/// <param name="Bytes">Bytes that it must read and write.</param>
/// <param name="Run">One call.</param>
internal sealed record VectorPass(string Name, double Bytes, Action Run)
{
    private const int Alignment = 64;

    /// <summary>Exponent and three bits of the numbers from 0.0195 to 0.0214, of which there are many.</summary>
    private const uint SecondDigitPrefix = 0x3CA;

    /// <param name="device">Where they run.</param>
    /// <param name="memory">Positive numbers, cut into as many vectors as a pass needs.</param>
    /// <param name="norm">One float64.</param>
    public static IEnumerable<VectorPass> All(Device device, DeviceSpan<float> memory, DeviceSpan<double> norm)
    {
        OperationSet run = device.Operations;
        var counts = new long[1 << 11];
        yield return Of("copy", 2, 8, v => run.Copy(v[0], v[1]));
        yield return Of("subtract", 3, 12, v => run.Subtract(v[0], v[1], v[2]));
        yield return Of("base + weighted sum of 2", 4, 16, v => run.AddWeightedSum(v[0], v[1], [v[2], v[3]], [0.5f, 0.25f]));
        yield return Of("base + weighted sum of 8", 10, 40, v => run.AddWeightedSum(v[0], v[1], v.AsSpan(2), [0.5f, 0.25f, 0.1f, 0.3f, 0.5f, 0.25f, 0.1f, 0.3f]));
        yield return Of("dot product in float64", 2, 8, v => run.Dot(v[0], v[1]));
        using var two = new RunningSums(device, 2);
        using var eight = new RunningSums(device, 8);
        using var withLast = new RunningSums(device, 8, SumTerms.ProductsWithLast);
        yield return Of("dot products of 2, each with each", 2, 8, v => Add(two, v));
        yield return Of("dot products of 8, each with each", 8, 32, v => Add(eight, v));
        yield return Of("dot products of 8, each with the last", 8, 32, v => Add(withLast, v));
        yield return Of("squared norm in float64", 1, 4, v => run.SquaredNorm(norm, v[0]));
        yield return Of("histogram of the first digit", 1, 4, v => run.MagnitudeHistogram(counts, v[0], 0, 0, 11));
        yield return Of("histogram of the second digit", 1, 4, v => run.MagnitudeHistogram(counts, v[0], SecondDigitPrefix, 11, 11));
        yield return Of("sign agreement of 8", 8, 32, v => run.SignAgreement(v, false));
        yield return Of("AdamW", 4, 28, v => run.Adam(v[0], v[1], v[2], v[3], new AdamSettings(1e-6, WeightDecay: 0.01), 10));
        yield return Of("SGD with momentum", 3, 20, v => run.Sgd(v[0], v[1], v[2], new SgdSettings(1e-6, 0.9), 2));

        static void Add(RunningSums sums, DeviceSpan<float>[] vectors)
        {
            sums.Clear();
            sums.Add(vectors);
        }

        VectorPass Of(string name, int vectors, int bytesOfElement, Action<DeviceSpan<float>[]> call)
        {
            long length = memory.Length / vectors / Alignment * Alignment;
            DeviceSpan<float>[] parts = [.. Enumerable.Range(0, vectors).Select(k => memory.Slice(k * length, length))];
            return new VectorPass(name, (double)length * bytesOfElement, () => call(parts));
        }
    }
}
