using System.Runtime.InteropServices;

namespace MergeEngine.Cli.Terminal;

/// <summary>
/// A limit on the size of files (<c>ulimit -f</c>). A write beyond it raises SIGXFSZ, which ends a process without a word and leaves half a file; where the signal is ignored the
/// write fails with EFBIG, as on a full disk, and is told and cleaned up after like that.
/// </summary>
internal static partial class FileSizeLimit
{
    /// <summary>The same number on Linux and macOS.</summary>
    private const int FileTooLarge = 25;

    /// <summary>SIG_IGN.</summary>
    private const nint Ignored = 1;

    public static void FailsWrites()
    {
        if (!OperatingSystem.IsLinux() && !OperatingSystem.IsMacOS()) return;
        try
        {
            _ = Signal(FileTooLarge, Ignored);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // A system without such a library has its own way of ending.
        }
    }

    [LibraryImport("libc", EntryPoint = "signal")]
    private static partial nint Signal(int number, nint handler);
}
