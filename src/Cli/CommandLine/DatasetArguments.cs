using System.CommandLine;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Datasets.Images;
using MergeEngine.Models.Datasets.Tables;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Tokenizers;

namespace MergeEngine.Cli.CommandLine;

/// <summary>Datasets of commands that run a model, and the options that say how a table of texts is read.</summary>
internal static class DatasetArguments
{
    /// <summary>What a DATASET may be.</summary>
    public const string Description =
        "A safetensors dataset, a folder of images (train/CLASS/…, or CLASS/…), a directory of IDX files, or labelled texts or image files in .tsv, .csv or .jsonl: a file, a name with {split} in it, or a directory with train.tsv and so on.";

    private static readonly Option<string?> TextColumn = Column("--text-column", "Texts in a table: the column of the text, or of the first of a pair (text).");
    private static readonly Option<string?> FileColumn = Column("--file-column", "Images in a table: the column of their paths, relative to the table (file or file_name).");
    private static readonly Option<string?> PairColumn = Column("--pair-column", "The column of the second text of a pair.");
    private static readonly Option<string?> LabelColumn = Column("--label-column", "The column of the class, its name or number (label).");
    private static readonly Option<string?> SplitColumn = Column("--split-column", "The column that says train, validation or test, in one file with all of them.");
    private static readonly Option<bool> NoHeader = new("--no-header") { Description = "The first line of a .tsv or .csv is a row too: columns are numbers from 1." };

    private static readonly Option<string?> Classes = new("--classes")
    {
        Description = "Names of the classes in the order of their numbers, which are rows of the head; if left out, those of the training split, else of the head.",
        HelpName = "A,B,…",
    };

    public static IEnumerable<Option> All => [TextColumn, FileColumn, PairColumn, LabelColumn, SplitColumn, NoHeader, Classes];

    /// <summary>True for texts, as tokens or in a table; false for images, and where nothing can be read, which opening it says.</summary>
    public static bool AreTexts(CommandContext context, string path) => context.Reading(() =>
        Dataset.HoldsTokens(path) || (TextFiles.Matches(path) && !context.Has(FileColumn) && (context.Has(TextColumn) || ImageList.FindColumns(TextFiles.Find(path)) is null)));

    /// <summary>What a dataset is read from, so that nothing of it is written over.</summary>
    public static IEnumerable<string> FilesOf(string path) => [path, .. TextFiles.Matches(path) ? TextFiles.Find(path).Files.Select(file => file.Path) : []];

    /// <summary>Opens a dataset; texts go through the tokenizer beside the model.</summary>
    /// <param name="context">The command line.</param>
    /// <param name="encoder">The model.</param>
    /// <param name="path">What the user called the dataset.</param>
    /// <exception cref="InvalidDataException">It is a table of texts, but the model is one of images.</exception>
    public static Dataset Open(CommandContext context, Encoder encoder, string path)
    {
        if (!TextFiles.Matches(path))
        {
            if (All.FirstOrDefault(context.Has) is { } option) throw new UsageException($"{option.Name} is for .tsv, .csv or .jsonl files, but {path} is none.");
            return context.Reading(() => Dataset.Open(path));
        }

        IReadOnlyList<string>? headClasses = HeadArguments.FindClassNames(context, encoder);
        if (encoder is VisionTransformer) return context.Reading(() => ReadList(context, path, headClasses));
        (TextTransformer text, ITokenizer tokenizer, int maxTokens) = TextArguments.Prepare(context, encoder, path);
        TextColumns columns = Columns(context, context.Get(TextColumn) ?? "text") with { Pair = context.Get(PairColumn) };
        Dataset data = context.Reading(() => TextDataset.Read(TextFiles.Find(path), columns, tokenizer, maxTokens, classes: context.Get(Classes)?.Split(','), headClasses: headClasses));
        foreach (DatasetSplit split in data.Splits) TextArguments.RequireFit(context, text, tokenizer, split);
        return data;
    }

    /// <summary>The split that an option names, or its default.</summary>
    /// <exception cref="UsageException">The option names none of the dataset's.</exception>
    /// <exception cref="Models.ModelException">The dataset has not the usual one.</exception>
    public static DatasetSplit RequireSplit(CommandContext context, Dataset data, Option<string> option)
    {
        try
        {
            return data.Require(context.Get(option)!);
        }
        catch (Models.ModelException e) when (context.Has(option))
        {
            throw new UsageException($"{option.Name} is '{context.Get(option)}': {e.Message}");
        }
    }

    /// <summary>A table that is one file has a training split only where a column says so.</summary>
    /// <exception cref="UsageException">None does.</exception>
    public static void RequireTrainingRows(CommandContext context, string path)
    {
        if (!context.Has(SplitColumn) && TextFiles.Matches(path) && TextFiles.Find(path).Files is [(null, _)])
            throw new UsageException($"{path}: one file has no training split, expected --split-column with the column that says train, validation or test, or a file for each split and {{split}} in the name.");
    }

    /// <summary>Data that can be trained on.</summary>
    /// <exception cref="InvalidDataException">They have no training split; the message says how they get one.</exception>
    public static void RequireTrain(Dataset data)
    {
        if (data.Train is not null) return;
        string expected = Directory.Exists(data.Source) && data.Splits[0].ImageFiles is not null ? "folders train/CLASS/… and, to be scored on, test/CLASS/…"
            : TextFiles.Matches(data.Source) ? "rows or a file of the split train"
            : data.Splits[0].Texts is null ? "train.images with train.labels" : "train.input_ids with train.labels";
        throw new InvalidDataException($"{data.Source}: there is no training split but {string.Join(", ", data.Splits.Select(split => split.Name))}, expected {expected}.");
    }

    private static Dataset ReadList(CommandContext context, string path, IReadOnlyList<string>? headClasses)
    {
        TextFiles files = TextFiles.Find(path);
        string? column = context.Get(FileColumn) ?? ImageList.FindColumns(files)?.Text;
        if (column is null) throw new InvalidDataException($"{path}: has no column {string.Join(" or ", ImageList.FileColumns)}, expected one with the paths of images, as the model is one of images; --file-column names another.");
        return ImageList.Read(files, Columns(context, column), classes: context.Get(Classes)?.Split(','), headClasses: headClasses);
    }

    private static TextColumns Columns(CommandContext context, string first) => new()
    {
        Text = first,
        Label = context.Get(LabelColumn) ?? "label",
        Split = context.Get(SplitColumn),
        HasHeader = !context.Get(NoHeader),
    };

    private static Option<string?> Column(string name, string description) => new(name) { Description = description, HelpName = "NAME" };
}
