using System.CommandLine;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Tokenizers;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.CommandLine;

/// <summary>Options of commands that take texts as they are.</summary>
internal static class TextArguments
{
    public static readonly Option<string?> Text = new("--text")
    {
        Description = "UTF-8 with a text on each line, for a model with a tokenizer beside it.",
        HelpName = "FILE",
    };

    public static readonly Option<int> MaxLength = CommonOptions.Number(
        "--max-length", "Of texts that are tokenized here: most tokens of one, special ones included; if left out, as many as the model takes.", 1, int.MaxValue, "N");

    /// <summary>The directory in which a model's tokenizer lies: its own, or that of its file.</summary>
    public static string TokenizerOf(string model) => Directory.Exists(model) ? model : Path.GetDirectoryName(Path.GetFullPath(model))!;

    /// <summary>The texts of <c>--text</c> as ids of a model.</summary>
    /// <param name="context">The command line.</param>
    /// <param name="encoder">The model.</param>
    /// <param name="labels">One of each line; empty for none.</param>
    /// <exception cref="InvalidDataException">The model takes no texts, or its tokenizer is another model's.</exception>
    public static TextSplit Read(CommandContext context, Encoder encoder, int[] labels)
    {
        string file = context.Get(Text)!;
        (TextTransformer text, ITokenizer tokenizer, int maxTokens) = Prepare(context, encoder, "--text");
        TextSplit split = context.Reading(() => TextLines.Read(file, tokenizer, maxTokens, labels));
        RequireFit(context, text, tokenizer, split);
        return split;
    }

    /// <summary>The tokenizer beside a model of texts, and how many tokens of a text it takes.</summary>
    /// <param name="context">The command line.</param>
    /// <param name="encoder">The model.</param>
    /// <param name="what">Where the texts come from.</param>
    /// <exception cref="InvalidDataException">The model takes no texts.</exception>
    public static (TextTransformer Encoder, ITokenizer Tokenizer, int MaxTokens) Prepare(CommandContext context, Encoder encoder, string what)
    {
        string model = context.Get(ModelArguments.Model);
        if (encoder is not TextTransformer text) throw new InvalidDataException($"{model}: is a model of images, expected one of texts with {what}.");
        ITokenizer tokenizer = context.Reading(() => Tokenizer.Load(TokenizerOf(model)));
        int limit = text.Config.Limits.MaxTokens;
        if (context.Has(MaxLength) && context.Get(MaxLength) > limit) throw new UsageException($"--max-length is {context.Get(MaxLength)}, expected at most {limit}, as many as the model has positions for.");
        return (text, tokenizer, context.Has(MaxLength) ? context.Get(MaxLength) : text.Config.MaxTokens);
    }

    /// <summary>The tokenizer's ids are those of the model.</summary>
    /// <exception cref="InvalidDataException">It is another model's.</exception>
    public static void RequireFit(CommandContext context, TextTransformer encoder, ITokenizer tokenizer, DatasetSplit split)
    {
        if (encoder.Refuses(split) is { } fault && tokenizer.VocabularySize > encoder.Config.Vocabulary)
            throw new InvalidDataException($"{context.Get(ModelArguments.Model)}: its tokenizer has {Counting.Of(tokenizer.VocabularySize, "token")}, but the model's vocabulary has {encoder.Config.Vocabulary}, and {split.Source} {fault}.");
    }
}
