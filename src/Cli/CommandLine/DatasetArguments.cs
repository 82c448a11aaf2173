using System.CommandLine;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Datasets.Tables;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Tokenizers;

namespace MergeEngine.Cli.CommandLine;

/// <summary>Datasets of commands that run a model, and the options that say how a table of texts is read.</summary>
internal static class DatasetArguments
{
    /// <summary>What a DATASET may be.</summary>
    public const string Description =
        "A safetensors dataset, a directory of IDX files, or labelled texts in .tsv, .csv or .jsonl: a file, a name with {split} in it, or a directory with train.tsv and so on.";

    private static readonly Option<string?> TextColumn = Column("--text-column", "Texts in a table: the column of the text, or of the first of a pair (text).");
    private static readonly Option<string?> PairColumn = Column("--pair-column", "The column of the second text of a pair.");
    private static readonly Option<string?> LabelColumn = Column("--label-column", "The column of the class, its name or number (label).");
    private static readonly Option<string?> SplitColumn = Column("--split-column", "The column that says train, validation or test, in one file with all of them.");
    private static readonly Option<bool> NoHeader = new("--no-header") { Description = "The first line of a .tsv or .csv is a row too: columns are numbers from 1." };

    private static readonly Option<string?> Classes = new("--classes")
    {
        Description = "Names of the classes in the order of the head; if left out, those of the training split.",
        HelpName = "A,B,…",
    };

    public static IEnumerable<Option> All => [TextColumn, PairColumn, LabelColumn, SplitColumn, NoHeader, Classes];

    /// <summary>True for texts, as tokens or in a table; false for images, and where nothing can be read, which opening it says.</summary>
    public static bool AreTexts(string path) => TextFiles.Matches(path) || Dataset.HoldsTokens(path);

    /// <summary>Opens a dataset; texts go through the tokenizer beside the model.</summary>
    /// <param name="context">The command line.</param>
    /// <param name="encoder">The model.</param>
    /// <param name="path">What the user called the dataset.</param>
    /// <exception cref="InvalidDataException">It is a table of texts, but the model is one of images.</exception>
    public static Dataset Open(CommandContext context, Encoder encoder, string path)
    {
        if (!TextFiles.Matches(path))
        {
            if (All.FirstOrDefault(context.Has) is { } option) throw new UsageException($"{option.Name} is for texts in .tsv, .csv or .jsonl files, but {path} is none.");
            return Dataset.Open(path);
        }

        (TextTransformer text, ITokenizer tokenizer, int maxTokens) = TextArguments.Prepare(context, encoder, path);
        var columns = new TextColumns();
        columns = new TextColumns
        {
            Text = context.Get(TextColumn) ?? columns.Text,
            Pair = context.Get(PairColumn),
            Label = context.Get(LabelColumn) ?? columns.Label,
            Split = context.Get(SplitColumn),
            HasHeader = !context.Get(NoHeader),
        };
        Dataset data = TextDataset.Read(TextFiles.Find(path), columns, tokenizer, maxTokens, classes: context.Get(Classes)?.Split(','));
        foreach (DatasetSplit split in data.Splits) TextArguments.RequireFit(context, text, tokenizer, split);
        return data;
    }

    private static Option<string?> Column(string name, string description) => new(name) { Description = description, HelpName = "NAME" };
}
