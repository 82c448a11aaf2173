using MergeEngine.Tensors.Cuda;
using MergeEngine.Tensors.Tests.Support;

namespace MergeEngine.Tensors.Tests.Cuda;

/// <summary>What fails is said in one sentence, and leaves nothing behind. Alone, because failures are ordered for the whole process.</summary>
[Collection(nameof(AloneCollection))]
public sealed class FailureTests : IDisposable
{
    public FailureTests()
    {
        CudaUnderTest.RequireEmulated();
        // What stays for the life of the process comes before anything is counted.
        UseEverything();
        EmulatorControl.ClearFaults();
    }

    public void Dispose()
    {
        EmulatorControl.FailAllocation(0);
        EmulatorControl.FailPinned(0);
        EmulatorControl.FailLaunch(0);
        EmulatorControl.SetMemory(0);
        EmulatorControl.SetDriverVersion(13000);
        EmulatorControl.SetDeviceCount(1);
        EmulatorControl.ClearFaults();
    }

    /// <summary>Buffers, working memory, the products' workspace: whichever allocation fails, all others are given back.</summary>
    [Fact]
    public void Out_of_memory_at_any_allocation_leaks_nothing()
    {
        EmulatorStatistics before = EmulatorControl.Statistics.Living();
        int failures = 0;
        for (int n = 1; ; n++)
        {
            EmulatorControl.FailAllocation(n);
            try
            {
                UseEverything();
                break;
            }
            catch (InsufficientMemoryException exception)
            {
                Assert.Contains("'emulated' could not give ", exception.Message, StringComparison.Ordinal);
                Assert.Matches(@"in working memory\. cuMemAlloc\w+: an injected failure\.$", exception.Message);
                failures++;
            }

            Assert.Equal(before, EmulatorControl.Statistics.Living());
        }

        // Three buffers, working memory, the products' workspace at least.
        Assert.InRange(failures, 5, 100);
        Assert.Equal(before, EmulatorControl.Statistics.Living());
    }

    [Fact]
    public void Out_of_page_locked_memory_leaks_nothing()
    {
        EmulatorStatistics before = EmulatorControl.Statistics.Living();
        int failures = 0;
        for (int n = 1; ; n++)
        {
            EmulatorControl.FailPinned(n);
            try
            {
                UseEverything();
                break;
            }
            catch (InsufficientMemoryException exception)
            {
                Assert.Contains("The host could not lock ", exception.Message, StringComparison.Ordinal);
                Assert.EndsWith(". cuMemHostAlloc: an injected failure.", exception.Message, StringComparison.Ordinal);
                failures++;
            }

            Assert.Equal(before, EmulatorControl.Statistics.Living());
        }

        Assert.InRange(failures, 2, 10);
        Assert.Equal(before, EmulatorControl.Statistics.Living());
    }

    [Fact]
    public void Out_of_memory_says_what_was_asked_and_what_is_there()
    {
        EmulatorControl.SetMemory(64 << 20);
        using CudaDevice device = CudaUnderTest.Open();
        using DeviceBuffer held = device.Allocate(16 << 20);
        string message = Assert.Throws<InsufficientMemoryException>(() => device.Allocate(3L << 30)).Message;
        Assert.Matches(@"^'emulated' could not give 3 GiB for a buffer: 4\d(\.\d)? MiB of 64 MiB are free; this device has 16 MiB in buffers and 0 bytes in working memory\.$", message);

        // The device goes on.
        device.Operations.Fill(held.AsSpan<float>(), 2);
        Assert.Equal([2], held.AsSpan<float>().Slice(0, 1).ToHost());
    }

    [Fact]
    public void A_kernel_that_fails_is_named_and_the_gpu_can_be_opened_again()
    {
        CudaDevice device = CudaUnderTest.Open();
        DeviceBuffer buffer = device.Allocate<float>(100);
        EmulatorControl.FailLaunch(1);
        var exception = Assert.Throws<CudaException>(() =>
        {
            device.Operations.Fill(buffer.AsSpan<float>(), 1);
            device.Synchronize();
        });
        Assert.Equal(719, exception.Code);
        Assert.Contains("'emulated'", exception.Message, StringComparison.Ordinal);
        Assert.Contains("CUDA_ERROR_LAUNCH_FAILED (719)", exception.Message, StringComparison.Ordinal);

        // Everything on the context is lost, and says so rather than crash.
        Assert.Equal(719, Assert.Throws<CudaException>(device.Synchronize).Code);
        Assert.Equal(719, Assert.Throws<CudaException>(() => device.Allocate(4)).Code);
        buffer.Dispose();
        device.Dispose();
        using CudaDevice again = CudaUnderTest.Open();
        using DeviceBuffer other = again.Allocate<float>(3);
        again.Operations.Fill(other.AsSpan<float>(), 4);
        Assert.Equal([4, 4, 4], other.AsSpan<float>().ToHost());
    }

    [Fact]
    public void A_device_whose_context_is_gone_can_still_be_disposed()
    {
        CudaDevice device = CudaUnderTest.Open();
        DeviceBuffer buffer = device.Allocate<float>(100);
        WorkReplay replay = device.CreateReplay();
        for (int i = 0; i < 3; i++) replay.Run((device, buffer), static s => s.device.Operations.Scale(s.buffer.AsSpan<float>(), 2));
        device.Upload<float>([1], buffer.AsSpan<float>());
        EmulatorControl.StartAnew();
        Assert.Throws<CudaException>(device.Synchronize);
        replay.Dispose();
        device.Dispose();
        buffer.Dispose();
        Assert.Throws<ObjectDisposedException>(device.Synchronize);
        Assert.Equal(0, device.AllocatedBytes);
    }

    [Fact]
    public void A_kernel_that_fails_in_a_replay_is_found_when_the_device_is_waited_for()
    {
        using CudaDevice device = CudaUnderTest.Open();
        using DeviceBuffer buffer = device.Allocate<float>(100);
        using WorkReplay replay = device.CreateReplay();
        void Run() => replay.Run((device, buffer), static s => s.device.Operations.Scale(s.buffer.AsSpan<float>(), 2));
        for (int i = 0; i < 3; i++) Run();
        EmulatorControl.FailLaunch(1);
        Assert.Equal(719, Assert.Throws<CudaException>(() =>
        {
            Run();
            device.Synchronize();
        }).Code);
    }

    [Fact]
    public void A_driver_that_is_too_old_is_named_with_the_one_that_is_needed()
    {
        _ = CompiledKernels.Parts();
        EmulatorControl.SetDriverVersion(11040);
        EmulatorControl.StartAnew();
        try
        {
            using CudaDevice device = CudaUnderTest.Open();
            using DeviceBuffer buffer = device.Allocate<float>(1);
            var exception = Assert.Throws<CudaException>(() => device.Operations.Fill(buffer.AsSpan<float>(), 1));
            Assert.Equal(222, exception.Code);
            Assert.Matches(
                @"^The driver of 'emulated' is too old for the engine's kernels: it supports CUDA 11\.4, their PTX \d\.\d needs a driver for CUDA 1\d\.\d or newer \(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, 222\)\.$",
                exception.Message);
        }
        finally
        {
            EmulatorControl.SetDriverVersion(13000);
            EmulatorControl.StartAnew();
        }
    }

    [Fact]
    public void A_machine_without_a_gpu_says_so()
    {
        EmulatorControl.StartAnew();
        EmulatorControl.SetDeviceCount(0);
        var exception = Assert.Throws<CudaException>(() => Device.Open("emulated"));
        Assert.Equal(100, exception.Code);
        Assert.Contains("Starting the CUDA driver failed: CUDA_ERROR_NO_DEVICE (100)", exception.Message, StringComparison.Ordinal);
        Assert.EndsWith("MERGE_ENGINE_EMULATOR_DEVICES is 0: the emulated machine has no device.", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_device_gives_everything_back()
    {
        EmulatorStatistics before = EmulatorControl.Statistics.Living();
        UseEverything();
        Assert.Equal(before, EmulatorControl.Statistics.Living());
    }

    /// <summary>Memory, copies both ways, kernels, working memory, results, products and graphs.</summary>
    private static void UseEverything()
    {
        using CudaDevice device = CudaUnderTest.Open();
        using DeviceBuffer x = device.Allocate<float>(400), y = device.Allocate<float>(400), norm = device.Allocate<double>(1);
        using WorkReplay replay = device.CreateReplay();
        DeviceSpan<float> a = x.AsSpan<float>(), b = y.AsSpan<float>();
        device.Upload<float>(new float[400], a);
        device.Upload(b, 0, static (piece, _, _) => piece.Fill(1));
        for (int i = 0; i < 3; i++)
        {
            replay.Run((device, a, b, norm), static s =>
            {
                s.device.Operations.Scale(s.a, 0.5f);
                s.device.Operations.MatrixProduct(new Matrix(s.a, 20, 20), new Matrix(s.b, 20, 20), new Matrix(s.b, 20, 20));
                s.device.Operations.SquaredNorm(s.norm.AsSpan<double>(), s.a);
            });
        }

        Assert.Equal(400 * 20.0 * 20.0, norm.AsSpan<double>().ToHost()[0]);
        Assert.Equal(400 * 20.0, device.Operations.Sum(a));
        device.Download(a, 0, static (_, _, _) => { });
        replay.Dispose();
        Assert.Equal(0, device.LiveGraphs);
    }
}
