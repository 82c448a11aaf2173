namespace MergeEngine.Cli.Terminal;

/// <summary>Tells when a new phase begins: another name, or a count that starts again. Another detail is the same phase.</summary>
internal sealed class Phase
{
    private string? name;
    private long done;

    /// <returns>True if this report is the first of a phase.</returns>
    public bool Begins(string phase, long done)
    {
        int colon = phase.IndexOf(':', StringComparison.Ordinal);
        string name = colon < 0 ? phase : phase[..colon];
        bool begins = name != this.name || done < this.done;
        this.name = name;
        this.done = done;
        return begins;
    }
}
