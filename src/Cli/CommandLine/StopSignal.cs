using System.Runtime.InteropServices;

namespace MergeEngine.Cli.CommandLine;

/// <summary>The first Ctrl+C (or SIGTERM) asks the work to stop and clean up; the second ends the process as usual.</summary>
internal sealed class StopSignal : IDisposable
{
    private readonly CancellationTokenSource source = new();
    private readonly PosixSignalRegistration[] registrations;

    public StopSignal() =>
        registrations = [PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop), PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop)];

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
        if (context.Signal == PosixSignal.SIGTERM) Code = ExitCode.Terminated;
        source.Cancel();
    }
}
