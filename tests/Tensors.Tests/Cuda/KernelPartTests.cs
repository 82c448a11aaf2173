using MergeEngine.Tensors.Cuda;
using MergeEngine.Tensors.Cuda.Interop;
using MergeEngine.Tensors.Cuda.Kernels;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Tests.Support;

namespace MergeEngine.Tensors.Tests.Cuda;

/// <summary>Each part of the kernels is loaded when its first kernel is asked for, and never while a stream is captured. Alone, because modules are counted.</summary>
[Collection(nameof(AloneCollection))]
public sealed class KernelPartTests : IDisposable
{
    private static readonly Kernel<int> s_unknown = new("no_such_kernel", 32);

    private readonly CudaDevice _device;
    private readonly DeviceBuffer _buffer;
    private readonly long _before;

    public KernelPartTests()
    {
        CudaUnderTest.RequireEmulated();
        Assert.SkipUnless(CompiledKernels.Parts().Count > 1, "One image stands for all parts.");
        EmulatorControl.StartAnew();
        EmulatorControl.ClearFaults();
        _device = CudaUnderTest.Open();
        _buffer = _device.Allocate<float>(100);
        _before = EmulatorControl.Statistics.Modules;
    }

    private DeviceSpan<float> Values => _buffer.AsSpan<float>();

    private long Loaded => EmulatorControl.Statistics.Modules - _before;

    public void Dispose()
    {
        _buffer.Dispose();
        _device.Dispose();
    }

    [Fact]
    public void A_device_loads_the_parts_that_it_uses()
    {
        Assert.Equal(0, Loaded);
        _device.Operations.Fill(Values, 1);
        Assert.Equal(1, Loaded);
        _device.Operations.Scale(Values, 2);
        Assert.Equal(1, Loaded);
        _device.Operations.ActivationForward(Values, Values, Activation.GeluErf);
        Assert.Equal(2, Loaded);
        using CudaDevice other = CudaUnderTest.Open();
        using DeviceBuffer buffer = other.Allocate<float>(100);
        other.Operations.Fill(buffer.AsSpan<float>(), 1);
        Assert.Equal(2, Loaded);
    }

    [Fact]
    public unsafe void A_foreign_context_is_left_without_a_part()
    {
        ContextHandle context;
        DeviceHandle gpu;
        Assert.Equal(CudaStatus.Success, Driver.cuCtxGetDevice(&gpu));
        Assert.Equal(CudaStatus.Success, Driver.cuDevicePrimaryCtxRetain(&context, gpu));
        // The engine does not hold the context now: what comes is another library's.
        _buffer.Dispose();
        _device.Dispose();
        CudaContext.Primary("emulated", 0, emulated: true).Abandon();
        long before = EmulatorControl.Statistics.Modules;
        using (CudaDevice device = CudaDevice.FromHandles(context.Value, 0))
        using (DeviceBuffer buffer = device.Allocate<float>(100))
        {
            device.Operations.Fill(buffer.AsSpan<float>(), 1);
            device.Operations.ActivationForward(buffer.AsSpan<float>(), buffer.AsSpan<float>(), Activation.GeluErf);
            Assert.Equal(before + 2, EmulatorControl.Statistics.Modules);
        }

        Assert.Equal(before, EmulatorControl.Statistics.Modules);
        Assert.Equal(CudaStatus.Success, Driver.cuDevicePrimaryCtxRelease_v2(gpu));
    }

    /// <summary>Loading would end the capture with CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, on the emulated device too.</summary>
    [Fact]
    public void A_part_is_loaded_before_work_is_captured_even_where_the_first_run_failed()
    {
        _device.GraphsEnabled = true;
        using WorkReplay replay = _device.CreateReplay();
        var calls = new int[1];
        void Run() => replay.Run((_device, Values, calls), static s =>
        {
            // Each run is gone through once to see what it launches; the second call is the first run.
            if (++s.calls[0] == 2) throw new InvalidOperationException("this run fails");
            s._device.Operations.Fill(s.Values, 3);
        });
        Assert.Throws<InvalidOperationException>(Run);
        Run();
        Assert.Equal(4, calls[0]);
        Assert.Equal(1, _device.LiveGraphs);
        Assert.Equal(1, Loaded);
        Assert.Equal(3, Values.ToHost()[99]);
    }

    [Fact]
    public unsafe void The_emulated_device_refuses_a_module_while_a_stream_is_captured()
    {
        var stream = new StreamHandle(_device.Stream);
        GraphHandle graph;
        Assert.Equal(CudaStatus.Success, Driver.cuStreamBeginCapture_v2(stream, CaptureMode.ThreadLocal));
        var refused = Assert.Throws<CudaException>(() => KernelModule.Load(KernelImages.Current.All[0], "emulated", 13000));
        Assert.Contains("CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", refused.Message, StringComparison.Ordinal);
        Assert.NotEqual(CudaStatus.Success, Driver.cuStreamEndCapture(stream, &graph));
        EmulatorControl.ClearFaults();
    }

    [Fact]
    public void A_kernel_that_no_part_holds_is_named()
    {
        var missing = Assert.Throws<CudaException>(() => _device.Launch(s_unknown, new Grid(1), 0));
        Assert.Matches(@"^Kernel no_such_kernel is in none of the \d+ parts of the kernels that this build of the engine carries: build it again after \./build\.sh kernels\.$", missing.Message);
        Assert.Equal(0, Loaded);
    }

    [Fact]
    public void One_image_may_stand_for_all_parts()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, ".version 8.0\n");
            var images = KernelImages.FromFile(path);
            GC.Collect(); // the image must keep its memory
            Assert.Equal(1, images.All.Length);
            Assert.Equal(".version 8.0\n\0"u8, images.All[0].Bytes);
            Assert.Equal(0, images.Find("fill_vector"));
            KernelModule module = KernelModule.Load(images.All[0], "emulated", 13000);
            Assert.NotEqual(default, module.Find("fill_vector"));
            var missing = Assert.Throws<CudaException>(() => module.Find("no_such_kernel"));
            Assert.StartsWith($"Finding kernel no_such_kernel in {path}, which MERGE_ENGINE_KERNELS names, on 'emulated' failed: CUDA_ERROR_NOT_FOUND (500)", missing.Message, StringComparison.Ordinal);
            module.Unload();
        }
        finally
        {
            File.Delete(path);
        }

        var unreadable = Assert.Throws<CudaException>(() => KernelImages.FromFile(path));
        Assert.StartsWith($"{path}, which MERGE_ENGINE_KERNELS names, cannot be read: ", unreadable.Message, StringComparison.Ordinal);
    }
}
