using System.Runtime.InteropServices;
using MergeEngine.Tensors.Cuda.Interop;

namespace MergeEngine.Tensors.Tests.Support;

/// <summary>
/// What tests ask of the emulated device beyond the driver API (native/emulator/control.h). Orders and counts are the whole process's, so tests that
/// use them run alone.
/// </summary>
internal static unsafe class EmulatorOrders
{
    private const int StatisticsFields = 26;

    /// <summary>The n-th matrix product from now on fails; 0 takes the order back.</summary>
    public static void FailProduct(long n) => ((delegate* unmanaged<long, void>)Export("emulatorFailCublas"))(n);

    /// <summary>Live cuBLAS and cuBLASLt handles, and live descriptors, layouts and preferences.</summary>
    public static (long Handles, long LightHandles, long Descriptors) LiveProductObjects()
    {
        long* fields = stackalloc long[StatisticsFields];
        ((delegate* unmanaged<long*, nuint, void>)Export("emulatorStatistics"))(fields, StatisticsFields * sizeof(long));
        return (fields[12], fields[13], fields[14]);
    }

    /// <summary>The order in which blocks run, and threads between two synchronisations; taken back on disposal.</summary>
    public static IDisposable Schedule(EmulatorSchedule schedule, ulong seed = 0)
    {
        SetSchedule(schedule, seed);
        return new ForwardAgain();
    }

    private static void SetSchedule(EmulatorSchedule schedule, ulong seed) =>
        ((delegate* unmanaged<int, ulong, void>)Export("emulatorSetSchedule"))((int)schedule, seed);

    private static nint Export(string name) => NativeLibrary.GetExport(NativeLibraries.Require(NativeLibraries.Driver), name);

    private sealed class ForwardAgain : IDisposable
    {
        public void Dispose() => SetSchedule(EmulatorSchedule.Forward, 0);
    }
}

/// <summary>As in <c>native/emulator/control.h</c>.</summary>
internal enum EmulatorSchedule
{
    Forward,
    Reverse,
    Random,
}
