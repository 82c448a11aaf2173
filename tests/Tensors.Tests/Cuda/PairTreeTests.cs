using MergeEngine.Tensors.Cuda;
using MergeEngine.Tensors.Cuda.Kernels;

namespace MergeEngine.Tensors.Tests.Cuda;

/// <summary>The last part of a float64 sum, at numbers of partial sums that a vector would need a hundred million elements for.</summary>
public sealed class PairTreeTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4095)]
    [InlineData(4097)]
    [InlineData(13_001)]
    public void Partial_sums_are_added_like_neighbours_in_pairs(int count)
    {
        using CudaDevice device = CudaUnderTest.Open();
        var random = new Random(count);
        double[] sums = [.. Enumerable.Range(0, count).Select(_ => (random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-5, 5)))];
        using DeviceBuffer input = device.Allocate<double>(Math.Max(count, 1)), output = device.Allocate<double>(4), last = device.Allocate<double>(1);
        device.Upload<double>(sums, input.AsSpan<double>());
        var grid = new Grid(Math.Max(1, (count + 4095) / 4096));
        lock (device.Gate)
        {
            device.Launch(StatisticsKernels.AddInPairs, grid, new PairArguments { Sums = input.Address, Result = output.Address, Count = count });
            device.Launch(StatisticsKernels.AddInPairs, new Grid(1), new PairArguments { Sums = output.Address, Result = last.Address, Count = grid.X });
        }

        Assert.Equal(InPairs(sums), last.AsSpan<double>().ToHost()[0]);
    }

    private static double InPairs(double[] sums)
    {
        if (sums.Length == 0) return 0;
        while (sums.Length > 1) sums = [.. sums.Chunk(2).Select(pair => pair.Length == 2 ? pair[0] + pair[1] : pair[0])];
        return sums[0];
    }
}
