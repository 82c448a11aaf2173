using MergeEngine.Cli.Tests.Support;

namespace MergeEngine.Cli.Tests.Merging;

/// <summary>
/// Commands of mergekit with one word changed, run in the set's own folder as mergekit was: a process each, several at a time, all started by the first test that asks.
/// </summary>
public abstract class MergekitRuns : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly SemaphoreSlim _places = new(Math.Clamp(Environment.ProcessorCount, 1, 8));
    private readonly Lazy<Dictionary<string, Task<Outcome>>> _runs;

    protected MergekitRuns() => _runs = new Lazy<Dictionary<string, Task<Outcome>>>(() => Commands().ToDictionary(c => c.Name, c => Start(c.Name, c.Command)));

    public void Dispose()
    {
        // Nothing may be written any more when the directory goes.
        if (_runs.IsValueCreated) Task.WaitAll([.. _runs.Value.Values]);
        _places.Dispose();
        _directory.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>What a case may write in.</summary>
    internal string FolderOf(string name) => _directory[name];

    internal string OutputOf(string name) => Path.Combine(FolderOf(name), "out");

    internal string IntermediateOf(string name) => Path.Combine(FolderOf(name), "intermediate");

    internal Outcome Of(string name) => _runs.Value[name].GetAwaiter().GetResult();

    /// <summary>Names of cases, and mergekit's command lines.</summary>
    protected abstract IEnumerable<(string Name, string Command)> Commands();

    private async Task<Outcome> Start(string name, string command)
    {
        await _places.WaitAsync();
        try
        {
            string[] arguments = Translate(name, command);
            return await Task.Run(() => MergeEngineProcess.RunIn(MergekitSet.Root, arguments));
        }
        finally
        {
            _places.Release();
        }
    }

    /// <summary>What a user of the engine types: another program, the other words as they are.</summary>
    private string[] Translate(string name, string command)
    {
        string[] words = command.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        words[0] = words[0] == "mergekit-extract-lora" ? "extract-lora" : "merge";
        return [.. words.Select(w => w.Trim('\'') switch
        {
            "OUT" => OutputOf(name),
            "INTERMEDIATE" => IntermediateOf(name),
            var word when word.StartsWith("CACHE", StringComparison.Ordinal) => Path.Combine(FolderOf(name), "cache"),
            var word => word,
        })];
    }
}

/// <summary>The cases.</summary>
public sealed class MergekitCaseRuns : MergekitRuns
{
    protected override IEnumerable<(string Name, string Command)> Commands() =>
        MergekitSet.Cases.Where(c => MergekitSet.TextOf(c, "compare") != "product").Select(c => (MergekitSet.NameOf(c), MergekitSet.TextOf(c, "command")));
}

/// <summary>The recipes that mergekit refuses, or should.</summary>
public sealed class MergekitErrorRuns : MergekitRuns
{
    protected override IEnumerable<(string Name, string Command)> Commands() =>
        MergekitSet.Errors.Select(e => (MergekitSet.NameOf(e), $"{CommandOf(MergekitSet.NameOf(e))} --no-copy-tokenizer --no-write-model-card --quiet {MergekitSet.TextOf(e, "options")}"));

    private static string CommandOf(string name) => name switch
    {
        "multi-no-out" => $"mergekit-multi errors/{name}.yml -I INTERMEDIATE",
        _ when name.StartsWith("multi-", StringComparison.Ordinal) => $"mergekit-multi errors/{name}.yml -I INTERMEDIATE --out-path OUT",
        _ => $"mergekit-yaml errors/{name}.yml OUT",
    };
}
