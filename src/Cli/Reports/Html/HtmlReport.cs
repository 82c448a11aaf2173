using System.Globalization;
using System.Text;
using MergeEngine.Cli.Reports.Charts;
using MergeEngine.Cli.Reports.Tables;
using MergeEngine.Merging.Experiments;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Reports.Html;

/// <summary>
/// <c>report.html</c>: one page that holds all it needs. Its security policy forbids every request, so that it opens offline and what
/// an experiment file calls its tasks can do no harm.
/// </summary>
internal static class HtmlReport
{
    public static string Write(ExperimentResult result)
    {
        var page = new StringBuilder();
        string title = Markup.Escape(result.Name);
        page.Append(CultureInfo.InvariantCulture, $"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <title>{title} – MergeEngine</title>
            <style>
            {Style()}</style>
            </head>
            <body>
            <header>
            <p class="kicker">MergeEngine experiment</p>
            <h1>{title}</h1>
            <p class="quiet">{Counting.Of(result.Tasks.Count, "task")}, {Counting.Of(result.Methods.Count, "method")}, seed {result.Seed}</p>
            </header>
            <main>

            """);
        Highlights(page, result);
        Section(page, "Test accuracy", "Per cent. The best merged model of each column is marked; pre-trained, individual and joint models are what to compare with.",
            ResultTables.Accuracy(result, result.Methods));
        if (result.FixedCoefficient is { } common)
        {
            Section(page, $"At one coefficient, λ = {Figures.Short(common.Lambda)}", "λ is the same for all and was not searched. The row tatr takes the ρ that did best on validation; the others have theirs in the name.",
                ResultTables.Accuracy(result, common.Methods));
        }

        Rounds(page, result);
        if (result.Analysis is { } analysis) Analysis(page, result.Tasks, analysis);
        else if (result.AnalysisDiverged is { } sentence) Section(page, "Task vectors", $"There is no analysis, as an individual model has diverged: {sentence}", "");
        Section(page, "Ledger", "Steps, examples and seconds include the tuning that a method starts from. * was chosen on the validation split.", ResultTables.Ledger(result));
        Section(page, "Settings", null, ResultTables.Settings(result.Settings.Prepend(new("seed", result.Seed.ToString(CultureInfo.InvariantCulture)))));
        return page.Append("</main>\n</body>\n</html>\n").ToString();
    }

    private static void Highlights(StringBuilder page, ExperimentResult result)
    {
        page.Append("<div class=\"cards\">\n");
        MethodResult[] finished = [.. result.Methods.Where(m => m.Diverged is null)];
        MethodResult? best = finished.Where(m => !ResultRows.IsReference(m)).MaxBy(m => m.Average);
        if (best is not null) Card(page, $"best merged model: {best.Name}", best, "accent");
        foreach (MethodResult reference in finished.Where(ResultRows.IsReference)) Card(page, reference.Name, reference, "");
        page.Append("</div>\n");
    }

    private static void Card(StringBuilder page, string label, MethodResult method, string kind) => page.Append(
        CultureInfo.InvariantCulture,
        $"<div class=\"card {kind}\"><span class=\"value\">{ResultRows.AverageText(method)}<small> %</small></span><span class=\"label\">{Markup.Escape(label)}</span></div>\n");

    private static void Rounds(StringBuilder page, ExperimentResult result)
    {
        if (!result.Rounds.Any(series => series.Average.Count > 1)) return;
        Section(page, "Accuracy by round", "Mean test accuracy of the merged model as the tasks spend their budget; a point is a merge, the first is the start.", RoundsChart.Accuracy(result));
        if (result.Rounds.Any(series => series.Norm.Count > 1))
            Section(page, "Distance from the pre-trained model", "Norm of the merged task vector after each round.", RoundsChart.Norm(result));
    }

    private static void Analysis(StringBuilder page, IReadOnlyList<string> tasks, TaskVectorAnalysis analysis)
    {
        string from = $"Task vectors of the individual models, taken from {analysis.Base}.";
        Section(page, "Task vectors", from, "");
        page.Append("<div class=\"grid\">\n");
        Figure(page, "Cosine", "cos(τᵢ, τⱼ)", HeatMap.Draw("Cosines of task vectors", tasks, analysis.Cosine));
        Figure(page, "Sign agreement", "share of equal signs where both are not zero; 0.5 is chance", HeatMap.Draw("Sign agreement of task vectors", tasks, analysis.SignAgreement, center: 0.5));
        Figure(
            page, "Knowledge conflict", $"what adding a task costs another, in nats, at λ = {Figures.Short(analysis.ConflictLambda)}; above 0 is harm",
            HeatMap.Draw("Knowledge conflict", tasks, analysis.Conflict, "costs this task", "adding this task", highIsBad: true));
        Figure(page, "Norm", "‖τᵢ‖₂", BarChart.Draw([.. tasks.Zip(analysis.Norm, KeyValuePair.Create)], "‖τ‖₂", value => Figures.Decimals(value, 2)));
        if (analysis.DroppedShare.Count > 0)
        {
            Figure(
                page, "Dropped by the trust region",
                "per cent of the live coordinates of each layer" + (analysis.DroppedRho is { } rho ? $", at ρ = {Figures.Short(rho)}" : ""),
                BarChart.Draw([.. analysis.DroppedShare.Select(d => KeyValuePair.Create(d.Key, 100 * d.Value))], "dropped (%)", value => Figures.Decimals(value, 2)));
        }

        page.Append("</div>\n");
    }

    private static void Section(StringBuilder page, string title, string? explanation, string content)
    {
        page.Append(CultureInfo.InvariantCulture, $"<section><h2>{Markup.Escape(title)}</h2>\n");
        if (explanation is not null) page.Append(CultureInfo.InvariantCulture, $"<p class=\"quiet\">{Markup.Escape(explanation)}</p>\n");
        page.Append(content).Append("</section>\n");
    }

    private static void Figure(StringBuilder page, string title, string explanation, string content) => page.Append(
        CultureInfo.InvariantCulture,
        $"<figure><figcaption><b>{Markup.Escape(title)}</b> <span class=\"quiet\">{Markup.Escape(explanation)}</span></figcaption>\n{content}</figure>\n");

    private static string Style()
    {
        using Stream stream = typeof(HtmlReport).Assembly.GetManifestResourceStream("report.css")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
