using System.IO.Pipes;
using System.Runtime.InteropServices;
using MergeEngine.Cli.Terminal;

namespace MergeEngine.Cli.Tests.CommandLine;

/// <summary>The stream under standard output and error, on a pipe; that of a file and of a terminal are in <see cref="StandardStreamTests"/> and <see cref="TerminalTests"/>.</summary>
public sealed partial class DescriptorStreamTests
{
    /// <summary>F_SETFL and O_NONBLOCK of Linux.</summary>
    private const int SetFlags = 4, DoesNotWait = 0x800;

    /// <summary>A caller may hand over a pipe that refuses what does not fit at the moment, as some programs make theirs.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Everything_arrives_at_a_reader_that_is_slow(bool waits)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The flags are those of Linux.");
        await using var reader = new AnonymousPipeServerStream(PipeDirection.In);
        int descriptor = (int)reader.ClientSafePipeHandle.DangerousGetHandle();
        if (!waits) Assert.Equal(0, Control(descriptor, SetFlags, DoesNotWait));
        byte[] sent = [.. Enumerable.Range(0, 300_000).Select(i => (byte)(i * 31))], found = new byte[sent.Length];
        Task writing = Task.Run(() => new DescriptorStream(descriptor).Write(sent), TestContext.Current.CancellationToken);
        // Longer than a pipe holds, so the writer has to wait for this.
        await Task.Delay(50, TestContext.Current.CancellationToken);
        Assert.False(writing.IsCompleted);
        await reader.ReadExactlyAsync(found, TestContext.Current.CancellationToken);
        await writing;
        Assert.Equal(sent, found);
    }

    [Fact]
    public void A_number_that_is_no_open_stream_is_said_to_be_closed()
    {
        Assert.SkipUnless(DescriptorStream.IsSupported, "There are no such numbers here.");
        Assert.Equal("it is closed", Assert.Throws<IOException>(() => new DescriptorStream(1_000_000).Write("x"u8)).Message);
    }

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(int descriptor, int command, nint value);
}
