using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cuda;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Operations.Profiling;
using MergeEngine.Tensors.Operations.Reference;

namespace MergeEngine.Tensors;

/// <summary>
/// A place that holds memory and runs operations on it. Code above it is written once against <see cref="Operations"/>; what differs
/// between a CPU and a GPU stays behind it.
/// </summary>
public abstract class Device : IDisposable
{
    private long _allocatedBytes;
    private OperationProfile? _profile;
    private volatile OperationSet? _profiled;

    /// <summary>The name that <see cref="Open"/> takes: <c>cpu</c>, <c>cuda:0</c>, <c>emulated</c>, <c>reference</c>.</summary>
    public abstract string Name { get; }

    /// <summary>What the device is, for people: processor and instruction set, or card and memory.</summary>
    public abstract string Description { get; }

    /// <summary>True when buffers can be read by the host without a copy.</summary>
    public abstract bool IsHostMemory { get; }

    /// <summary>What it computes, on memory of its own, in the order of the calls.</summary>
    public OperationSet Operations => _profiled ?? OwnOperations;

    /// <summary>What is rounded before it is multiplied.</summary>
    public Precision Precision { get; protected init; }

    /// <summary>Bytes in buffers that were allocated and not yet disposed.</summary>
    public long AllocatedBytes => Interlocked.Read(ref _allocatedBytes);

    /// <summary>
    /// Opens a device by name: <c>cpu</c> (all cores), <c>cuda</c> or <c>cuda:n</c> (an NVIDIA GPU), <c>emulated</c> (the GPU's code on the
    /// CPU, for tests), or <c>reference</c> (plain loops that accumulate in float64, for tests).
    /// </summary>
    /// <param name="name">Device name.</param>
    /// <param name="threads">Threads of a CPU device; 0 takes one for each core.</param>
    /// <param name="precision">What products on a GPU round their inputs to, or a CPU its packed weights (BF16 alone).</param>
    /// <exception cref="ArgumentException">No such device, or a precision that it does not have, or that there is none of.</exception>
    /// <exception cref="CudaException">The driver, the GPU or the emulator is not here; says what was tried.</exception>
    public static Device Open(string name, int threads = 0, Precision precision = Precision.Float32)
    {
        ArgumentNullException.ThrowIfNull(name);
        Require(precision);
        if (name is "emulated" or "cuda" || name.StartsWith("cuda:", StringComparison.Ordinal)) return CudaDevice.Open(name, precision);
        if (name is not ("cpu" or "reference"))
            throw new ArgumentException($"There is no device '{name}'; known devices are cpu, cuda, cuda:n, emulated and reference.", nameof(name));
        if (precision == Precision.TF32 || (precision == Precision.BF16 && name == "reference"))
            throw new ArgumentException($"The device '{name}' has no {precision}: TF32 is for cuda and emulated, BF16 for these and cpu.", nameof(precision));
        return name == "cpu" ? new CpuDevice(threads, precision: precision) : new ReferenceDevice();
    }

    /// <summary>Allocates zeroed memory, aligned to 64 bytes or more.</summary>
    /// <exception cref="InsufficientMemoryException">Says how much was asked for.</exception>
    public DeviceBuffer Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        DeviceBuffer buffer = AllocateCore(bytes);
        Interlocked.Add(ref _allocatedBytes, bytes);
        return buffer;
    }

    /// <summary>Allocates zeroed memory for <paramref name="count"/> elements.</summary>
    public DeviceBuffer Allocate<T>(long count)
        where T : unmanaged => Allocate(checked(count * System.Runtime.CompilerServices.Unsafe.SizeOf<T>()));

    /// <summary>A recorder of work that is launched again and again; plain execution where the device has no command graphs.</summary>
    public virtual WorkReplay CreateReplay() => new();

    /// <summary>
    /// Times every operation that is asked of <see cref="Operations"/> from now on, until the profile is disposed. Who took the operations before goes
    /// on without a clock, so start before models and methods are made, or run.
    /// </summary>
    /// <exception cref="InvalidOperationException">There is a profile already.</exception>
    public OperationProfile StartProfile()
    {
        var profile = new OperationProfile(this);
        if (Interlocked.CompareExchange(ref _profile, profile, null) is not null)
            throw new InvalidOperationException($"Operations of '{Name}' are timed already: dispose the first profile.");
        _profiled = OwnOperations.In(profile);
        return profile;
    }

    /// <summary>Copies host values to the start of <paramref name="destination"/>; <paramref name="source"/> may be reused on return.</summary>
    /// <exception cref="ArgumentException">The destination is shorter than the source.</exception>
    public abstract void Upload<T>(ReadOnlySpan<T> source, DeviceSpan<T> destination)
        where T : unmanaged;

    /// <summary>
    /// Fills <paramref name="destination"/> piece by piece, in order: a host's memory directly, a GPU's through page-locked memory, so that one
    /// piece is copied while the next is read. On return every piece has been filled; work that is given to the device afterwards finds it.
    /// </summary>
    /// <typeparam name="T">Element type.</typeparam>
    /// <typeparam name="TState">What the callback needs.</typeparam>
    /// <param name="destination">All of it is filled.</param>
    /// <param name="state">Handed to <paramref name="fill"/>.</param>
    /// <param name="fill">Called once a piece of at most 32 MiB. Where it throws, pieces before are filled.</param>
    public abstract void Upload<T, TState>(DeviceSpan<T> destination, TState state, FillPiece<T, TState> fill)
        where T : unmanaged;

    /// <summary>Hands <paramref name="source"/> to the host piece by piece, in order; the next piece is copied while one is read.</summary>
    /// <typeparam name="T">Element type.</typeparam>
    /// <typeparam name="TState">What the callback needs.</typeparam>
    /// <param name="source">All of it is read.</param>
    /// <param name="state">Handed to <paramref name="read"/>.</param>
    /// <param name="read">Called once a piece of at most 32 MiB.</param>
    public abstract void Download<T, TState>(DeviceSpan<T> source, TState state, ReadPiece<T, TState> read)
        where T : unmanaged;

    /// <summary>Copies the first elements of <paramref name="source"/> to the host; waits for the work that writes them.</summary>
    /// <exception cref="ArgumentException">The source is shorter than the destination.</exception>
    public abstract void Download<T>(DeviceSpan<T> source, Span<T> destination)
        where T : unmanaged;

    /// <summary>Waits until all work given to the device is done.</summary>
    public abstract void Synchronize();

    /// <summary>
    /// Ends the device's threads and gives back its working memory; operations are refused from then on. Buffers are not disposed with
    /// their device: dispose them first (a buffer that is still alive can be disposed afterwards).
    /// </summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>What it computes, without a clock.</summary>
    protected abstract OperationSet OwnOperations { get; }

    /// <summary>True while a profile runs: every operation has to be launched on its own.</summary>
    private protected bool IsProfiled => _profile is not null;

    protected abstract DeviceBuffer AllocateCore(long bytes);

    protected virtual void Dispose(bool disposing)
    {
    }

    private protected static void Require(Precision precision)
    {
        if (!Enum.IsDefined(precision))
            throw new ArgumentOutOfRangeException(nameof(precision), precision, "There is no such precision; known are Float32, TF32 and BF16.");
    }

    /// <summary>A device whose memory came here by mistake, in words: two devices may have one name.</summary>
    internal string DescribeOther(Device other) => other.Name == Name ? $"another device '{Name}'" : $"device '{other.Name}'";

    internal void EndProfile(OperationProfile profile)
    {
        _profiled = null;
        Interlocked.CompareExchange(ref _profile, null, profile);
    }

    internal void OnFreed(long bytes) => Interlocked.Add(ref _allocatedBytes, -bytes);
}
