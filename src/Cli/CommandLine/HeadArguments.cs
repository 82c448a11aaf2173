using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Training;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.CommandLine;

/// <summary>Heads of commands that run a model, and how the classes of data become their rows.</summary>
internal static class HeadArguments
{
    /// <summary>The head of <c>--head</c>, else the checkpoint's own, else null.</summary>
    /// <param name="context">The command line.</param>
    /// <param name="encoder">What gives the features.</param>
    /// <param name="task">Name of the data: a file with the heads of several tasks holds <c>task.weight</c>.</param>
    public static ClassificationHead? Load(CommandContext context, Encoder encoder, string task)
    {
        if (context.Get(CommonOptions.Head) is not { } file) return encoder.CreateCheckpointHead();
        string prefix = ClassificationHead.FindPrefix(file, task);
        ClassificationHead head = ClassificationHead.FromSafetensors(encoder.Device, file, prefix);
        if (head.Width == encoder.FeatureWidth) return head;
        int width = head.Width;
        head.Dispose();
        throw new InvalidDataException($"{file}: tensor \"{prefix}weight\" has {Counting.Of(width, "column")}, expected {encoder.FeatureWidth} as the features have.");
    }

    /// <summary>As <see cref="Load"/>, where there must be one.</summary>
    /// <param name="context">The command line.</param>
    /// <param name="encoder">What gives the features.</param>
    /// <param name="task">Name of the data.</param>
    /// <param name="options">What gives a head, for the message.</param>
    /// <exception cref="UsageException">There is none.</exception>
    public static ClassificationHead Require(CommandContext context, Encoder encoder, string task, string options = "--head") => Load(context, encoder, task)
        ?? throw new UsageException($"{context.Get(ModelArguments.Model)}: the model has no classification head of its own, expected one with {options}.");

    /// <summary>Names of the rows of the head that will be used, as far as they are known before the data are; null otherwise.</summary>
    public static IReadOnlyList<string>? FindClassNames(CommandContext context, Encoder encoder)
    {
        if (context.Get(CommonOptions.Head) is { } file) return ClassificationHead.FindClassNames(file);
        using ClassificationHead? own = encoder.CreateCheckpointHead();
        return own?.ClassNames;
    }

    /// <summary>Data whose labels are rows of the head; says on stderr what people should know of it.</summary>
    public static Dataset Match(Dataset data, ClassificationHead head)
    {
        Dataset matched = HeadRows.Match(data, head, out string? remark);
        if (remark is not null) CommandContext.Note(remark);
        return matched;
    }

    /// <summary>Says that the checkpoint's own classifier is used where no head was named.</summary>
    public static void NoteOwn(CommandContext context, ClassificationHead head)
    {
        if (!context.Has(CommonOptions.Head)) CommandContext.Note($"The checkpoint's own classifier of {Counting.Of(head.Classes, "class", "classes")} is used; --head names another head.");
    }

    /// <summary>A new head for the classes of data; says where some of them have nothing to learn from, as where the numbers that are labels are years.</summary>
    public static ClassificationHead Create(Encoder encoder, Dataset data, ulong seed)
    {
        if (data.Train is { } train)
        {
            int seen = train.Labels.ToArray().Distinct().Count();
            string why = data.Classes[0] == "0" ? "; labels that are whole numbers are rows of the head, from 0" : "";
            if (seen < data.Classes.Count)
                CommandContext.Note($"{data.Classes.Count - seen} of the {data.Classes.Count} classes {(data.Classes.Count - seen == 1 ? "has" : "have")} no sample in the training split: {Quoting.QuoteSome([.. data.Classes.Where((_, row) => !train.Labels.Contains(row))])}{why}.");
        }

        // Of its own stream: under the task's bare name it would be what a pre-training of that task and seed began with, whose encoder fits it from the start.
        ClassificationHead head = ClassificationHead.Random(encoder.Device, data.Classes.Count, encoder.FeatureWidth, seed, $"new head of {data.Name}");
        head.ClassNames = data.Classes;
        return head;
    }
}
