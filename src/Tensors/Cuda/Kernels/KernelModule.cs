using System.Runtime.InteropServices;
using System.Text;
using MergeEngine.Tensors.Cuda.Interop;

namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>One image of kernels in one context.</summary>
internal sealed unsafe class KernelModule
{
    private readonly CudaModuleHandle _module;
    private readonly KernelImage _image;
    private readonly string _device;

    private KernelModule(CudaModuleHandle module, KernelImage image, string device)
    {
        _module = module;
        _image = image;
        _device = device;
    }

    /// <summary>Compiles an image for the current context.</summary>
    /// <param name="image">What to compile.</param>
    /// <param name="device">Name for messages.</param>
    /// <param name="driverVersion">As cuDriverGetVersion gives it.</param>
    /// <exception cref="CudaException">The driver is too old for it, or refuses it.</exception>
    public static KernelModule Load(KernelImage image, string device, int driverVersion)
    {
        const int LogBytes = 4096;
        ReadOnlySpan<byte> bytes = image.Bytes;
        CudaModuleHandle module;
        byte* log = stackalloc byte[LogBytes];
        log[0] = 0;
        JitOption* options = stackalloc JitOption[] { JitOption.ErrorLogBuffer, JitOption.ErrorLogBufferBytes };
        void** values = stackalloc void*[] { log, (void*)LogBytes };
        CudaStatus status;
        fixed (byte* start = bytes)
        {
            status = Driver.cuModuleLoadDataEx(&module, start, 2, options, values);
        }

        if (status == CudaStatus.UnsupportedPtxVersion)
        {
            int version = PtxVersion.Of(bytes);
            throw new CudaException(
                $"The driver of '{device}' is too old for the engine's kernels: it supports CUDA {PtxVersion.Cuda(driverVersion)}, their PTX {version / 10}.{version % 10} needs a driver for CUDA {PtxVersion.Cuda(PtxVersion.Needs(version))} or newer (CUDA_ERROR_UNSUPPORTED_PTX_VERSION, 222).",
                (int)status);
        }

        if (status != CudaStatus.Success)
        {
            log[LogBytes - 1] = 0;
            string words = Marshal.PtrToStringUTF8((nint)log)?.ReplaceLineEndings(" ").Trim() ?? "";
            CudaErrors.Throw(status, $"Loading {image.Description} on '{device}'{(words.Length > 0 ? $" ({words})" : "")}");
        }

        return new KernelModule(module, image, device);
    }

    /// <summary>A kernel's function; the context is current.</summary>
    /// <exception cref="CudaException">The image does not hold it.</exception>
    public FunctionHandle Find(string kernel)
    {
        FunctionHandle function;
        fixed (byte* utf8 = Encoding.UTF8.GetBytes(kernel + '\0'))
        {
            CudaStatus status = Driver.cuModuleGetFunction(&function, _module, utf8);
            if (status != CudaStatus.Success) CudaErrors.Throw(status, $"Finding kernel {kernel} in {_image.Description} on '{_device}'");
        }

        return function;
    }

    /// <summary>Gives the code back; the context is current and nothing runs.</summary>
    public void Unload() => _ = Driver.cuModuleUnload(_module); // a context that was lost has taken it along
}
