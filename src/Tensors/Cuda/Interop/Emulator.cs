using System.Runtime.InteropServices;
using System.Text;

namespace MergeEngine.Tensors.Cuda.Interop;

/// <summary>What the emulated device's library exports beside the driver's functions: it knows what a kernel did wrong, and says so.</summary>
internal static unsafe partial class Emulator
{
    private const int MostBytes = 4096;

    [LibraryImport(NativeLibraries.Driver)]
    private static partial nuint emulatorLastFault(byte* text, nuint capacity);

    [LibraryImport(NativeLibraries.Driver)]
    private static partial void emulatorClearFaults();

    /// <summary>The last misuse as one more sentence of a message; empty where there is none.</summary>
    public static string Addition() => TakeFault() is { Length: > 0 } fault ? $" {fault}" : "";

    /// <summary>The last misuse that was found, as a sentence, which is then forgotten; empty where there is none or the device is a real one.</summary>
    public static string TakeFault()
    {
        if (NativeLibraries.Platform != CudaPlatform.Emulated) return "";
        byte* text = stackalloc byte[MostBytes];
        int length = (int)Math.Min(emulatorLastFault(text, MostBytes), MostBytes - 1);
        if (length > 0) emulatorClearFaults();
        string sentence = Encoding.UTF8.GetString(text, length);
        return sentence.Length == 0 || sentence.EndsWith('.') ? sentence : sentence + ".";
    }
}
