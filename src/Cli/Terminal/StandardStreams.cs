using System.Text;
using Microsoft.Win32.SafeHandles;

namespace MergeEngine.Cli.Terminal;

/// <summary>
/// Standard output and error as a command needs them. Output that cannot be written is an error that says so; a reader that has gone away, as <c>head</c> does, is none and ends
/// nothing. Where messages cannot be written there is nobody to tell, and the work goes on.
/// </summary>
internal static class StandardStreams
{
    public static void Guard()
    {
        Console.SetOut(WriterTo(OpenOutput()));
        Console.SetError(WriterTo(new GuardedStream(Open(InheritedStream.Error), required: false)));
    }

    /// <summary>Standard output for bytes.</summary>
    public static Stream OpenOutput() => new GuardedStream(Open(InheritedStream.Output), required: true);

    /// <param name="expected">What is to be read there, for the message.</param>
    /// <exception cref="IOException">It is closed, where reading would wait for ever.</exception>
    public static Stream OpenInput(string expected) =>
        InheritedStream.IsClosed(InheritedStream.Input) ? throw new IOException($"standard input: is closed, expected {expected}.")
        : Console.IsInputRedirected || !DescriptorStream.IsSupported ? Console.OpenStandardInput()
        // The system reads lines of a terminal by itself; the runtime would put it into keypad mode for that.
        : new FileStream(new SafeFileHandle(InheritedStream.Input, ownsHandle: false), FileAccess.Read, bufferSize: 0);

    private static Stream? Open(int descriptor) =>
        InheritedStream.IsClosed(descriptor) ? null
        : DescriptorStream.IsSupported ? new DescriptorStream(descriptor)
        : descriptor == InheritedStream.Error ? Console.OpenStandardError() : Console.OpenStandardOutput();

    private static StreamWriter WriterTo(Stream stream) =>
        new(stream, Console.OutputEncoding is UTF8Encoding ? new UTF8Encoding(encoderShouldEmitUTF8Identifier: false) : Console.OutputEncoding) { AutoFlush = true };

    /// <summary>Writes to a stream, null for one that is closed; neither the system's nor that of a console takes harm from a closed pipe.</summary>
    private sealed class GuardedStream(Stream? inner, bool required) : WriteOnlyStream
    {
        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (inner is null && required) throw new IOException("standard output: cannot be written: it is closed");
            try
            {
                inner?.Write(buffer);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // A descriptor that cannot be written to is reported as one that may not be used.
                if (required) throw new IOException($"standard output: cannot be written: {(e is UnauthorizedAccessException ? "it is closed" : e.Message)}", e);
            }
        }

        public override void Flush() => inner?.Flush();

        protected override void Dispose(bool disposing)
        {
            if (disposing) inner?.Dispose();
            base.Dispose(disposing);
        }
    }
}
