using System.CommandLine;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports;
using MergeEngine.Cli.Terminal;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Inference;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Probes;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Commands;

/// <summary><c>encode MODEL INPUT OUT</c>: features, embeddings, logits and hidden states of a file of inputs.</summary>
internal static class EncodeCommand
{
    private const int DefaultBatchSize = 64;

    private static readonly Argument<string> Input = new("INPUT")
    {
        Description = "A safetensors file with 'images' F32 [N, C, H, W], already normalised, or 'input_ids' [N, T] with 'attention_mask' and 'token_type_ids'; a folder of images; or a dataset as tune takes it. Left out with --text.",
    };

    private static readonly Argument<string?> Output = new("OUT.safetensors")
    {
        Description = "Gets 'features' of images, or 'sequence_output' and 'mean_pooled' of texts, and what else the model has, as F32.",
        // With --text there is no INPUT, and what stands first is OUT.
        Arity = ArgumentArity.ZeroOrOne,
        DefaultValueFactory = _ => null,
    };

    private static readonly Option<bool> PooledOnly = new("--pooled-only") { Description = "Leave out 'sequence_output', so that a text gives one row." };

    private static readonly Option<bool> Hidden = new("--hidden") { Description = "Write 'hidden.0' … 'hidden.L' too: the input of the first block, and the output of each." };

    private static readonly Option<string> Split = new("--split")
    {
        Description = "Which split, where INPUT is a dataset.",
        DefaultValueFactory = _ => "test",
        HelpName = "NAME",
    };

    public static Command Create()
    {
        var command = new ExampleCommand(
            "encode", "Run a model over a file of inputs and write what it makes of them.",
            "encode vit/ images.safetensors features.safetensors",
            "encode clip-vit-base-patch32/ images.safetensors out.safetensors --head zero-shot.safetensors",
            "encode clip-vit-base-patch32/ photos/ embeddings.safetensors",
            "encode all-MiniLM-L6-v2/ embeddings.safetensors --text sentences.txt --pooled-only",
            "encode model.safetensors images.safetensors out.safetensors --config config.json --hidden")
        {
            ModelArguments.Model,
            Input,
            Output,
            TextArguments.Text,
            TextArguments.MaxLength,
            Hidden,
            PooledOnly,
            CommonOptions.Head,
            Split,
            CommonOptions.Config,
            ModelArguments.BatchSize,
            CommonOptions.Device,
            CommonOptions.Precision,
            CommonOptions.Threads,
            ProfileOption.Profile,
            CommonOptions.Json,
        };
        foreach (Option option in DatasetArguments.All) command.Options.Add(option);
        command.Runs(Run);
        return command;
    }

    private static void Run(CommandContext context)
    {
        bool fromText = context.Has(TextArguments.Text);
        string first = context.Get(Input), output = OutputOf(context, fromText, first);
        IEnumerable<string> read = fromText ? [context.Get(TextArguments.Text)!] : DatasetArguments.FilesOf(first);
        OutputFile.RequirePossible(output, [context.Get(ModelArguments.Model), context.Get(CommonOptions.Head), context.Get(CommonOptions.Config), .. read]);
        using Device device = context.OpenDevice(inference: true);
        using Encoder encoder = ModelArguments.Load(context, device, fromText ? null : first);
        if (device.Precision != Precision.Float32) encoder.Pack(encoder.Parameters);
        Dataset? data = fromText ? null : DatasetArguments.Open(context, encoder, first);
        DatasetSplit split = data is null ? TextArguments.Read(context, encoder, []) : data["input"] ?? DatasetArguments.RequireSplit(context, data, Split);
        using ClassificationHead? head = HeadArguments.Load(context, encoder, data?.Name ?? Path.GetFileNameWithoutExtension(split.Source));
        var options = new ExtractionOptions(ModelArguments.BatchSizeOf(context, DefaultBatchSize)) { HiddenStates = context.Get(Hidden), Sequences = !context.Get(PooledOnly) };
        (IReadOnlyList<TensorContent> tensors, ProfileShares? profile) = ProfileOption.Run(context, device, _ => CommandContext.WithProgress("samples", sink =>
            FeatureExtraction.Run(encoder, head, split, options, new Samples(sink, "encoding", split.Count), context.Stop)));
        SafetensorsWriter.Write(output, tensors);
        var report = new WrittenReport(output, split.Count, [.. tensors.Select(t => new WrittenTensor(t.Name, [.. t.Shape.Dimensions]))], device.Name, CommonOptions.NameOf(device.Precision), NotFinite: CountNotFinite(context, output), Profile: profile);
        context.Write(report, CliJson.Default.WrittenReport, (r, text) => r.Print(text));
    }

    /// <summary>Values of the written file that are NaN or infinite; says so, as nothing else would.</summary>
    private static long CountNotFinite(CommandContext context, string output)
    {
        using SafetensorsFile file = SafetensorsFile.Open(output);
        long count = 0, all = 0;
        foreach (TensorEntry entry in file.Tensors)
        {
            TensorStatistics values = TensorStatistics.Of(file, entry, context.Stop);
            (count, all) = (count + values.NaNCount + values.InfinityCount, all + entry.ElementCount);
        }

        if (count > 0) CommandContext.Note($"{Printable.Of(output)}: {count} of {Counting.Of(all, "value")} {(count == 1 ? "is" : "are")} NaN or infinite; inspect --stats counts those of {Printable.Of(context.Get(ModelArguments.Model))} and of its inputs.");
        return count;
    }

    /// <exception cref="UsageException">There is one path too few or too many.</exception>
    private static string OutputOf(CommandContext context, bool fromText, string first)
    {
        string? second = context.Get(Output);
        if (!fromText) return second ?? throw new UsageException("OUT.safetensors is missing, expected MODEL, INPUT and OUT, or MODEL and OUT with --text.");
        return second is null ? first : throw new UsageException($"With --text there is no INPUT, expected MODEL and OUT alone: '{second}' is one path too many.");
    }
}
