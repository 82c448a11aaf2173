using System.Text;
using MergeEngine.Tensors.Cuda.Interop;

namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>The compiled kernels in one context, and a table of those functions that have been used.</summary>
internal sealed unsafe class KernelModule
{
    /// <summary>Dynamic shared memory that a kernel may have without being told.</summary>
    private const int DefaultDynamicSharedBytes = 48 << 10;

    private readonly Lock _lock = new();
    private readonly CudaModuleHandle _module;
    private readonly string _device;
    private FunctionHandle[] _functions = new FunctionHandle[64];
    private int[] _dynamicShared = new int[64];

    private KernelModule(CudaModuleHandle module, string device)
    {
        _module = module;
        _device = device;
    }

    /// <summary>Compiles the embedded kernels for the current context.</summary>
    /// <param name="device">Name for messages.</param>
    /// <param name="driverVersion">As cuDriverGetVersion gives it.</param>
    /// <param name="emulated">The emulator carries the kernels itself.</param>
    public static KernelModule Load(string device, int driverVersion, bool emulated)
    {
        const int LogBytes = 4096;
        ReadOnlySpan<byte> image = KernelImage.Bytes;
        if (image.IsEmpty && emulated) image = ".version 8.0\n.target sm_80\n.address_size 64\n\0"u8;
        if (image.IsEmpty) throw new CudaException("This build of the engine carries no GPU kernels: build it again after ./build.sh kernels, which needs clang 16 or newer, or nvcc.");
        CudaModuleHandle module;
        byte* log = stackalloc byte[LogBytes];
        log[0] = 0;
        JitOption* options = stackalloc JitOption[] { JitOption.ErrorLogBuffer, JitOption.ErrorLogBufferBytes };
        void** values = stackalloc void*[] { log, (void*)LogBytes };
        CudaStatus status;
        fixed (byte* start = image)
        {
            status = Driver.cuModuleLoadDataEx(&module, start, 2, options, values);
        }

        if (status == CudaStatus.UnsupportedPtxVersion)
        {
            int version = PtxVersion.Of(image);
            throw new CudaException(
                $"The driver of '{device}' is too old for the engine's kernels: it supports CUDA {PtxVersion.Cuda(driverVersion)}, their PTX {version / 10}.{version % 10} needs a driver for CUDA {PtxVersion.Cuda(PtxVersion.Needs(version))} or newer (CUDA_ERROR_UNSUPPORTED_PTX_VERSION, 222).",
                (int)status);
        }

        if (status != CudaStatus.Success)
        {
            log[LogBytes - 1] = 0;
            string words = System.Runtime.InteropServices.Marshal.PtrToStringUTF8((nint)log)?.ReplaceLineEndings(" ").Trim() ?? "";
            CudaErrors.Throw(status, $"Loading the kernels on '{device}'{(words.Length > 0 ? $" ({words})" : "")}");
        }

        return new KernelModule(module, device);
    }

    /// <summary>The kernel's function, allowed the dynamic shared memory that it asks for; the context is current.</summary>
    public FunctionHandle Function(Kernel kernel, int sharedBytes)
    {
        FunctionHandle[] functions = Volatile.Read(ref _functions);
        FunctionHandle function = kernel.Index < functions.Length ? functions[kernel.Index] : default;
        return function.Value != 0 && sharedBytes <= DefaultDynamicSharedBytes ? function : Prepare(kernel, sharedBytes);
    }

    /// <summary>Gives the code back; the context is current and nothing runs.</summary>
    public void Unload() => Driver.cuModuleUnload(_module).Check($"Unloading the kernels from '{_device}'");

    private FunctionHandle Prepare(Kernel kernel, int sharedBytes)
    {
        lock (_lock)
        {
            if (kernel.Index >= _functions.Length)
            {
                Array.Resize(ref _dynamicShared, Math.Max(kernel.Index + 1, _functions.Length * 2));
                FunctionHandle[] larger = _functions;
                Array.Resize(ref larger, _dynamicShared.Length);
                Volatile.Write(ref _functions, larger);
            }

            FunctionHandle function = _functions[kernel.Index];
            if (function.Value == 0) _functions[kernel.Index] = function = Find(kernel.Name);
            if (sharedBytes > DefaultDynamicSharedBytes && sharedBytes > _dynamicShared[kernel.Index])
            {
                CudaStatus status = Driver.cuFuncSetAttribute(function, FunctionAttribute.MaxDynamicSharedBytes, sharedBytes);
                if (status != CudaStatus.Success) CudaErrors.Throw(status, $"Giving kernel {kernel.Name} {sharedBytes} bytes of shared memory on '{_device}'");
                _dynamicShared[kernel.Index] = sharedBytes;
            }

            return function;
        }
    }

    private FunctionHandle Find(string name)
    {
        FunctionHandle function;
        fixed (byte* utf8 = Encoding.UTF8.GetBytes(name + '\0'))
        {
            CudaStatus status = Driver.cuModuleGetFunction(&function, _module, utf8);
            if (status != CudaStatus.Success) CudaErrors.Throw(status, $"Finding kernel {name} on '{_device}'");
        }

        return function;
    }
}
