using MergeEngine.Tensors.Cuda;
using MergeEngine.Tensors.Cuda.Interop;

namespace MergeEngine.Tensors.Tests.Cuda;

/// <summary>Another library's context, stream and memory, made here by bare driver calls: used, and left alone.</summary>
public sealed unsafe class HandleTests
{
    [Fact]
    public void A_device_on_foreign_handles_works_on_foreign_memory_and_destroys_nothing()
    {
        using CudaDevice opener = CudaUnderTest.Open();
        StreamHandle stream;
        nint memory;
        Assert.Equal(CudaStatus.Success, Driver.cuCtxSetCurrent(new ContextHandle(opener.Context)));
        Assert.Equal(CudaStatus.Success, Driver.cuStreamCreate(&stream, Driver.StreamNonBlocking));
        Assert.Equal(CudaStatus.Success, Driver.cuMemAlloc_v2(&memory, 400));

        CudaDevice device = CudaDevice.FromHandles(opener.Context, stream.Value);
        Assert.Equal((opener.Context, stream.Value), (device.Context, device.Stream));
        DeviceBuffer foreign = device.Wrap(memory, 400);
        Assert.Equal((memory, 400L, 0L), (foreign.Address, foreign.ByteLength, device.AllocatedBytes));
        using (DeviceBuffer own = device.Allocate<float>(100))
        {
            device.Operations.Fill(own.AsSpan<float>(), 3);
            device.Operations.Scale(own.AsSpan<float>(), 2);
            device.Operations.Copy(foreign.AsSpan<float>(), own.AsSpan<float>());
            Assert.Equal(400, device.AllocatedBytes);
        }

        Assert.Equal(0, device.AllocatedBytes);
        foreign.Dispose();
        device.Dispose();

        // All three are still there, and the other library finds what was computed.
        float last;
        Assert.Equal(CudaStatus.Success, Driver.cuCtxSetCurrent(new ContextHandle(opener.Context)));
        Assert.Equal(CudaStatus.Success, Driver.cuMemcpyDtoHAsync_v2(&last, memory + 396, 4, stream));
        Assert.Equal(CudaStatus.Success, Driver.cuStreamSynchronize(stream));
        Assert.Equal(6, last);
        Assert.Equal(CudaStatus.Success, Driver.cuMemFree_v2(memory));
        Assert.Equal(CudaStatus.Success, Driver.cuStreamDestroy_v2(stream));
    }

    [Fact]
    public void A_stream_that_was_handed_over_is_destroyed_with_its_device()
    {
        using CudaDevice opener = CudaUnderTest.Open();
        StreamHandle stream;
        Assert.Equal(CudaStatus.Success, Driver.cuCtxSetCurrent(new ContextHandle(opener.Context)));
        Assert.Equal(CudaStatus.Success, Driver.cuStreamCreate(&stream, Driver.StreamNonBlocking));
        CudaDevice.FromHandles(opener.Context, stream.Value, ownsHandle: true).Dispose();
        Assert.SkipUnless(CudaUnderTest.IsEmulated, "A real driver may not check a stream that is gone.");
        Assert.NotEqual(CudaStatus.Success, Driver.cuStreamQuery(stream));
        Emulator.TakeFault();
    }

    /// <summary>The owner of the stream goes first: what is disposed after it gives its memory back and throws nothing.</summary>
    [Fact]
    public void Everything_can_be_disposed_after_its_stream_is_gone()
    {
        Assert.SkipUnless(CudaUnderTest.IsEmulated, "A real driver may not check a stream that is gone.");
        CudaDevice opener = CudaUnderTest.Open(), device = CudaDevice.FromHandles(opener.Context, opener.Stream);
        DeviceBuffer buffer = device.Allocate<float>(400);
        WorkReplay replay = device.CreateReplay();
        var matrix = new Matrix(buffer.AsSpan<float>(), 10, 10);
        for (int i = 0; i < 3; i++)
        {
            replay.Run((device, matrix), static s => s.device.Operations.MatrixProduct(s.matrix, s.matrix.SliceRows(0, 10), s.matrix.SliceRows(0, 10)));
        }

        opener.Dispose();
        buffer.Dispose();
        Assert.Equal(0, device.AllocatedBytes);
        replay.Dispose();
        device.Dispose();
        Assert.Equal("", Emulator.TakeFault());
    }

    [Fact]
    public void A_stream_that_does_not_exist_is_refused_at_once()
    {
        using CudaDevice opener = CudaUnderTest.Open();
        Assert.SkipUnless(CudaUnderTest.IsEmulated, "A real driver may not check a stream that is gone.");
        string message = Assert.Throws<CudaException>(() => CudaDevice.FromHandles(opener.Context, 0x1234560)).Message;
        Assert.Matches(@"^Asking for the context of the given stream on 'emulated' failed: CUDA_ERROR_INVALID_HANDLE \(400\): .+ the stream was never created or is destroyed\.$", message);
    }

    [Fact]
    public void Memory_of_another_device_of_the_same_name_is_refused_as_such()
    {
        using CudaDevice device = CudaUnderTest.Open(), other = CudaUnderTest.Open();
        using DeviceBuffer buffer = other.Allocate<float>(4);
        Assert.Contains(
            $"is memory of another device '{device.Name}', the operation runs on '{device.Name}'.",
            Assert.Throws<ArgumentException>(() => device.Operations.Fill(buffer.AsSpan<float>(), 1)).Message, StringComparison.Ordinal);
        Assert.StartsWith(
            $"The memory is of another device '{device.Name}'",
            Assert.Throws<ArgumentException>(() => device.Upload<float>([1], buffer.AsSpan<float>())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_precision_that_does_not_exist_is_refused()
    {
        using CudaDevice device = CudaUnderTest.Open();
        Assert.Throws<ArgumentOutOfRangeException>(() => Device.Open(device.Name, precision: (Precision)99));
        Assert.Throws<ArgumentOutOfRangeException>(() => CudaDevice.FromHandles(device.Context, device.Stream, precision: (Precision)(-1)));
    }

    [Fact]
    public void The_default_stream_works_without_graphs()
    {
        using CudaDevice opener = CudaUnderTest.Open();
        using CudaDevice device = CudaDevice.FromHandles(opener.Context, 0);
        Assert.False(device.GraphsEnabled);
        using DeviceBuffer buffer = device.Allocate<float>(3);
        using WorkReplay replay = device.CreateReplay();
        for (int i = 1; i < 4; i++)
        {
            device.Operations.Fill(buffer.AsSpan<float>(), i);
            replay.Run((device, buffer), static s => s.device.Operations.Scale(s.buffer.AsSpan<float>(), 2));
            Assert.Equal([2f * i, 2f * i, 2f * i], buffer.AsSpan<float>().ToHost());
        }
    }

    [Fact]
    public void Handles_of_nothing_are_refused()
    {
        using CudaDevice device = CudaUnderTest.Open();
        Assert.Throws<ArgumentOutOfRangeException>(() => CudaDevice.FromHandles(0, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => device.Wrap(0, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => device.Wrap(256, -4));
    }

    /// <summary>An x86 processor would read it; a GPU stops with an error that loses the context.</summary>
    [Fact]
    public void Foreign_memory_holds_only_elements_that_may_start_there()
    {
        using CudaDevice device = CudaUnderTest.Open();
        using DeviceBuffer memory = device.Allocate<float>(4), odd = device.Wrap(memory.Address + 1, 8), half = device.Wrap(memory.Address + 4, 8);
        Assert.Equal(8, odd.AsSpan<byte>().Length);
        Assert.Equal(2, half.AsSpan<float>().Length);
        Assert.Equal($"The buffer on device '{device.Name}' starts 1 bytes behind a multiple of 4, where no Single may.", Assert.Throws<ArgumentException>(() => odd.AsSpan<float>()).Message);
        Assert.Throws<ArgumentException>(() => half.AsSpan<double>());
    }

    [Fact]
    public void Each_thread_gets_the_context_that_it_needs()
    {
        using CudaDevice device = CudaUnderTest.Open();
        ContextHandle before = default, after = default;
        float[] values = [];
        var thread = new Thread(() =>
        {
            ContextHandle current;
            Driver.cuCtxGetCurrent(&current);
            before = current;
            using DeviceBuffer buffer = device.Allocate<float>(2);
            device.Operations.Fill(buffer.AsSpan<float>(), 5);
            values = buffer.AsSpan<float>().ToHost();
            Driver.cuCtxGetCurrent(&current);
            after = current;
        });
        thread.Start();
        thread.Join();
        Assert.Equal(0, before.Value);
        Assert.Equal(device.Context, after.Value);
        Assert.Equal([5, 5], values);
    }

    [Fact]
    public void Two_threads_on_one_device_get_what_each_gets_alone()
    {
        using CudaDevice device = CudaUnderTest.Open();
        var wrong = new int[2];
        Thread[] threads = [.. Enumerable.Range(0, 2).Select(t => new Thread(() =>
        {
            using DeviceBuffer x = device.Allocate<float>(3000), y = device.Allocate<float>(3000);
            for (int i = 0; i < 50; i++)
            {
                device.Operations.Fill(x.AsSpan<float>(), (t * 1000) + i);
                device.Operations.Copy(y.AsSpan<float>(), x.AsSpan<float>());
                double sum = device.Operations.Sum(y.AsSpan<float>());
                wrong[t] += sum == 3000.0 * ((t * 1000) + i) && y.AsSpan<float>().ToHost()[2999] == (t * 1000) + i ? 0 : 1;
            }
        }))];
        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();
        Assert.Equal([0, 0], wrong);
    }

    [Fact]
    public void A_disposed_device_refuses_work_and_its_buffers_can_still_be_disposed()
    {
        CudaDevice device = CudaUnderTest.Open();
        DeviceBuffer buffer = device.Allocate<float>(10);
        device.Dispose();
        device.Dispose();
        Assert.Contains($"The device '{device.Name}' has been disposed.", Assert.Throws<ObjectDisposedException>(() => device.Allocate(1)).Message, StringComparison.Ordinal);
        Assert.Throws<ObjectDisposedException>(() => device.Stream);
        Assert.Throws<ObjectDisposedException>(() => device.Description);
        Assert.Throws<ObjectDisposedException>(() => device.Operations.Fill(buffer.AsSpan<float>(), 1));
        Assert.Throws<ObjectDisposedException>(device.Synchronize);
        buffer.Dispose();
        Assert.Equal(0, device.AllocatedBytes);
    }

    [Fact]
    public void A_device_is_not_disposed_under_its_own_work()
    {
        using CudaDevice device = CudaUnderTest.Open();
        using DeviceBuffer buffer = device.Allocate<int>(10);
        using WorkReplay replay = device.CreateReplay();
        Assert.Throws<InvalidOperationException>(() => replay.Run(device, static d => d.Dispose()));
        Assert.Throws<InvalidOperationException>(() => device.Upload(buffer.AsSpan<int>(), device, static (_, _, d) => d.Dispose()));
        device.Upload<int>([7], buffer.AsSpan<int>());
        Assert.Equal([7], buffer.AsSpan<int>().Slice(0, 1).ToHost());
    }

    [Fact]
    public void Disposal_waits_for_a_copy_in_pieces_on_another_thread()
    {
        using CudaDevice device = CudaUnderTest.Open();
        DeviceBuffer buffer = device.Allocate<int>(10);
        using ManualResetEventSlim filling = new(), disposing = new();
        var order = new List<string>();
        var disposer = new Thread(() =>
        {
            filling.Wait();
            disposing.Set();
            device.Dispose();
            lock (order) order.Add("disposed");
        });
        var copier = new Thread(() => device.Upload(buffer.AsSpan<int>(), 0, (piece, _, _) =>
        {
            filling.Set();
            disposing.Wait();
            // Until the other thread waits for this one, or has not waited.
            SpinWait.SpinUntil(() => !disposer.IsAlive || (disposer.ThreadState & ThreadState.WaitSleepJoin) != 0);
            piece.Fill(5);
            lock (order) order.Add("copied");
        }));
        disposer.Start();
        copier.Start();
        copier.Join();
        disposer.Join();
        Assert.Equal(["copied", "disposed"], order);
        Assert.Throws<ObjectDisposedException>(() => device.Upload(buffer.AsSpan<int>(), 0, static (_, _, _) => Assert.Fail("called")));
        buffer.Dispose();
    }

    [Fact]
    public void The_description_names_card_memory_and_driver()
    {
        using CudaDevice device = CudaUnderTest.Open();
        Assert.Matches(@"^.+, \d.* [GM]iB, \d+ multiprocessors, compute capability \d+\.\d, driver for CUDA \d+\.\d+$", device.Description);
    }
}
