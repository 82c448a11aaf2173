namespace MergeEngine.Cli.Terminal;

/// <summary>Takes progress from work of any kind; may be called often and from any thread.</summary>
internal interface IProgressSink
{
    /// <param name="phase">What is being done: a name, or a name and a detail as in <c>atm: mnist</c>. Units are counted by name.</param>
    /// <param name="done">Units done in this phase.</param>
    /// <param name="total">Units of this phase; 0 where it is not known.</param>
    /// <param name="overallDone">Units done in all phases.</param>
    /// <param name="overallTotal">Units of all phases; 0 where there is only this one.</param>
    void Report(string phase, long done, long total, long overallDone = 0, long overallTotal = 0);
}
