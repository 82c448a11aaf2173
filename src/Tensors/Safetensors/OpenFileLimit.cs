using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MergeEngine.Tensors.Safetensors;

/// <summary>
/// How many files a process may have open (<c>ulimit -n</c>). Weights stay open while they are read, a file for each shard of each model, and a process that has none left cannot even
/// load its own parts to say so: the last files are left to outputs and to the program.
/// </summary>
public static partial class OpenFileLimit
{
    /// <summary>EMFILE, the same number on Linux and macOS, which .NET hands on as it is.</summary>
    private const int TooManyOpenFiles = 24;

    /// <summary>Files that weights leave to whatever else the process opens.</summary>
    private const int Reserve = 48;

    /// <summary>The most files that this process may have open; null where the system cannot tell, or sets no limit.</summary>
    public static long? Files
    {
        get
        {
            try
            {
                return OperatingSystem.IsLinux() || OperatingSystem.IsMacOS() ? Ask(OperatingSystem.IsLinux() ? 7 : 8) : null;
            }
            catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
            {
                return null;
            }
        }
    }

    /// <summary>Whether a failure is that no more files can be opened.</summary>
    public static bool IsCauseOf(Exception? exception) => exception is IOException && (exception.HResult == TooManyOpenFiles || IsCauseOf(exception.InnerException));

    /// <summary>The failure to open a file as one sentence.</summary>
    /// <param name="path">The file that was to be opened.</param>
    /// <param name="cause">What the system said.</param>
    public static SafetensorsException Explain(string path, IOException cause) =>
        new($"{path}: cannot be opened because {(Files is { } most ? $"the limit of {most} open files (ulimit -n)" : "the limit on open files")} leaves no room for it; each file with weights stays open while it is read.", cause);

    /// <summary>Keeps the last files that may be opened for other uses. Numbers of open files are given lowest first, so that a new one's number tells how many are open.</summary>
    /// <param name="file">A file for reading that was just opened.</param>
    /// <param name="path">Its path, for the message.</param>
    /// <exception cref="SafetensorsException">It is one of the last; it should be closed.</exception>
    internal static void RequireRoom(SafeFileHandle file, string path)
    {
        if (Files is not { } most || file.DangerousGetHandle() < most - Math.Min(Reserve, most / 4)) return;
        throw Explain(path, new IOException("Too many open files", TooManyOpenFiles));
    }

    private static unsafe long? Ask(int resource)
    {
        ulong* limits = stackalloc ulong[2];
        return GetLimit(resource, limits) == 0 && limits[0] <= int.MaxValue ? (long)limits[0] : null;
    }

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static unsafe partial int GetLimit(int resource, ulong* limits);
}
