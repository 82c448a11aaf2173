using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Tests.Support;

namespace MergeEngine.Tensors.Tests.Devices;

/// <summary>One CPU device under several threads, and at its end.</summary>
public sealed class CpuDeviceTests
{
    /// <summary>Every operation that keeps working memory, with sizes that make it grow at different times.</summary>
    private static readonly OperationCase[] s_cases =
    [
        Attention(new AttentionShape(2, 33, 2, 24)), Attention(new AttentionShape(1, 5, 1, 8)), Attention(new AttentionShape(3, 64, 2, 40)),
        new("layer norm", 0, run =>
        {
            Matrix input = run.NormalMatrix(300, 96), gradient = run.NormalMatrix(300, 96), result = run.OutputMatrix("inputGradient", 300, 96);
            DeviceSpan<float> mean = run.Normal(300), inverse = run.Normal(300), weight = run.Normal(96), dw = run.Output("dw", 96), db = run.Output("db", 96);
            return () =>
            {
                run.Operations.Fill(dw, 0);
                run.Operations.Fill(db, 0);
                run.Operations.LayerNormBackward(result, dw, db, gradient, input, mean, inverse, weight, GradientReduction.AbsolutePerSample, 10);
            };
        }),
        new("embedding", 0, run =>
        {
            Matrix table = run.OutputMatrix("table", 20, 40), gradient = run.NormalMatrix(120, 40);
            DeviceSpan<int> ids = run.Upload<int>([.. Enumerable.Range(0, 120).Select(_ => run.Random.Next(20))]);
            return () =>
            {
                run.Operations.Fill(table.Data, 0);
                run.Operations.EmbeddingBackward(table, ids, gradient, GradientReduction.Sum, 30);
            };
        }),
        new("product", 0, run =>
        {
            Matrix c = run.OutputMatrix("c", 150, 90), a = run.NormalMatrix(150, 70), b = run.NormalMatrix(70, 90);
            return () => run.Operations.MatrixProduct(c, a, b);
        }),
        new("sums and selections", 0, run =>
        {
            DeviceSpan<float> x = run.Normal(100_000), y = run.Normal(100_000), output = run.Output("mean", 100_000);
            double dot = 0;
            run.Result("dot", () => [dot]);
            return () =>
            {
                dot = run.Operations.Dot(x, y);
                Selection largest = RadixSelect.LargestMagnitudes(run.Operations, x, 777);
                run.Operations.DisjointMean(output, [x, y], [largest, Selection.All], 1);
            };
        }),
    ];

    /// <summary>
    /// A first caller has the team, a second what the operation works with, and waits for the team; a third waits for the second. Each wait is the first at that place, where locks
    /// of some kinds make what they wait with.
    /// </summary>
    [Theory]
    [InlineData("layer norm")]
    [InlineData("embedding")]
    [InlineData("product")]
    public void A_call_that_waits_for_those_of_other_threads_allocates_nothing(string name)
    {
        OperationCase operation = s_cases.First(c => c.Name.StartsWith(name, StringComparison.Ordinal));
        using var device = new CpuDevice(2);
        using ManualResetEventSlim hold = new(), held = new();
        var first = new Thread(() => device.RunSideBySide(2, _ =>
        {
            held.Set();
            hold.Wait();
        }));
        WaitingCaller second = new(device, operation), third = new(device, operation);
        first.Start();
        held.Wait(TestContext.Current.CancellationToken);
        bool secondWaited = second.GoesToSleep(), thirdWaited = third.GoesToSleep();
        hold.Set();
        first.Join();
        Assert.Equal((true, 0L), (secondWaited, second.Bytes()));
        Assert.Equal((true, 0L), (thirdWaited, third.Bytes()));
    }

    /// <summary>A thread that has run an operation once and runs it again when it is told to.</summary>
    private sealed class WaitingCaller
    {
        private readonly Thread _thread;
        private volatile bool _ready, _go, _calling;
        private long _bytes = -1;

        public WaitingCaller(CpuDevice device, OperationCase operation)
        {
            _thread = new Thread(() =>
            {
                using var run = new OperationRun(device, operation.Seed);
                Action call = operation.Prepare(run);
                call();
                _ = GC.GetAllocatedBytesForCurrentThread();
                _ready = true;
                while (!_go) Thread.Yield();
                _calling = true;
                long before = GC.GetAllocatedBytesForCurrentThread();
                call();
                _bytes = GC.GetAllocatedBytesForCurrentThread() - before;
            });
            _thread.Start();
            while (!_ready) Thread.Yield();
        }

        /// <summary>Begins the second run; false if that ends without having to wait.</summary>
        public bool GoesToSleep()
        {
            _go = true;
            while (!_thread.Join(0))
            {
                if (_calling && _thread.ThreadState.HasFlag(ThreadState.WaitSleepJoin)) return true;
                Thread.Yield();
            }

            return false;
        }

        /// <summary>What the second run allocated on its thread, when it has ended.</summary>
        public long Bytes()
        {
            _thread.Join();
            return _bytes;
        }
    }

    [Fact]
    public void Threads_that_share_a_device_get_the_bits_that_each_would_get_alone()
    {
        var expected = Array.ConvertAll(s_cases, c => OperationChecks.Run(c, DeviceCases.Cpu(SimdLevels.Best, 1)));
        using var device = new CpuDevice(3);
        var found = new IReadOnlyList<(string Name, double[] Values)>[s_cases.Length];
        Exception? failure = null;
        var threads = new Thread[s_cases.Length];
        for (int i = 0; i < threads.Length; i++)
        {
            int mine = i;
            threads[i] = new Thread(() =>
            {
                try
                {
                    using var run = new OperationRun(device, s_cases[mine].Seed);
                    Action call = s_cases[mine].Prepare(run);
                    for (int again = 0; again < 40; again++) call();
                    found[mine] = run.Read();
                }
                catch (Exception exception)
                {
                    // Reported by the test's own thread.
                    failure = exception;
                }
            });
        }

        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();
        Assert.Null(failure);
        for (int i = 0; i < s_cases.Length; i++)
        {
            foreach (var ((name, alone), (_, shared)) in expected[i].Zip(found[i])) OperationChecks.Compare($"{s_cases[i].Name}, {name}", alone, shared, 0);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_disposed_device_refuses_operations_and_leaves_buffers_to_their_owners(int threads)
    {
        var device = new CpuDevice(threads);
        DeviceBuffer buffer = device.Allocate<float>(70_000);
        DeviceSpan<float> x = buffer.AsSpan<float>();
        var matrix = new Matrix(x, 100, 50);
        var product = new Matrix(x.Slice(10_000), 100, 100);
        var shape = new AttentionShape(4, 25, 5, 10);
        void Multiply() => device.Operations.MatrixProduct(product, matrix, matrix, transposeB: true);
        void Attend() => device.Operations.AttentionForward(new Matrix(x.Slice(30_000), 100, 50), default, matrix, matrix, matrix, shape);
        Multiply();
        Attend();
        device.Dispose();
        device.Dispose();
        Assert.Throws<ObjectDisposedException>(Multiply);
        Assert.Throws<ObjectDisposedException>(Attend);
        Assert.Throws<ObjectDisposedException>(() => device.Operations.Dot(x, x));
        Assert.Throws<ObjectDisposedException>(() => device.Operations.Fill(x.Slice(0, 1), 1));
        Assert.Equal(0, x.HostSpan[0]);
        buffer.Dispose();
        Assert.Equal(0, device.AllocatedBytes);
    }

    /// <summary>The system would hand out the addresses of some, and end the process when they are written.</summary>
    [Theory]
    [InlineData(1L << 50, "1048576 GiB")]
    [InlineData(1L << 55, "33554432 GiB")]
    public void A_buffer_that_the_host_does_not_have_is_refused(long bytes, string size)
    {
        using var device = new CpuDevice(1);
        string message = Assert.Throws<InsufficientMemoryException>(() => device.Allocate(bytes)).Message;
        Assert.Matches($@"^The host could not give {size} for a buffer of 'cpu': [\d.]+ [GM]iB are available; this device has 0 bytes in buffers\.$", message);
        Assert.Equal(0, device.AllocatedBytes);
    }

    private static OperationCase Attention(AttentionShape shape) => new($"attention {shape}", 0, run =>
    {
        Matrix q = run.NormalMatrix(shape.Rows, shape.Width), k = run.NormalMatrix(shape.Rows, shape.Width), v = run.NormalMatrix(shape.Rows, shape.Width);
        Matrix output = run.OutputMatrix("output", shape.Rows, shape.Width);
        return () => run.Operations.AttentionForward(output, default, q, k, v, shape);
    });
}
