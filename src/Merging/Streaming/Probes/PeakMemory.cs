using System.Diagnostics;

namespace MergeEngine.Merging.Streaming.Probes;

/// <summary>The most resident memory of this process, where the system can begin to count anew.</summary>
internal static class PeakMemory
{
    private const string Reset = "/proc/self/clear_refs";

    /// <summary>Forgets the peak up to now; where the system cannot, the peak is that of the whole process.</summary>
    public static void Begin()
    {
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            File.WriteAllText(Reset, "5");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Then it stays what it was.
        }
    }

    public static long Bytes
    {
        get
        {
            using var process = Process.GetCurrentProcess();
            return process.PeakWorkingSet64;
        }
    }
}
