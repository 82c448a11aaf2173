using System.Globalization;
using System.Text;
using MergeEngine.Cli.Reports.Tables;
using MergeEngine.Merging.Experiments;

namespace MergeEngine.Cli.Reports.Html;

/// <summary>The tables of the report.</summary>
internal static class ResultTables
{
    /// <summary>A row a method, a column a task; a bar under each average shows it from 0 to 100.</summary>
    public static string Accuracy(ExperimentResult result, IReadOnlyList<MethodResult> methods)
    {
        IReadOnlyDictionary<string, double> best = ResultRows.BestByTask(result, methods);
        double bestAverage = ResultRows.BestAverage(methods);
        MethodResult? start = result.Methods.FirstOrDefault(m => m.Name == "pretrained");
        var html = new StringBuilder("<div class=\"scroll\"><table><thead><tr><th scope=\"col\">method</th>");
        foreach (string task in result.Tasks) html.Append(CultureInfo.InvariantCulture, $"<th scope=\"col\" class=\"n\">{Markup.Escape(task)}</th>");
        html.Append("<th scope=\"col\" class=\"n\">average</th>");
        if (start is not null) html.Append("<th scope=\"col\" class=\"n\" title=\"points above the pre-trained model\">gain</th>");
        html.Append("</tr></thead><tbody>\n");
        foreach (MethodResult method in methods)
        {
            html.Append(CultureInfo.InvariantCulture, $"<tr{(ResultRows.IsReference(method) ? " class=\"reference\"" : "")}><th scope=\"row\">{Markup.Escape(method.Name)}</th>");
            foreach (string task in result.Tasks)
            {
                double value = ResultRows.Accuracy(method, task);
                Cell(html, Figures.Percent(value), ResultRows.Wins(method, value, best[task]) ? "n best" : "n");
            }

            Average(html, method, bestAverage);
            if (start is not null) Cell(html, Figures.Signed(ResultRows.Average(method) - ResultRows.Average(start)), "n quiet");
            html.Append("</tr>\n");
        }

        html.Append("</tbody></table></div>\n");
        foreach ((string rows, string sentence) in ResultRows.Divergences(methods))
            html.Append(CultureInfo.InvariantCulture, $"<p class=\"quiet\">Diverged ({Markup.Escape(rows)}): {Markup.Escape(sentence)}</p>\n");
        return html.ToString();
    }

    /// <summary>What each method cost and chose.</summary>
    public static string Ledger(ExperimentResult result)
    {
        var html = new StringBuilder("<div class=\"scroll\"><table><thead><tr><th scope=\"col\">method</th><th scope=\"col\" class=\"n\">steps</th>");
        html.Append("<th scope=\"col\" class=\"n\">examples</th><th scope=\"col\" class=\"n\">seconds</th><th scope=\"col\" class=\"n\">validation</th><th scope=\"col\">parameters</th></tr></thead><tbody>\n");
        foreach (MethodResult method in result.Methods)
        {
            html.Append(CultureInfo.InvariantCulture, $"<tr{(ResultRows.IsReference(method) ? " class=\"reference\"" : "")}><th scope=\"row\">{Markup.Escape(method.Name)}</th>");
            Cell(html, Figures.Count(method.Steps), "n");
            Cell(html, Figures.Count(method.Examples), "n");
            Cell(html, Figures.Seconds(method.Seconds), "n");
            Cell(html, method.Validation is { } validation ? Figures.Percent(validation) : "", "n");
            Cell(html, Figures.Parameters(method), "");
            html.Append("</tr>\n");
        }

        return html.Append("</tbody></table></div>\n").ToString();
    }

    /// <summary>Name and value.</summary>
    public static string Settings(IEnumerable<KeyValuePair<string, string>> settings)
    {
        var html = new StringBuilder("<dl class=\"settings\">\n");
        foreach ((string name, string value) in settings)
            html.Append(CultureInfo.InvariantCulture, $"<div><dt>{Markup.Escape(name)}</dt><dd>{Markup.Escape(value)}</dd></div>\n");
        return html.Append("</dl>\n").ToString();
    }

    private static void Average(StringBuilder html, MethodResult method, double best)
    {
        double average = ResultRows.Average(method), share = double.IsFinite(average) ? Math.Clamp(average, 0, 100) : 0;
        string kind = ResultRows.Wins(method, average, best) ? "n average best" : "n average";
        html.Append(CultureInfo.InvariantCulture, $"<td class=\"{kind}\" style=\"--share:{share:0.0}%\">{ResultRows.AverageText(method)}</td>");
    }

    private static void Cell(StringBuilder html, string text, string kind) =>
        html.Append(CultureInfo.InvariantCulture, $"<td class=\"{kind}\">{Markup.Escape(text)}</td>");
}
