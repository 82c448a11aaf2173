using System.Runtime.InteropServices;
using MergeEngine.Tensors.Cuda.Interop;
using MergeEngine.Tensors.Cuda.Kernels;

namespace MergeEngine.Tensors.Cuda;

/// <summary>
/// A CUDA context and the kernels in it, shared by all devices on it. The primary context of a GPU is retained once and for the life of the
/// process, so that opening a device again costs nothing; a context that was passed in is never destroyed.
/// </summary>
internal sealed unsafe class CudaContext
{
    private static readonly Lock s_lock = new();
    private static readonly Dictionary<int, CudaContext> s_primary = [];
    private static readonly Dictionary<ContextHandle, CudaContext> s_foreign = [];

    private readonly DeviceHandle _gpu;
    private readonly int _ordinal;
    private int _users;

    private CudaContext(ContextHandle handle, DeviceHandle gpu, int ordinal, string device, bool emulated)
    {
        _ordinal = ordinal;
        Handle = handle;
        DeviceName = device;
        _gpu = gpu;
        int version = 0;
        Driver.cuDriverGetVersion(&version).Check("Asking for the driver's version");
        DriverVersion = version;
        Kernels = new KernelTable(device, version, emulated);
        HasMemoryPools = Attribute(DeviceAttribute.MemoryPoolsSupported) != 0;
        Multiprocessors = Attribute(DeviceAttribute.MultiprocessorCount);
        SharedBytesPerBlock = Attribute(DeviceAttribute.MaxSharedMemoryPerBlockOptIn);
        Capability = (Attribute(DeviceAttribute.ComputeCapabilityMajor) * 10) + Attribute(DeviceAttribute.ComputeCapabilityMinor);
    }

    public ContextHandle Handle { get; }

    /// <summary>The first device's name, for messages.</summary>
    public string DeviceName { get; }

    /// <summary>As cuDriverGetVersion counts: 12040 is CUDA 12.4.</summary>
    public int DriverVersion { get; }

    /// <summary>Whether memory can be allocated in stream order.</summary>
    public bool HasMemoryPools { get; }

    public int Multiprocessors { get; }

    /// <summary>The most shared memory that a block may ask for.</summary>
    public int SharedBytesPerBlock { get; }

    /// <summary>Compute capability times ten: 90 for 9.0.</summary>
    public int Capability { get; }

    /// <summary>The kernels, compiled part by part on first use; the context must be current.</summary>
    public KernelTable Kernels { get; }

    /// <summary>GPUs that NVIDIA's driver shows to this process.</summary>
    /// <exception cref="CudaException">There is no driver, or it does not start.</exception>
    public static int Count()
    {
        NativeLibraries.Use(CudaPlatform.Nvidia);
        Start();
        int count = 0;
        Driver.cuDeviceGetCount(&count).Check("Counting GPUs");
        return count;
    }

    /// <summary>The primary context of a GPU, current on the calling thread afterwards.</summary>
    public static CudaContext Primary(string device, int ordinal, bool emulated)
    {
        NativeLibraries.Use(emulated ? CudaPlatform.Emulated : CudaPlatform.Nvidia);
        lock (s_lock)
        {
            if (s_primary.TryGetValue(ordinal, out CudaContext? known))
            {
                known.MakeCurrent();
                return known;
            }

            Start();
            int count = 0;
            Driver.cuDeviceGetCount(&count).Check("Counting GPUs");
            if (ordinal >= count)
                throw new CudaException(count == 0 ? $"'{device}' is not here: the CUDA driver finds no GPU." : $"'{device}' is not here: this process may use {count} GPU(s), numbered from 0.");
            DeviceHandle gpu;
            Driver.cuDeviceGet(&gpu, ordinal).Check($"Asking for '{device}'");
            ContextHandle handle;
            Driver.cuDevicePrimaryCtxRetain(&handle, gpu).Check($"Retaining the primary context of '{device}'");
            try
            {
                Driver.cuCtxSetCurrent(handle).Check($"Making the context of '{device}' current");
                return s_primary[ordinal] = new CudaContext(handle, gpu, ordinal, device, emulated);
            }
            catch
            {
                _ = Driver.cuDevicePrimaryCtxRelease_v2(gpu);
                throw;
            }
        }
    }

    /// <summary>
    /// Gives up a primary context in which a kernel failed: the driver answers every call there with that error. The GPU gets a new one when it
    /// is opened again, if no other library of the process holds the old one.
    /// </summary>
    public void Abandon()
    {
        lock (s_lock)
        {
            if (!s_primary.TryGetValue(_ordinal, out CudaContext? known) || known != this) return;
            s_primary.Remove(_ordinal);
            _ = Driver.cuDevicePrimaryCtxRelease_v2(_gpu);
        }
    }

    /// <summary>A context of another library, which stays its owner; current on the calling thread afterwards.</summary>
    public static CudaContext Foreign(ContextHandle handle)
    {
        bool emulated = NativeLibraries.Platform == CudaPlatform.Emulated;
        NativeLibraries.Use(emulated ? CudaPlatform.Emulated : CudaPlatform.Nvidia);
        lock (s_lock)
        {
            Start();
            Driver.cuCtxSetCurrent(handle).Check("Making the given context current");
            foreach (CudaContext primary in s_primary.Values)
            {
                if (primary.Handle == handle) return primary;
            }

            if (!s_foreign.TryGetValue(handle, out CudaContext? context))
            {
                DeviceHandle gpu;
                Driver.cuCtxGetDevice(&gpu).Check("Asking for the GPU of the given context");
                s_foreign[handle] = context = new CudaContext(handle, gpu, -1, emulated ? "emulated" : $"cuda:{gpu.Value}", emulated);
            }

            context._users++;
            return context;
        }
    }

    /// <summary>
    /// Makes the context the calling thread's. Done at each call from outside: threads of a pool come without one, or with another library's.
    /// </summary>
    public void MakeCurrent()
    {
        CudaStatus status = Driver.cuCtxSetCurrent(Handle);
        if (status != CudaStatus.Success) CudaErrors.Throw(status, $"Making the context of '{DeviceName}' current");
    }

    /// <summary>The same for what is given back: false where the context was destroyed, and all that was in it.</summary>
    public bool TryMakeCurrent() => Driver.cuCtxSetCurrent(Handle) == CudaStatus.Success;

    /// <summary>Ends one device's use: the kernels leave a foreign context with its last device.</summary>
    public void Release()
    {
        lock (s_lock)
        {
            if (!s_foreign.TryGetValue(Handle, out CudaContext? known) || known != this || --_users > 0) return;
            s_foreign.Remove(Handle);
            if (TryMakeCurrent()) Kernels.Unload();
        }
    }

    /// <summary>Name, memory and generation, for people.</summary>
    public string Describe()
    {
        const int NameBytes = 256;
        byte* name = stackalloc byte[NameBytes];
        nuint bytes;
        Driver.cuDeviceGetName(name, NameBytes, _gpu).Check($"Asking for the name of '{DeviceName}'");
        Driver.cuDeviceTotalMem_v2(&bytes, _gpu).Check($"Asking for the memory of '{DeviceName}'");
        return $"{Marshal.PtrToStringUTF8((nint)name)}, {Bytes.Describe((long)bytes)}, {Multiprocessors} multiprocessors, compute capability {Capability / 10}.{Capability % 10}, driver for CUDA {PtxVersion.Cuda(DriverVersion)}";
    }

    private static void Start()
    {
        CudaStatus status = Driver.cuInit(0);
        // What the emulator says about a variable of its own says all there is to say.
        if (status == CudaStatus.InvalidValue && Emulator.TakeFault() is { Length: > 0 } fault) throw new CudaException(fault, (int)status);
        status.Check("Starting the CUDA driver");
    }

    private int Attribute(DeviceAttribute attribute)
    {
        int value = 0;
        Driver.cuDeviceGetAttribute(&value, attribute, _gpu).Check($"Asking for attribute {attribute} of '{DeviceName}'");
        return value;
    }
}
