namespace MergeEngine.Cli.Terminal;

/// <summary>Progress of work that counts samples.</summary>
internal sealed class Samples(IProgressSink sink, string phase, int total) : IProgress<int>
{
    public void Report(int value) => sink.Report(phase, value, total);
}
