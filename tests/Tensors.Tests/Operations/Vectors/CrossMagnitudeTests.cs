using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Tests.Operations.Vectors;

/// <summary>The sensitivity Σ_{j≠k} m_j·|v_k| of TATR, against a loop over its ordered pairs.</summary>
public sealed class CrossMagnitudeTests
{
    private const int Length = 5000;

    public static TheoryData<string> Devices => [.. DeviceCases.Kinds];

    /// <summary>
    /// The rearranged sum Σ_k |v_k|·(Σ_j m_j − m_k) takes 3N float64 operations whose intermediate results are at most Σ_k|v_k|·Σ_j m_j, so it is within
    /// 3N·2⁻⁵³ of that, whatever cancels.
    /// </summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void The_key_is_the_sum_over_all_ordered_pairs(string name)
    {
        using Device device = DeviceCases.Open(name, 2);
        foreach (int count in new[] { 1, 2, 3, 8, 20 })
        {
            float[][] v = Vectors(count, 0), m = [.. Vectors(count, 100).Select(x => Array.ConvertAll(x, MathF.Abs))];
            double[] withMagnitudes = Keys(device, m, v), own = Keys(device, [], v);
            for (int i = 0; i < Length; i++)
            {
                double pairs = 0, ownPairs = 0, largest = 0;
                for (int j = 0; j < count; j++)
                {
                    for (int k = 0; k < count; k++)
                    {
                        largest += m[j][i] * Math.Abs((double)v[k][i]);
                        if (j == k) continue;
                        pairs += m[j][i] * Math.Abs((double)v[k][i]);
                        ownPairs += Math.Abs((double)v[j][i] * v[k][i]);
                    }
                }

                if (v.All(x => x[i] == 0))
                {
                    Assert.Equal(-1, withMagnitudes[i]);
                    Assert.Equal(-1, own[i]);
                    continue;
                }

                Assert.True(Math.Abs(withMagnitudes[i] - pairs) <= 3 * count * Math.Pow(2, -53) * largest, $"{count} vectors, element {i}: {withMagnitudes[i]:R}, expected {pairs:R}.");

                // Nothing cancels in a sum of non-negative pairs: the bound is relative.
                Assert.True(Math.Abs(own[i] - ownPairs) <= 3 * count * Math.Pow(2, -53) * ownPairs, $"{count} vectors, element {i}: {own[i]:R}, expected {ownPairs:R}.");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void A_single_nonzero_vector_has_no_conflict_at_all(string name)
    {
        using Device device = DeviceCases.Open(name, 2);
        float[][] v = Vectors(6, 0);
        for (int i = 0; i < Length; i++)
        {
            for (int k = 0; k < v.Length; k++) v[k][i] = k == i % 6 ? (i + 1) * 1.1e-3f : 0;
        }

        Assert.All(Keys(device, [], v), key => Assert.Equal(BitConverter.DoubleToInt64Bits(0.0), BitConverter.DoubleToInt64Bits(key)));
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void The_order_of_the_vectors_changes_rounding_alone(string name)
    {
        using Device device = DeviceCases.Open(name, 2);
        float[][] v = Vectors(7, 0), m = [.. Vectors(7, 100).Select(x => Array.ConvertAll(x, MathF.Abs))];
        double[] forward = Keys(device, m, v), backward = Keys(device, [.. m.Reverse()], [.. v.Reverse()]);
        double[] ownForward = Keys(device, [], v), ownBackward = Keys(device, [], [.. v.Reverse()]);
        for (int i = 0; i < Length; i++)
        {
            double scale = m.Sum(x => (double)x[i]) * v.Sum(x => Math.Abs((double)x[i]));
            Assert.True(Math.Abs(forward[i] - backward[i]) <= 6 * 7 * Math.Pow(2, -53) * scale);
            Assert.True(Math.Abs(ownForward[i] - ownBackward[i]) <= 6 * 7 * Math.Pow(2, -53) * Math.Abs(ownForward[i]));
        }
    }

    private static float[][] Vectors(int count, int first) => [.. Enumerable.Range(first, count).Select(k =>
    {
        var random = new Random(k);
        return Enumerable.Range(0, Length).Select(_ => random.Next(3) == 0 ? 0f : (float)((random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-8, 4)))).ToArray();
    })];

    private static double[] Keys(Device device, float[][] magnitudes, float[][] vectors)
    {
        using var run = new VectorRun(device, Length);
        DeviceSpan<double> keys = run.Output<double>();
        OperationSet operations = device.Operations;
        operations.CrossMagnitude(keys, [.. magnitudes.Select(m => run.Upload<float>(m))], [.. vectors.Select(v => run.Upload<float>(v))]);
        return keys.ToHost();
    }
}
