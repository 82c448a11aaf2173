using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using MergeEngine.Cli.Commands;
using MergeEngine.Cli.Commands.Merge;
using MergeEngine.Cli.Terminal;

namespace MergeEngine.Cli.CommandLine;

/// <summary>The whole command line: which commands there are, and what happens with arguments that fit none.</summary>
internal static class Application
{
    public static int Run(string[] arguments)
    {
        if (!LeastOpenFiles.AreAllowed()) return ExitCode.Failed;
        StandardStreams.Guard();
        FileSizeLimit.FailsWrites();
        try
        {
            return Invoke(arguments);
        }
        catch (IOException exception)
        {
            // Help that cannot be written; commands report what befalls them by themselves.
            return Failures.Report(exception, Console.Error);
        }
    }

    private static int Invoke(string[] arguments)
    {
        RootCommand root = Create();
        // A file name that starts with @ is a file name, not a file with more arguments.
        ParseResult parsed = root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        bool answersAnyway = parsed.Action is { ClearsParseErrors: true };
        if (arguments.Length == 0) return ShowOverview(root);
        if ((parsed.Errors.Count > 0 || UnknownOption(parsed) is not null || HasEmptyArgument(parsed) || EmptyOption(parsed) is not null) && !answersAnyway) return ReportUsage(parsed);
        return parsed.Invoke(new InvocationConfiguration { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false });
    }

    private static RootCommand Create()
    {
        var root = new RootCommand("Fine-tunes encoders of images and texts and merges fine-tuned models, on the processor or an NVIDIA GPU, with results that repeat to the last bit.")
        {
            ExtractLoraCommand.Create(),
            InspectCommand.Create(),
            DiffCommand.Create(),
            VerifyCommand.Create(),
            MergeCommand.Create(),
            PretrainCommand.Create(),
            TuneCommand.Create(),
            EvaluateCommand.Create(),
            EncodeCommand.Create(),
            TokenizeCommand.Create(),
            HeadCommand.Create(),
            GradientsCommand.Create(),
            AnalyzeCommand.Create(),
            AtmCommand.Create(),
            ExperimentCommand.Create(),
            DemoCommand.Create(),
            ReportCommand.Create(),
            MethodsCommand.Create(),
            DevicesCommand.Create(),
            BenchCommand.Create(),
            LicensesCommand.Create(),
        };
        foreach (HelpOption help in root.Options.OfType<HelpOption>())
        {
            if (help.Action is not HelpAction usual) continue;
            usual.MaxWidth = Console.IsOutputRedirected ? int.MaxValue : TerminalSize.Of(InheritedStream.Output).Columns;
            help.Action = new ExampleHelp(usual);
        }

        return root;
    }

    /// <summary>Without arguments nothing was asked for: the overview goes to stderr, so that no pipe takes it for a result.</summary>
    private static int ShowOverview(RootCommand root)
    {
        root.Parse(["--help"]).Invoke(new InvocationConfiguration { Output = Console.Error });
        return ExitCode.Usage;
    }

    private static int ReportUsage(ParseResult parsed)
    {
        string command = PathOf(parsed.CommandResult);
        // What was typed and not understood says more than what is missing because of it.
        string problem = (UnknownOption(parsed) ?? (parsed.UnmatchedTokens is [string unmatched, ..] ? unmatched : null)) is { } token
            ? $"'{token}' is not understood here{(Path.Exists(token) ? $"; the file of that name is ./{token}" : "")}."
            : HasEmptyArgument(parsed) ? "an argument is empty, expected a name or a path."
            : EmptyOption(parsed) is { } empty ? $"{empty.IdentifierToken?.Value ?? empty.Option.Name} is empty, expected {empty.Option.HelpName ?? "a value"}."
            : parsed.Errors[0].Message;
        Failures.Report(new UsageException(problem), Console.Error);
        Console.Error.WriteLine($"Try '{command} --help'.");
        return ExitCode.Usage;
    }

    /// <summary>A mistyped option must not pass for a file name. A file that is called so comes after <c>--</c>.</summary>
    private static string? UnknownOption(ParseResult parsed) => parsed.Tokens
        .TakeWhile(token => token.Type != TokenType.DoubleDash)
        .FirstOrDefault(token => token.Type == TokenType.Argument && LooksLikeOption(token.Value))?.Value;

    /// <summary>Whether an argument is given and empty, as a variable that was not set leaves it: no path is.</summary>
    private static bool HasEmptyArgument(ParseResult parsed) => parsed.CommandResult.Children.OfType<ArgumentResult>().Any(a => a.Tokens.Any(t => t.Value.Length == 0));

    /// <summary>The first option with such a value. Numbers and words say by themselves what they expect.</summary>
    private static OptionResult? EmptyOption(ParseResult parsed) =>
        parsed.CommandResult.Children.OfType<OptionResult>().FirstOrDefault(o => !o.Errors.Any() && o.Tokens.Any(t => t.Value.Length == 0));

    /// <summary>Numbers below zero and a lone dash do not.</summary>
    private static bool LooksLikeOption(string text) => text is ['-', '-', ..] || (text is ['-', var letter, ..] && char.IsAsciiLetter(letter));

    private static string PathOf(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{PathOf(parent)} {command.Command.Name}" : "merge-engine";
}
