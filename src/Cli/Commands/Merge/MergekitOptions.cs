using System.CommandLine;
using MergeEngine.Cli.CommandLine;

namespace MergeEngine.Cli.Commands.Merge;

/// <summary>
/// Options of mergekit-yaml and mergekit-multi that mean nothing here. They are taken, in both forms of a flag, so that a user changes one word of a command, and each gets one
/// line that says why it has no effect.
/// </summary>
internal static class MergekitOptions
{
    private static readonly (Option Option, string Why)[] s_ignored =
    [
        (Flag("allow-crimes"), "models of any architectures merge where their tensors fit"),
        (Value("transformers-cache"), "models are files on this machine, nothing is fetched"),
        (Value("lora-merge-cache"), "adapters are applied while a model is read, no merged copy is stored"),
        (Value("lora-merge-dtype"), "adapters are applied in float32 and rounded once to the model's type"),
        (Flag("low-cpu-memory"), "--memory-limit bounds the memory"),
        (Flag("clone-tensors"), "every tensor is written in full"),
        (Flag("trust-remote-code"), "no code of a model is run"),
        (Flag("lazy-unpickle"), "weights are read from safetensors, nothing is unpickled"),
        (Flag("safe-serialization"), "safetensors is the only format that is written"),
        (Flag("read-to-gpu"), "chunks go to the device as they are read"),
        (Flag("multi-gpu"), "one device merges; the disk is slower than it"),
        (Flag("async-write"), "reading, merging and writing overlap always"),
        (Value("write-threads"), "--threads sets the threads of all the work"),
    ];

    public static IEnumerable<Option> All => s_ignored.Select(i => i.Option);

    /// <summary>A line for each option that stands on the command line.</summary>
    public static void Explain(CommandContext context)
    {
        foreach ((Option option, string why) in s_ignored)
        {
            if (context.SpellingOf(option) is { } spelling) CommandContext.Note($"{spelling} has no effect: {why}.");
        }
    }

    /// <summary>A flag that mergekit has in two forms; which one counts, <see cref="IsOn"/> says.</summary>
    public static Option<bool> Flag(string name, string? description = null) => new($"--{name}", $"--no-{name}")
    {
        Arity = ArgumentArity.Zero,
        AllowMultipleArgumentsPerToken = true,
        Description = description,
        Hidden = description is null,
    };

    /// <summary>The form that stands last on the command line; null if none does.</summary>
    public static bool? IsOn(CommandContext context, Option<bool> flag) => context.SpellingOf(flag) is { } spelling ? !spelling.StartsWith("--no-", StringComparison.Ordinal) : null;

    private static Option<string?> Value(string name) => new($"--{name}") { Hidden = true };
}
