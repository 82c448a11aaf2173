using System.Diagnostics;
using MergeEngine.Merging.Tuning;

namespace MergeEngine.Merging.Experiments;

/// <summary>What a row cost, and the hyperparameters that it ended with, while it is being made.</summary>
internal sealed class RowCost(string name)
{
    public string Name { get; } = name;

    private bool _booked;

    /// <summary>Where the tuning loops book; <see cref="Book"/> adds it up.</summary>
    public Ledger Ledger { get; } = new();

    public double Seconds { get; set; }

    /// <summary>Optimizer steps that one task's data took part in: the same number for individual, joint and alternating tuning of one budget.</summary>
    public long Steps { get; private set; }

    public long Examples { get; set; }

    public Dictionary<string, double> Parameters { get; } = new(StringComparer.Ordinal);

    public List<string> Searched { get; } = [];

    public double? Validation { get; set; }

    /// <summary>Adds what the row stands on: the individual models, the sensitivities.</summary>
    public void Add(RowCost shared)
    {
        Seconds += shared.Seconds;
        Steps += shared.Steps;
        Examples += shared.Examples;
    }

    /// <summary>Adds everything in the ledger, once: a row that ends early may have it booked or not.</summary>
    public void Book()
    {
        if (_booked || Ledger.Entries.Count == 0) return;
        _booked = true;
        Seconds += Ledger.Entries.Sum(e => e.Seconds);
        Examples += Ledger.Entries.Sum(e => e.Examples);
        Steps += Ledger.Entries.GroupBy(e => e.Task).Max(task => task.Sum(e => e.Steps));
    }

    /// <summary>Adds the time until it is disposed.</summary>
    public Stopping Watch() => new(this);

    internal readonly struct Stopping(RowCost cost) : IDisposable
    {
        private readonly long _start = Stopwatch.GetTimestamp();

        public void Dispose() => cost.Seconds += Stopwatch.GetElapsedTime(_start).TotalSeconds;
    }
}
