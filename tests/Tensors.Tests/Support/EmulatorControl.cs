using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using MergeEngine.Tensors.Cuda;
using MergeEngine.Tensors.Cuda.Interop;

namespace MergeEngine.Tensors.Tests.Support;

/// <summary>The first fields of EmulatorStatistics in native/emulator/control.h: what lives now.</summary>
[StructLayout(LayoutKind.Sequential)]
public record struct EmulatorStatistics
{
    public long Allocations;
    public long AllocatedBytes;
    public long PeakBytes;
    public long TotalAllocations;
    public long PinnedAllocations;
    public long PinnedBytes;
    public long RegisteredRanges;
    public long Streams;
    public long Events;
    public long Modules;
    public long Graphs;
    public long GraphExecutables;
    public long CuBlasHandles;
    public long CuBlasLtHandles;
    public long CuBlasLtDescriptors;
    public long PrimaryContexts;

    /// <summary>Without the counts that only grow; parts of the kernels stay for the life of the context. (A property would be printed, without end.)</summary>
    public readonly EmulatorStatistics Living() => this with { PeakBytes = 0, TotalAllocations = 0, Modules = 0 };
}

/// <summary>When queued work of the emulated device runs.</summary>
public enum EmulatedStreams
{
    Eager = 0,
    Late = 1,
    Random = 2,
}

/// <summary>In which order blocks and threads run.</summary>
public enum EmulatedSchedule
{
    Forward = 0,
    Reverse = 1,
    Random = 2,
}

/// <summary>Failures and schedules of the emulated device, which are the whole process's: for tests that run alone.</summary>
public static unsafe class EmulatorControl
{
    public static EmulatorStatistics Statistics
    {
        get
        {
            EmulatorStatistics statistics;
            ((delegate* unmanaged<EmulatorStatistics*, nuint, void>)Export("emulatorStatistics"))(&statistics, (nuint)Unsafe.SizeOf<EmulatorStatistics>());
            return statistics;
        }
    }

    /// <summary>The n-th allocation from now on finds no memory.</summary>
    public static void FailAllocation(long n) => ((delegate* unmanaged<long, void>)Export("emulatorFailAllocation"))(n);

    public static void FailPinned(long n) => ((delegate* unmanaged<long, void>)Export("emulatorFailPinned"))(n);

    public static void FailLaunch(long n) => ((delegate* unmanaged<long, void>)Export("emulatorFailLaunch"))(n);

    /// <summary>The n-th matrix product from now on fails; 0 takes the order back.</summary>
    public static void FailProduct(long n) => ((delegate* unmanaged<long, void>)Export("emulatorFailCublas"))(n);

    public static void SetDriverVersion(int version) => ((delegate* unmanaged<int, void>)Export("emulatorSetDriverVersion"))(version);

    public static void SetDeviceCount(int count) => ((delegate* unmanaged<int, void>)Export("emulatorSetDeviceCount"))(count);

    public static void SetMemory(ulong bytes) => ((delegate* unmanaged<ulong, void>)Export("emulatorSetMemory"))(bytes);

    public static void SetStreams(EmulatedStreams mode, ulong seed = 1) => ((delegate* unmanaged<int, ulong, void>)Export("emulatorSetStreams"))((int)mode, seed);

    public static void SetSchedule(EmulatedSchedule mode, ulong seed = 1) => ((delegate* unmanaged<int, ulong, void>)Export("emulatorSetSchedule"))((int)mode, seed);

    /// <summary>The order in which blocks run, and threads between two synchronisations; taken back on disposal.</summary>
    public static IDisposable Schedule(EmulatedSchedule mode, ulong seed = 1)
    {
        SetSchedule(mode, seed);
        return new ForwardAgain();
    }

    public static void ClearFaults() => ((delegate* unmanaged<void>)Export("emulatorClearFaults"))();

    /// <summary>The next device gets a context of its own, as in a new process.</summary>
    public static void StartAnew() => CudaContext.Primary("emulated", 0, emulated: true).Abandon();

    private static nint Export(string name) => NativeLibrary.GetExport(NativeLibraries.Require(NativeLibraries.Driver), name);

    private sealed class ForwardAgain : IDisposable
    {
        public void Dispose() => SetSchedule(EmulatedSchedule.Forward);
    }
}
