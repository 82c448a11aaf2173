using MergeEngine.Tensors.Cuda;
using MergeEngine.Tensors.Cuda.Memory;
using MergeEngine.Tensors.Tests.Operations;
using MergeEngine.Tensors.Tests.Operations.Vectors;
using MergeEngine.Tensors.Tests.Support;

namespace MergeEngine.Tensors.Tests.Cuda;

/// <summary>
/// The same bits when work runs late, or at times of chance, and when blocks and threads run in another order: a missing synchronisation, a
/// missing barrier or a source that was reused too early shows here. Alone, because schedules are the whole process's.
/// </summary>
[Collection(nameof(AloneCollection))]
public sealed class ScheduleTests : IDisposable
{
    private static readonly (EmulatedStreams Streams, EmulatedSchedule Schedule)[] s_others =
        [(EmulatedStreams.Late, EmulatedSchedule.Reverse), (EmulatedStreams.Random, EmulatedSchedule.Random)];

    private static readonly Dictionary<string, OperationCase> s_operations = new[] { NetworkOperationTests.Table, LinearTests.Table }
        .SelectMany(table => table.Names.Select(name => table[name])).ToDictionary(operation => operation.Name);

    private static readonly Dictionary<string, VectorCase> s_vectors = new[] { VectorArithmeticTests.Cases, VectorSelectionTests.Cases, VectorStatisticsTests.Cases }
        .SelectMany(cases => cases.Values).ToDictionary(c => c.Name);

    public static TheoryData<string> Operations { get; } = [.. s_operations.Keys];

    public static TheoryData<string> Vectors { get; } = [.. s_vectors.Keys];

    public ScheduleTests() => CudaUnderTest.RequireEmulated();

    public void Dispose()
    {
        if (!CudaUnderTest.IsHere || !CudaUnderTest.IsEmulated) return;
        Set(EmulatedStreams.Eager, EmulatedSchedule.Forward);
    }

    [Theory]
    [MemberData(nameof(Operations))]
    public void An_operation_gives_the_same_bits_whenever_and_in_whatever_order_it_runs(string name)
    {
        var expected = OperationChecks.Run(s_operations[name], CudaUnderTest.Name);
        foreach (var (streams, schedule) in s_others)
        {
            Set(streams, schedule);
            foreach (var ((result, a), (_, b)) in expected.Zip(OperationChecks.Run(s_operations[name], CudaUnderTest.Name)))
                OperationChecks.Compare($"{name}, {result}, {streams} streams, {schedule} order", a, b, 0);
        }
    }

    [Theory]
    [MemberData(nameof(Vectors))]
    public void A_vector_operation_gives_the_same_bits_whenever_and_in_whatever_order_it_runs(string name)
    {
        using CudaDevice device = CudaUnderTest.Open();
        foreach (int length in new[] { 70, 65_537 })
        {
            Set(EmulatedStreams.Eager, EmulatedSchedule.Forward);
            var expected = s_vectors[name].Run(device, length);
            foreach (var (streams, schedule) in s_others)
            {
                Set(streams, schedule);
                foreach (var ((result, a), (_, b)) in expected.Zip(s_vectors[name].Run(device, length)))
                    Assert.True(a.AsSpan().SequenceEqual(b), $"{name}, {length} elements, {result}: {streams} streams and {schedule} order give other bits.");
            }
        }
    }

    [Fact]
    public void A_piece_that_nobody_received_does_not_reach_the_next_upload()
    {
        const int Piece = Staging.MostBytes / sizeof(int);
        Set(EmulatedStreams.Late, EmulatedSchedule.Forward);
        using CudaDevice device = CudaUnderTest.Open();
        using DeviceBuffer buffer = device.Allocate<int>(2 * Piece), other = device.Allocate<int>(10);
        DeviceSpan<int> target = other.AsSpan<int>();
        device.Upload(target, 0, static (piece, _, _) => piece.Clear());

        // The first piece is read, which throws, while the second is on its way to the host.
        Assert.Throws<IOException>(() => device.Download(buffer.AsSpan<int>(), 0, static (_, _, _) => throw new IOException("the disk is full")));
        for (int upload = 0; upload < 2; upload++)
        {
            device.Upload(target, upload, static (piece, _, value) => piece.Fill(value + 7));
            Assert.Equal(Enumerable.Repeat(upload + 7, 10), target.ToHost());
        }
    }

    private static void Set(EmulatedStreams streams, EmulatedSchedule schedule)
    {
        EmulatorControl.SetStreams(streams, 3);
        EmulatorControl.SetSchedule(schedule, 5);
    }
}
