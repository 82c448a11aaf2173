using MergeEngine.Models;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Datasets.Images;
using MergeEngine.Models.Datasets.Tables;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Tokenizers;

namespace MergeEngine.Merging.Experiments;

/// <summary>Opens the data of a task: images, token ids, folders or lists of image files, or tables of texts through the tokenizer beside the model.</summary>
internal static class TaskData
{
    /// <summary>Every task has these.</summary>
    public static readonly string[] Splits = ["train", "validation", "test"];

    /// <exception cref="ModelException">The data cannot be read, or is not for this model.</exception>
    public static Dataset Open(Encoder encoder, string model, TaskEntry task)
    {
        Dataset all = OpenAll(encoder, model, task);
        List<DatasetSplit> splits = [.. all.Splits];
        if (task.HeldOut > 0) HoldOut(all, splits, task);
        return new Dataset(all.Source, all.Name, all.Classes, splits.Select(split => task.SamplesOf(split.Name) is > 0 and int count ? new FirstSamples(split, count) : split));
    }

    private static Dataset OpenAll(Encoder encoder, string model, TaskEntry task)
    {
        if (task.Files is { } folders && folders.Files.Any(file => Directory.Exists(file.Path))) return ImageFolder.Open(folders.Source, [.. folders.Files.Select(file => (file.Split!, file.Path))], task.Name);
        if (task.Files is null && !TextFiles.Matches(task.Data)) return Dataset.Open(task.Data);
        TextFiles files = task.Files ?? TextFiles.Find(task.Data);
        return encoder is VisionTransformer && ImageList.FindColumns(files) is { } columns
            ? ImageList.Read(files, task.Texts.Columns with { Text = columns.Text }, task.Name, task.Texts.Classes)
            : ReadTexts(encoder, model, task);
    }

    private static void HoldOut(Dataset all, List<DatasetSplit> splits, TaskEntry task)
    {
        if (all.Validation is not null) throw new ModelException($"{all.Source}: there is a validation split, expected none where a share of the training samples is held out for it (task {task.Name}).");
        (DatasetSplit kept, DatasetSplit heldOut) = HeldOutSamples.Take(all.Require("train"), task.HeldOut, "validation");
        splits[splits.FindIndex(split => split.Name == "train")] = kept;
        splits.Add(heldOut);
    }

    private static Dataset ReadTexts(Encoder encoder, string model, TaskEntry task)
    {
        if (encoder is not TextTransformer text) throw new ModelException($"{task.Data}: is a table of texts, expected images for the model {model}.");
        TextFiles files = task.Files ?? TextFiles.Find(task.Data);
        int limit = text.Config.Limits.MaxTokens, wanted = task.Texts.MaxTokens;
        if (wanted > limit) throw new ModelException($"{files.Source}: its texts would be cut to {wanted} tokens, expected at most {limit}, as many as the model has positions for.");
        ITokenizer tokenizer = Tokenizer.Load(Directory.Exists(model) ? model : Path.GetDirectoryName(Path.GetFullPath(model))!);
        return TextDataset.Read(files, task.Texts.Columns, tokenizer, wanted > 0 ? wanted : text.Config.MaxTokens, task.Name, task.Texts.Classes);
    }
}
