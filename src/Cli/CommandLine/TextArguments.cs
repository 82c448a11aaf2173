using System.CommandLine;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Tokenizers;

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
        "--max-length", "With --text: most tokens of a text, special ones included; if left out, as many as the model takes.", 1, int.MaxValue, "N");

    /// <summary>The texts of <c>--text</c> as ids of a model.</summary>
    /// <param name="context">The command line.</param>
    /// <param name="encoder">The model.</param>
    /// <param name="labels">One of each line; empty for none.</param>
    /// <exception cref="InvalidDataException">The model takes no texts, or its tokenizer is another model's.</exception>
    public static TextSplit Read(CommandContext context, Encoder encoder, int[] labels)
    {
        string model = context.Get(ModelArguments.Model), file = context.Get(Text)!;
        if (encoder is not TextTransformer text) throw new InvalidDataException($"{model}: is a model of images, expected one of texts with --text.");
        ITokenizer tokenizer = Tokenizer.Load(Directory.Exists(model) ? model : Path.GetDirectoryName(Path.GetFullPath(model))!);
        int limit = text.Config.Limits.MaxTokens;
        if (context.Has(MaxLength) && context.Get(MaxLength) > limit) throw new UsageException($"--max-length is {context.Get(MaxLength)}, expected at most {limit}, as many as the model has positions for.");
        TextSplit split = TextLines.Read(file, tokenizer, context.Has(MaxLength) ? context.Get(MaxLength) : text.Config.MaxTokens, labels);
        if (encoder.Refuses(split) is { } fault && tokenizer.VocabularySize > text.Config.Vocabulary)
            throw new InvalidDataException($"{model}: its tokenizer has {tokenizer.VocabularySize} tokens, but the model's vocabulary has {text.Config.Vocabulary}, and {file} {fault}.");
        return split;
    }
}
