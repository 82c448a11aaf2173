using System.Runtime.InteropServices;

namespace MergeEngine.Cli.Terminal;

/// <summary>How many columns and rows a terminal has now, asked of the terminal itself: the runtime's console would put it into keypad mode first (see <see cref="DescriptorStream"/>).</summary>
internal static partial class TerminalSize
{
    /// <summary>TIOCGWINSZ of Linux. That of macOS cannot be called so: its variable arguments go another way.</summary>
    private const nuint GetWindowSize = 0x5413;

    /// <param name="descriptor">Of <see cref="InheritedStream"/>.</param>
    /// <returns>80 columns and 24 rows where the terminal does not know.</returns>
    public static (int Columns, int Rows) Of(int descriptor)
    {
        (int columns, int rows) = OperatingSystem.IsLinux() && Control(descriptor, GetWindowSize, out Window window) == 0 ? (window.Columns, window.Rows)
            : OperatingSystem.IsLinux() ? (0, 0) : OfConsole();
        return (columns > 0 ? columns : 80, rows > 0 ? rows : 24);
    }

    private static (int Columns, int Rows) OfConsole()
    {
        try
        {
            return (Console.WindowWidth, Console.WindowHeight);
        }
        catch (Exception e) when (e is IOException or PlatformNotSupportedException)
        {
            return (0, 0);
        }
    }

    [LibraryImport("libc", EntryPoint = "ioctl")]
    private static partial int Control(int descriptor, nuint request, out Window window);

    /// <summary><c>struct winsize</c>.</summary>
    private struct Window
    {
        public ushort Rows;
        public ushort Columns;
        public ushort Width;
        public ushort Height;
    }
}
