using MergeEngine.Cli.Terminal;
using MergeEngine.Merging.Experiments;
using Spectre.Console;

namespace MergeEngine.Cli.Reports.Tables;

/// <summary>The result on the console: a row a method, a column a task; the best merged model of each column is marked.</summary>
internal static class ExperimentTable
{
    public static void Write(ExperimentResult result, TextWriter output, bool terminal)
    {
        Section(result, result.Methods, $"{Printable.Of(result.Name)}, seed {result.Seed}: test accuracy in per cent", output, terminal);
        if (result.FixedCoefficient is not { } common) return;
        output.WriteLine();
        Section(result, common.Methods, $"All methods at λ = {Figures.Short(common.Lambda)}", output, terminal);
    }

    private static void Section(ExperimentResult result, IReadOnlyList<MethodResult> methods, string title, TextWriter output, bool terminal)
    {
        if (terminal) WriteStyled(result, methods, title, output);
        else WritePlain(result, methods, title, output);
        foreach ((string rows, string sentence) in ResultRows.Divergences(methods)) output.WriteLine($"diverged ({Printable.Of(rows)}): {Printable.Of(sentence)}");
    }

    private static void WritePlain(ExperimentResult result, IReadOnlyList<MethodResult> methods, string title, TextWriter output)
    {
        output.WriteLine(title);
        string[] headers = ["method", .. result.Tasks.Select(Printable.Of), "average", "seconds"];
        TextTable table = new TextTable(headers).AlignRight([.. Enumerable.Range(1, headers.Length - 1)]);
        // A column of marks must not move the digits: what is not marked gets a space.
        foreach (Row row in Rows(result, methods)) table.Add([row.Name, .. row.Cells.Select(cell => cell.Best ? $"{cell.Text}*" : $"{cell.Text} "), row.Seconds]);
        table.Write(output);
        output.WriteLine("* the best merged model of the column");
    }

    private static void WriteStyled(ExperimentResult result, IReadOnlyList<MethodResult> methods, string title, TextWriter output)
    {
        var table = new Table { Title = new TableTitle(Markup.Escape(title)), Border = TableBorder.Rounded };
        table.BorderColor(Color.Grey);
        table.AddColumn("method");
        foreach (string task in result.Tasks) table.AddColumn(new TableColumn(Markup.Escape(Printable.Of(task))).RightAligned());
        table.AddColumn(new TableColumn("[bold]average[/]").RightAligned());
        table.AddColumn(new TableColumn("seconds").RightAligned());
        foreach (Row row in Rows(result, methods))
        {
            string style = row.Reference ? "grey" : "default";
            table.AddRow([
                $"[{style}]{Markup.Escape(row.Name)}[/]",
                .. row.Cells.Select(cell => cell.Best ? $"[bold green]{cell.Text}[/]" : $"[{style}]{cell.Text}[/]"),
                $"[grey]{row.Seconds}[/]",
            ]);
        }

        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new TerminalOutput(output, InheritedStream.Output), Ansi = AnsiSupport.Yes, ColorSystem = ColorSystemSupport.Detect });
        console.Profile.Width = Math.Max(Width(), 40);
        console.Write(table);
    }

    private static IEnumerable<Row> Rows(ExperimentResult result, IReadOnlyList<MethodResult> methods)
    {
        IReadOnlyDictionary<string, double> best = ResultRows.BestByTask(result, methods);
        double bestAverage = ResultRows.BestAverage(methods);
        foreach (MethodResult method in methods)
        {
            var cells = result.Tasks.Select(task => Cell(method, ResultRows.Accuracy(method, task), best[task])).ToList();
            cells.Add((ResultRows.AverageText(method), ResultRows.Wins(method, ResultRows.Average(method), bestAverage)));
            yield return new Row(Printable.Of(method.Name), ResultRows.IsReference(method), cells, Figures.Seconds(method.Seconds));
        }
    }

    private static (string Text, bool Best) Cell(MethodResult method, double value, double best) =>
        (Figures.Percent(value), ResultRows.Wins(method, value, best));

    private static int Width() => Console.IsOutputRedirected ? 120 : TerminalSize.Of(InheritedStream.Output).Columns;

    private sealed record Row(string Name, bool Reference, IReadOnlyList<(string Text, bool Best)> Cells, string Seconds);
}
