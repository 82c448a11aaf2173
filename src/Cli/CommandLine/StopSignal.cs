using System.Runtime.InteropServices;

namespace MergeEngine.Cli.CommandLine;

/// <summary>
/// The first Ctrl+C, Ctrl+\, SIGTERM, or SIGHUP of a terminal that closes asks the work to stop and clean up; the second ends the process as usual. A signal that the caller has the process
/// ignore, as <c>nohup</c> does with SIGHUP, stays ignored.
/// </summary>
internal sealed class StopSignal : IDisposable
{
    private readonly CancellationTokenSource source = new();
    private readonly PosixSignalRegistration[] registrations;

    public StopSignal() =>
        registrations = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGQUIT, PosixSignal.SIGTERM, PosixSignal.SIGHUP }.Select(s => PosixSignalRegistration.Create(s, Stop))];

    public CancellationToken Token => source.Token;

    /// <summary>The exit code of work that was stopped: shells tell by it which signal it was.</summary>
    public int Code { get; private set; } = ExitCode.Stopped;

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in registrations) registration.Dispose();
        source.Dispose();
    }

    private void Stop(PosixSignalContext context)
    {
        if (source.IsCancellationRequested) return;
        context.Cancel = true;
        Code = context.Signal switch
        {
            PosixSignal.SIGTERM => ExitCode.Terminated,
            PosixSignal.SIGQUIT => ExitCode.Quit,
            PosixSignal.SIGHUP => ExitCode.HungUp,
            _ => ExitCode.Stopped,
        };
        source.Cancel();
    }
}
