using System.Runtime.InteropServices;

namespace MergeEngine.Cli.Terminal;

/// <summary>
/// Writes to standard output or error with the system's own call. The runtime's stream for a console writes to a terminal, before the first byte and whether or not a key is ever
/// read, the sequences of its keypad mode (<c>ESC [ ? 1 h ESC =</c>), and never takes them back.
/// </summary>
/// <param name="descriptor">The number of an open stream; it stays open.</param>
internal sealed partial class DescriptorStream(int descriptor) : WriteOnlyStream
{
    private const int Interrupted = 4, BrokenPipe = 32, BadDescriptor = 9;

    /// <summary>POLLOUT.</summary>
    private const short CanTakeMore = 4;

    /// <summary>EAGAIN: a caller's stream may be one that does not wait.</summary>
    private static readonly int s_full = OperatingSystem.IsMacOS() ? 35 : 11;

    public static bool IsSupported => OperatingSystem.IsLinux() || OperatingSystem.IsMacOS();

    /// <exception cref="IOException">The stream takes nothing: a full disk, a closed stream. A reader that has gone away is not one: what is written is lost.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            nint written = Write(descriptor, buffer, (nuint)buffer.Length);
            int error = written < 0 ? Marshal.GetLastPInvokeError() : 0;
            if (written >= 0) buffer = buffer[(int)written..];
            else if (error == BrokenPipe) return;
            else if (error == s_full) _ = Poll(new Waiting { Descriptor = descriptor, Events = CanTakeMore }, 1, -1);
            else if (error != Interrupted) throw new IOException(error == BadDescriptor ? "it is closed" : Marshal.GetPInvokeErrorMessage(error));
        }
    }

    public override void Flush()
    {
        // Nothing is held back.
    }

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(int descriptor, ReadOnlySpan<byte> bytes, nuint count);

    [LibraryImport("libc", EntryPoint = "poll")]
    private static partial int Poll(in Waiting stream, uint streams, int milliseconds);

    /// <summary><c>struct pollfd</c>.</summary>
    private struct Waiting
    {
        public int Descriptor;
        public short Events;
        public short Found;
    }
}
