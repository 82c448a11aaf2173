using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Tests.Cpu;

/// <summary>Work that a program divides among the device's threads itself.</summary>
public sealed class SideBySideTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Every_action_runs_once_on_a_thread_that_works_alone(int threads)
    {
        using var device = new CpuDevice(threads);
        foreach (int count in new[] { 0, 1, 2, 7 })
        {
            int[] runs = new int[count];
            device.RunSideBySide(count, place =>
            {
                Assert.True(device.IsOnCallingThread);
                device.RunSideBySide(2, _ => Interlocked.Increment(ref runs[place]));
            });
            Assert.Equal(Enumerable.Repeat(2, count), runs);
            Assert.False(device.IsOnCallingThread);
        }
    }

    [Fact]
    public void The_exception_of_the_lowest_action_is_thrown_and_the_device_goes_on()
    {
        using var device = new CpuDevice(3);
        for (int trial = 0; trial < 50; trial++)
        {
            var thrown = Assert.Throws<InvalidDataException>(() => device.RunSideBySide(6, place => throw new InvalidDataException($"{place}")));
            Assert.Equal("0", thrown.Message);
            Assert.False(device.IsOnCallingThread);
        }
    }

    /// <summary>
    /// A thread of the team that waited for memory which a caller holds, who waits for the team, would wait for ever. The limit only ends a test that
    /// has failed.
    /// </summary>
    [Fact]
    public async Task Operations_of_actions_and_of_another_caller_do_not_wait_for_each_other_and_keep_their_bits()
    {
        // Disposed of at the end alone: the threads of a device that has got stuck cannot be waited for.
        var device = new CpuDevice(3);
        var problems = Enumerable.Range(0, 4).Select(seed => new Problem(device, seed)).ToArray();
        float[][] expected = [.. problems.Select(p => p.Run())];
        using var ended = new CancellationTokenSource();
        Task caller = Task.Run(() =>
        {
            while (!ended.IsCancellationRequested) Assert.Equal(expected[3], problems[3].Run());
        });
        Task actions = Task.Run(() =>
        {
            for (int trial = 0; trial < 200; trial++) device.RunSideBySide(3, place => Assert.Equal(expected[place], problems[place].Run()));
        });
        try
        {
            await actions.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        }
        finally
        {
            await ended.CancelAsync();
        }

        await caller;
        foreach (Problem problem in problems) problem.Dispose();
        device.Dispose();
    }

    /// <summary>A linear layer, attention and a backward pass over vectors, whose operations each need memory to work with.</summary>
    private sealed class Problem(CpuDevice device, int seed) : IDisposable
    {
        private static readonly AttentionShape s_shape = new(6, 30, 2, 20);

        private readonly Support.OperationRun _run = new(device, seed);
        private Matrix[]? _matrices;
        private DeviceSpan<float> _scale, _scaleGradient;

        public float[] Run()
        {
            if (_matrices is null)
            {
                _matrices = [.. Enumerable.Range(0, 5).Select(_ => _run.NormalMatrix(s_shape.Rows, s_shape.Width)), _run.NormalMatrix(s_shape.Width, s_shape.Width)];
                _scale = _run.Normal(s_shape.Width);
                _scaleGradient = _run.Normal(s_shape.Width);
            }

            OperationSet operations = device.Operations;
            operations.Fill(_scaleGradient, 0);
            operations.LinearForward(_matrices[3], _matrices[0], _matrices[5], default);
            operations.AttentionForward(_matrices[4], default, _matrices[3], _matrices[1], _matrices[2], s_shape);
            operations.ScaleColumnsBackward(_matrices[3], _scaleGradient, _matrices[4], _matrices[0], _scale, GradientReduction.Sum, s_shape.Tokens);
            var result = new float[s_shape.Rows * s_shape.Width];
            device.Download(_matrices[3].Data, result);
            return result;
        }

        public void Dispose() => _run.Dispose();
    }
}
