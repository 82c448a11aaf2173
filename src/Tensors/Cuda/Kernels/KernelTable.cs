using MergeEngine.Tensors.Cuda.Interop;

namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>
/// The kernels in one context: the functions that have been used, and the images that hold them, each loaded when its first kernel is asked for.
/// Loading may wait for the device, so a stream must not be captured meanwhile: a dry run asks for the kernels before (<see cref="CudaDevice"/>).
/// </summary>
/// <param name="device">Name for messages.</param>
/// <param name="driverVersion">As cuDriverGetVersion gives it.</param>
/// <param name="emulated">Whether the device is the emulated one.</param>
internal sealed class KernelTable(string device, int driverVersion, bool emulated)
{
    /// <summary>Dynamic shared memory that a kernel may have without being told.</summary>
    private const int DefaultDynamicSharedBytes = 48 << 10;

    private readonly Lock _lock = new();
    private KernelImages? _images;
    private KernelModule?[] _modules = [];
    private FunctionHandle[] _functions = new FunctionHandle[64];
    private int[] _dynamicShared = new int[64];

    /// <summary>The kernel's function, allowed the dynamic shared memory that it asks for; the context is current.</summary>
    /// <exception cref="CudaException">No image holds the kernel, or the driver does not take it.</exception>
    public FunctionHandle Function(Kernel kernel, int sharedBytes)
    {
        FunctionHandle[] functions = Volatile.Read(ref _functions);
        FunctionHandle function = kernel.Index < functions.Length ? functions[kernel.Index] : default;
        return function.Value != 0 && sharedBytes <= DefaultDynamicSharedBytes ? function : Prepare(kernel, sharedBytes);
    }

    /// <summary>Gives the code back; the context is current and nothing runs.</summary>
    public void Unload()
    {
        foreach (KernelModule? module in _modules) module?.Unload();
    }

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
            if (function.Value == 0) _functions[kernel.Index] = function = ModuleOf(kernel).Find(kernel.Name);
            if (sharedBytes > DefaultDynamicSharedBytes && sharedBytes > _dynamicShared[kernel.Index])
            {
                CudaStatus status = Driver.cuFuncSetAttribute(function, FunctionAttribute.MaxDynamicSharedBytes, sharedBytes);
                if (status != CudaStatus.Success) CudaErrors.Throw(status, $"Giving kernel {kernel.Name} {sharedBytes} bytes of shared memory on '{device}'");
                _dynamicShared[kernel.Index] = sharedBytes;
            }

            return function;
        }
    }

    private KernelModule ModuleOf(Kernel kernel)
    {
        if (_images is null)
        {
            KernelImages images = KernelImages.For(emulated);
            _modules = new KernelModule[images.All.Length];
            _images = images;
        }

        int place = _images.Find(kernel.Name);
        return _modules[place] ??= KernelModule.Load(_images.All[place], device, driverVersion);
    }
}
