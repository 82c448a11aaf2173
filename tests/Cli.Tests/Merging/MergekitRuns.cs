using System.Collections.Concurrent;
using System.Text.Json;
using MergeEngine.Cli.Tests.Support;

namespace MergeEngine.Cli.Tests.Merging;

/// <summary>
/// Every command of the set with one word changed, run in the set's own folder as mergekit was: a process each, several at a time, started by the first test that asks.
/// </summary>
public sealed class MergekitRuns : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly SemaphoreSlim _places = new(Math.Clamp(Environment.ProcessorCount, 1, 8));
    private readonly ConcurrentDictionary<string, Lazy<Task<Outcome>>> _runs = new();
    private readonly Lazy<bool> _started;

    public MergekitRuns() => _started = new Lazy<bool>(() =>
    {
        foreach (JsonElement entry in MergekitSet.Cases) _ = RunOf(entry);
        return true;
    });

    public void Dispose()
    {
        // Nothing may be written any more when the directory goes.
        Task.WaitAll([.. _runs.Values.Where(r => r.IsValueCreated).Select(r => r.Value)]);
        _places.Dispose();
        _directory.Dispose();
    }

    internal string OutputOf(string name) => Path.Combine(_directory[name], "out");

    internal string IntermediateOf(string name) => Path.Combine(_directory[name], "intermediate");

    internal Outcome Of(JsonElement entry)
    {
        _ = _started.Value;
        return RunOf(entry).GetAwaiter().GetResult();
    }

    /// <summary>A command line of mergekit as a user of the engine types it: another program, the other words as they are.</summary>
    internal static string[] Translate(string command, string output, string intermediate, string cache)
    {
        string[] words = command.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        words[0] = words[0] == "mergekit-extract-lora" ? "extract-lora" : "merge";
        return [.. words.Select(w => w.Trim('\'') switch
        {
            "OUT" => output,
            "INTERMEDIATE" => intermediate,
            var word when word.StartsWith("CACHE", StringComparison.Ordinal) => cache,
            var word => word,
        })];
    }

    private Task<Outcome> RunOf(JsonElement entry)
    {
        string name = MergekitSet.NameOf(entry);
        return _runs.GetOrAdd(name, _ => new Lazy<Task<Outcome>>(() => Task.Run(async () =>
        {
            await _places.WaitAsync();
            try
            {
                string[] arguments = Translate(MergekitSet.TextOf(entry, "command"), OutputOf(name), IntermediateOf(name), _directory[$"{name}/cache"]);
                return MergeEngineProcess.RunIn(MergekitSet.Root, arguments);
            }
            finally
            {
                _places.Release();
            }
        }))).Value;
    }
}
