using System.Runtime.InteropServices;

namespace MergeEngine.Cli.Terminal;

/// <summary>
/// Standard input, output and error as the caller left them. A stream that is closed when the program begins (<c>&lt;&amp;-</c>) leaves its number free, and the first file that the
/// runtime opens for itself takes it: reading there waits for ever, and writing there goes into the runtime's own pipes. What the runtime opens closes when another program is
/// begun; what a caller handed over cannot have that mark.
/// </summary>
internal static partial class InheritedStream
{
    public const int Input = 0;

    public const int Output = 1;

    public const int Error = 2;

    /// <summary>F_GETFD, and FD_CLOEXEC in what it gives: the same numbers on Linux and macOS.</summary>
    private const int GetFlags = 1, ClosesOnExecute = 1;

    /// <returns>False also where the system cannot be asked.</returns>
    public static bool IsClosed(int descriptor)
    {
        if (!OperatingSystem.IsLinux() && !OperatingSystem.IsMacOS()) return false;
        try
        {
            return Control(descriptor, GetFlags) is var flags && (flags < 0 || (flags & ClosesOnExecute) != 0);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(int descriptor, int command);
}
