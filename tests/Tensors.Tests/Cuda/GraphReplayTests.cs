using MergeEngine.Tensors.Cuda;

namespace MergeEngine.Tensors.Tests.Cuda;

/// <summary>Work that repeats is captured when it comes for the second time and replayed from then on; what it computes never depends on that.</summary>
public sealed class GraphReplayTests : IDisposable
{
    private const int Length = 1000;

    private readonly CudaDevice _device = CudaUnderTest.Open();
    private readonly List<DeviceBuffer> _buffers = [];

    public GraphReplayTests() => _device.GraphsEnabled = true;

    public void Dispose()
    {
        foreach (DeviceBuffer buffer in _buffers) buffer.Dispose();
        Assert.Equal(0, _device.AllocatedBytes);
        Assert.Equal(0, _device.LiveGraphs);
        _device.Dispose();
    }

    [Fact]
    public void Results_follow_the_memory_and_not_the_recording()
    {
        using WorkReplay replay = _device.CreateReplay();
        DeviceSpan<float> x = Vector(), y = Vector();
        for (int run = 1; run <= 5; run++)
        {
            _device.Operations.Fill(x, run);
            replay.Run((_device, x, y), static s => Double(s._device, s.x, s.y));
            Assert.Equal(2f * run, Read(y)[Length - 1]);
            Assert.Equal(run < 2 ? 0 : 1, _device.LiveGraphs);
        }
    }

    [Fact]
    public void Work_on_other_memory_or_with_another_scalar_is_other_work()
    {
        using WorkReplay replay = _device.CreateReplay();
        DeviceSpan<float> x = Vector(), y = Vector(), z = Vector();
        foreach (float factor in new[] { 1f, 2f, 1f, 2f, 3f, 1f })
        {
            foreach (DeviceSpan<float> target in new[] { y, z })
            {
                _device.Operations.Fill(x, 1);
                _device.Operations.Fill(target, -1);
                replay.Run((_device, x, target, factor), static s =>
                {
                    s._device.Operations.Copy(s.target, s.x);
                    s._device.Operations.Scale(s.target, s.factor);
                });
                Assert.Equal(factor, Read(target)[0]);
            }
        }

        // Factors 1 and 2 came more than once, on two targets each.
        Assert.Equal(4, _device.LiveGraphs);
    }

    [Fact]
    public void Without_graphs_nothing_is_captured_and_the_result_is_the_same()
    {
        _device.GraphsEnabled = false;
        using WorkReplay replay = _device.CreateReplay();
        DeviceSpan<float> x = Vector(), y = Vector();
        _device.Operations.Fill(x, 3);
        for (int run = 0; run < 4; run++) replay.Run((_device, x, y), static s => Double(s._device, s.x, s.y));
        Assert.Equal(6, Read(y)[0]);
        Assert.Equal(0, _device.LiveGraphs);
    }

    [Fact]
    public void Memory_that_is_freed_during_a_capture_is_given_back_after_it()
    {
        using WorkReplay replay = _device.CreateReplay();
        DeviceSpan<float> x = Vector(), y = Vector();
        DeviceBuffer other = _device.Allocate<float>(100);
        long held = _device.AllocatedBytes;
        var calls = new int[1];
        for (int run = 1; run <= 3; run++)
        {
            _device.Operations.Fill(x, run);
            replay.Run((_device, x, y, other, calls), static s =>
            {
                Double(s._device, s.x, s.y);
                // Each run is gone through once to see what it launches; the fourth call is the capture of the second run.
                if (++s.calls[0] == 4) s.other.Dispose();
            });
            Assert.Equal(2f * run, Read(y)[0]);
        }

        Assert.Equal(1, _device.LiveGraphs);
        Assert.Equal(held - 400, _device.AllocatedBytes);
    }

    [Fact]
    public void Work_inside_work_is_a_part_of_it()
    {
        using WorkReplay outer = _device.CreateReplay(), inner = _device.CreateReplay();
        DeviceSpan<float> x = Vector(), y = Vector();
        for (int run = 1; run <= 4; run++)
        {
            _device.Operations.Fill(x, run);
            outer.Run((_device, inner, x, y), static s =>
            {
                s.inner.Run((s._device, s.x, s.y), static t => Double(t._device, t.x, t.y));
                s._device.Operations.Scale(s.y, 10);
            });
            Assert.Equal(20f * run, Read(y)[0]);
        }

        Assert.Equal(1, _device.LiveGraphs);
    }

    [Theory]
    [InlineData("download")]
    [InlineData("upload")]
    [InlineData("wait")]
    [InlineData("sum")]
    public void What_waits_for_the_device_is_refused_inside_recorded_work(string what)
    {
        using WorkReplay replay = _device.CreateReplay();
        DeviceSpan<float> x = Vector(), y = Vector();
        float[] host = new float[Length];
        var refused = Assert.Throws<InvalidOperationException>(() => replay.Run(0, _ =>
        {
            if (what == "download") _device.Download(x, host);
            else if (what == "upload") _device.Upload<float>(host, x);
            else if (what == "wait") _device.Synchronize();
            else _device.Operations.Sum(x);
        }));
        Assert.Contains("is not possible inside work that", refused.Message, StringComparison.Ordinal);
        WorksStill(x, y);
    }

    [Fact]
    public void Work_that_throws_while_it_is_captured_leaves_the_device_usable()
    {
        using WorkReplay replay = _device.CreateReplay();
        DeviceSpan<float> x = Vector(), y = Vector();
        int calls = 0;
        void Work(int state)
        {
            Double(_device, x, y);
            // Dry run, run, dry run, capture.
            if (++calls == 4) throw new FormatException("in the capture");
        }

        replay.Run(0, Work);
        Assert.Throws<FormatException>(() => replay.Run(0, Work));
        Assert.Equal(0, _device.LiveGraphs);
        WorksStill(x, y);
        replay.Run(0, Work);
        Assert.Equal(1, _device.LiveGraphs);
    }

    [Fact]
    public void Work_that_changes_from_run_to_run_is_refused_and_not_captured()
    {
        using WorkReplay replay = _device.CreateReplay();
        DeviceSpan<float> x = Vector(), y = Vector();
        int calls = 0;
        // The dry runs launch the same; the capture, which is the fourth call, does not.
        void Work(int state) => _device.Operations.Scale(x, ++calls == 4 ? 3 : 2);

        replay.Run(0, Work);
        var refused = Assert.Throws<InvalidOperationException>(() => replay.Run(0, Work));
        Assert.Contains("it may not depend on how often it runs", refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, _device.LiveGraphs);
        WorksStill(x, y);
    }

    [Fact]
    public void Memory_may_be_freed_and_come_back()
    {
        using WorkReplay replay = _device.CreateReplay();
        DeviceSpan<float> y = Vector();
        for (int run = 1; run <= 6; run++)
        {
            using DeviceBuffer buffer = _device.Allocate<float>(Length);
            DeviceSpan<float> x = buffer.AsSpan<float>();
            _device.Operations.Fill(x, run);
            replay.Run((_device, x, y), static s => Double(s._device, s.x, s.y));
            Assert.Equal(2f * run, Read(y)[0]);
        }
    }

    [Fact]
    public void Only_the_latest_shapes_keep_a_graph()
    {
        using WorkReplay replay = _device.CreateReplay();
        DeviceSpan<float> x = Vector(), y = Vector();
        for (int length = 1; length <= 80; length++)
        {
            for (int run = 0; run < 2; run++) replay.Run((_device, X: x.Slice(0, length), Y: y.Slice(0, length)), static s => Double(s._device, s.X, s.Y));
        }

        Assert.Equal(32, _device.LiveGraphs);
    }

    [Fact]
    public void A_replay_allocates_nothing()
    {
        using WorkReplay replay = _device.CreateReplay();
        DeviceSpan<float> x = Vector(), y = Vector();
        long smallest = long.MaxValue;
        for (int run = 0; run < 12; run++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            replay.Run((_device, x, y), static s => Double(s._device, s.x, s.y));
            smallest = Math.Min(smallest, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.Equal(0, smallest);
    }

    [Fact]
    public void On_the_host_work_just_runs()
    {
        using Device cpu = Device.Open("cpu", 1);
        using WorkReplay replay = cpu.CreateReplay();
        int calls = 0;
        for (int run = 0; run < 3; run++) replay.Run(0, _ => calls++);
        Assert.Equal(3, calls);
    }

    private static void Double(Device device, DeviceSpan<float> x, DeviceSpan<float> y)
    {
        device.Operations.Copy(y, x);
        device.Operations.Scale(y, 2);
    }

    private void WorksStill(DeviceSpan<float> x, DeviceSpan<float> y)
    {
        _device.Operations.Fill(x, 21);
        Double(_device, x, y);
        Assert.Equal(42, Read(y)[0]);
    }

    private DeviceSpan<float> Vector()
    {
        DeviceBuffer buffer = _device.Allocate<float>(Length);
        _buffers.Add(buffer);
        return buffer.AsSpan<float>();
    }

    private float[] Read(DeviceSpan<float> values)
    {
        float[] host = new float[values.Length];
        _device.Download(values, host);
        return host;
    }
}
