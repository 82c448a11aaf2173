using System.CommandLine;
using System.Text.RegularExpressions;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Commands.Merge;
using MergeEngine.Cli.Reports;
using MergeEngine.Cli.Terminal;
using MergeEngine.Merging.Adapters.Extraction;
using MergeEngine.Tensors;

namespace MergeEngine.Cli.Commands;

/// <summary><c>extract-lora</c>: makes a LoRA adapter of what fine-tuning has changed, with the options of mergekit-extract-lora.</summary>
internal static class ExtractLoraCommand
{
    private static readonly Option<string> Model = new("--model") { Description = "The fine-tuned model, also as MODEL+ADAPTER.", HelpName = "MODEL", Required = true };

    private static readonly Option<string> BaseModel = new("--base-model") { Description = "What it was fine-tuned from, also as MODEL+ADAPTER.", HelpName = "MODEL", Required = true };

    private static readonly Option<string> OutPath = new("--out-path") { Description = "The directory to write. It must not exist or be empty.", HelpName = "OUT", Required = true };

    private static readonly Option<int> MaxRank = CommonOptions.Number("--max-rank", "The largest rank; 128 if left out.", 1, 1 << 20, "N");

    private static readonly Option<bool> DistributeScale = MergekitOptions.Flag("distribute-scale", "Give A and B each the root of the singular values (on); otherwise A has them all.");

    private static readonly Option<bool> EmbedLora = MergekitOptions.Flag("embed-lora", "Decompose token embeddings and head too; otherwise they are saved whole.");

    private static readonly Option<string[]> SaveModule = Several("--save-module", "Save a module whole: its name or the last part of it. There must be one.", "NAME");

    private static readonly Option<string[]> Exclude = Several("--exclude-regex", "Leave out modules whose names match.", "REGEX", "-e");

    private static readonly Option<string[]> Include = Several("--include-regex", "Decompose only modules whose names match.", "REGEX", "-i");

    private static readonly Option<double?> Epsilon = new("--sv-epsilon")
    {
        Description = "Leave out singular values up to this; 0 if left out.",
        HelpName = "X",
        CustomParser = result => OptionValue.Parse<double>(result, "a number from 0 on", value => value >= 0 && double.IsFinite(value)),
    };

    private static readonly Option<bool> Skip = MergekitOptions.Flag("skip-undecomposable", "Leave out what cannot be decomposed, such as norms; otherwise it is saved whole.");

    private static readonly Option<bool> ModelCard = MergekitOptions.Flag("write-model-card", "Write README.md (on).");

    private static readonly Option<bool> Quiet = MergekitOptions.Flag("quiet", "No progress.");

    private static readonly (Option Option, string Why)[] s_ignored =
    [
        (new Option<string?>("--out-shard-size") { Hidden = true }, "an adapter is one file"),
        (MergekitOptions.Flag("copy-tokenizer"), "an adapter is used with its base's tokenizer"),
        (new Option<string?>("--random-seed") { Hidden = true }, "nothing is random"),
        (new Option<bool>("--verbose", "-v") { Hidden = true }, "the report lists every module"),
    ];

    public static Command Create()
    {
        var command = new ExampleCommand(
            "extract-lora", "Make a LoRA adapter of the difference between a fine-tuned model and its base: mergekit-extract-lora's options, PEFT's files.",
            "extract-lora --model tuned/ --base-model base/ --out-path adapter/ --max-rank 32",
            "extract-lora --model tuned/ --base-model base/ --out-path adapter/ -i self_attn --skip-undecomposable --device cuda");
        IEnumerable<Option> options =
        [
            Model, BaseModel, OutPath, MaxRank, DistributeScale, EmbedLora, SaveModule, Exclude, Include, Epsilon, Skip, ModelCard,
            .. MergeArguments.DeviceOptions, CommonOptions.Overwrite, Quiet, CommonOptions.Json, .. s_ignored.Select(i => i.Option), .. MergekitOptions.All,
        ];
        foreach (Option option in options) command.Add(option);
        command.Runs(Run);
        return command;
    }

    private static void Run(CommandContext context)
    {
        string output = context.Get(OutPath)!;
        foreach (Option<string[]> option in (Option<string[]>[])[Exclude, Include]) RequireExpressions(option.Name, context.Get(option) ?? []);
        OutputDirectory.RequireFree(output, context.Get(CommonOptions.Overwrite));
        MergekitOptions.Explain(context);
        foreach ((Option option, string why) in s_ignored)
        {
            if (context.SpellingOf(option) is { } spelling) CommandContext.Note($"{spelling} has no effect: {why}.");
        }

        using Device device = MergeArguments.OpenDevice(context);
        var options = new LoraExtractionOptions
        {
            Model = context.Get(Model)!,
            BaseModel = context.Get(BaseModel)!,
            Device = device,
            Threads = MergeArguments.ThreadsOf(context),
            MaxRank = context.Get(MaxRank) is > 0 and int rank ? rank : 128,
            DistributeScale = MergekitOptions.IsOn(context, DistributeScale) ?? true,
            EmbedLora = MergekitOptions.IsOn(context, EmbedLora) ?? false,
            SaveModules = context.Get(SaveModule) ?? [],
            Exclude = context.Get(Exclude) ?? [],
            Include = context.Get(Include) ?? [],
            SingularValueEpsilon = context.Get(Epsilon) ?? 0,
            SkipUndecomposable = MergekitOptions.IsOn(context, Skip) ?? false,
            WriteModelCard = MergekitOptions.IsOn(context, ModelCard) ?? true,
        };
        IReadOnlyList<string> place = LoraExtraction.RequireApart(options, output);
        LoraExtractionResult? result = null;
        OutputDirectory.Write(output, directory => result = MergekitOptions.IsOn(context, Quiet) == true
            ? LoraExtraction.Run(options, directory, null, context.Stop)
            : CommandContext.WithProgress("B", sink => LoraExtraction.Run(options, directory, (done, total) => sink.Report("decomposing", done, total), context.Stop)));
        string[] notes = [.. result!.Notes, .. place];
        foreach (string note in notes) CommandContext.Note($"{Printable.Of(note)}");
        var report = new ExtractLoraReport(output, result.Rank, result.Parameters, result.Decomposed, result.Whole, notes, device.Name);
        context.Write(report, CliJson.Default.ExtractLoraReport, static (r, text) => r.Print(text));
    }

    /// <exception cref="UsageException">One of the texts is no regular expression.</exception>
    private static void RequireExpressions(string option, string[] texts)
    {
        foreach (string text in texts)
        {
            try
            {
                _ = new Regex(text);
            }
            catch (ArgumentException e)
            {
                throw new UsageException($"{option} is '{text}', expected a regular expression: {e.Message}");
            }
        }
    }

    /// <summary>An option that may stand several times.</summary>
    private static Option<string[]> Several(string name, string description, string helpName, params string[] aliases) =>
        new(name, aliases) { Description = description, HelpName = helpName, Arity = ArgumentArity.OneOrMore, AllowMultipleArgumentsPerToken = false };
}
