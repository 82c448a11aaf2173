namespace MergeEngine.Merging.Tuning;

/// <summary>What one phase spent on one task.</summary>
/// <param name="Phase">individual, joint, atm, gradients …</param>
/// <param name="Task">The task; empty for work on all of them, such as merging.</param>
/// <param name="Examples">Samples that went through forward and backward passes.</param>
/// <param name="Steps">Optimizer steps on parameters. A joint step is one step, shared by all tasks: it is booked without a task.</param>
/// <param name="Seconds">Wall-clock time.</param>
public readonly record struct LedgerEntry(string Phase, string Task, long Examples, long Steps, double Seconds);

/// <summary>
/// Adds up what every method costs, so that results can be compared at equal budgets: experts and searches count too.
/// </summary>
public sealed class Ledger
{
    private readonly List<LedgerEntry> _entries = [];

    /// <summary>One entry for each pair of phase and task, in the order in which they first came.</summary>
    public IReadOnlyList<LedgerEntry> Entries => _entries;

    public void Add(string phase, string task, long examples, long steps, double seconds)
    {
        int index = _entries.FindIndex(e => e.Phase == phase && e.Task == task);
        if (index < 0)
        {
            _entries.Add(new LedgerEntry(phase, task, examples, steps, seconds));
            return;
        }

        LedgerEntry old = _entries[index];
        _entries[index] = old with { Examples = old.Examples + examples, Steps = old.Steps + steps, Seconds = old.Seconds + seconds };
    }

    /// <summary>Everything booked on a phase.</summary>
    public LedgerEntry Total(string phase)
    {
        var total = new LedgerEntry(phase, "", 0, 0, 0);
        foreach (LedgerEntry entry in _entries)
        {
            if (entry.Phase == phase)
                total = total with { Examples = total.Examples + entry.Examples, Steps = total.Steps + entry.Steps, Seconds = total.Seconds + entry.Seconds };
        }

        return total;
    }
}
