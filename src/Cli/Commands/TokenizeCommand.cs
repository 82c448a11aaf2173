using System.CommandLine;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Terminal;
using MergeEngine.Models.Tokenizers;
using MergeEngine.Models.Tokenizers.Lines;

namespace MergeEngine.Cli.Commands;

/// <summary><c>tokenize MODEL</c>: token ids of lines from stdin.</summary>
internal static class TokenizeCommand
{
    private static readonly Argument<string> Model = new("MODEL")
    {
        Description = "A model directory with tokenizer.json, vocab.txt, or vocab.json and merges.txt; or a tokenizer.json.",
    };

    private static readonly Option<bool> NoSpecial = new("--no-special") { Description = "Leave out the special tokens around a text." };

    private static readonly Option<int> MaxLength = CommonOptions.Number(
        "--max-length", "Most tokens of a line, special ones included; of a pair the longer text is cut first.", 1, int.MaxValue, "N");

    public static Command Create()
    {
        var command = new ExampleCommand(
            "tokenize", "Turn lines of text into token ids. A line of stdin is a JSON string, or an array of two for a pair; each gives one line of JSON.",
            "tokenize all-MiniLM-L6-v2/ < lines.jsonl > tokens.jsonl",
            "tokenize roberta-base/ --max-length 128 --no-special < lines.jsonl")
        {
            Model,
            NoSpecial,
            MaxLength,
            CommonOptions.Threads,
        };
        command.Runs(Run);
        return command;
    }

    private static void Run(CommandContext context)
    {
        ITokenizer tokenizer = context.Reading(() => Tokenizer.Load(context.Get(Model)));
        var options = new TokenizerOptions
        {
            AddSpecialTokens = !context.Get(NoSpecial),
            MaxLength = context.Has(MaxLength) ? context.Get(MaxLength) : null,
        };
        int least = options.AddSpecialTokens ? tokenizer.SpecialTokenCount(pair: false) : 0;
        if (options.MaxLength < least) throw new UsageException($"--max-length is {options.MaxLength}, expected at least {least}, as many as the special tokens of a text.");
        var lines = new TokenizedLines(tokenizer, options, context.Threads > 0 ? context.Threads : Environment.ProcessorCount);
        using Stream input = StandardStreams.OpenInput("lines of JSON"), output = StandardStreams.OpenOutput();
        lines.Run(input, output, context.Stop);
    }
}
