using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Merging.Experiments;

namespace MergeEngine.Cli.Tests.Reports;

public sealed partial class ReportTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void The_page_asks_for_nothing_from_outside()
    {
        string page = Render(SyntheticResult.Create()).Page;
        Assert.DoesNotContain("http:", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("https:", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("//", page, StringComparison.Ordinal);
        Assert.DoesNotContain("src=", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("href=", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("url(", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("@import", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("default-src 'none'", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_number_of_the_result_stands_in_the_page()
    {
        ExperimentResult result = SyntheticResult.Create();
        string page = Render(result).Page;
        foreach (MethodResult method in result.Methods)
        {
            Match row = Regex.Match(page, $"<tr[^>]*><th scope=\"row\">{Regex.Escape(method.Name)}</th>(.*)</tr>");
            string[] cells = [.. Cell().Matches(row.Groups[1].Value).Select(m => m.Groups[1].Value)];
            string[] expected = [.. result.Tasks.Select(task => method.Accuracy[task]!.Value.ToString("0.0", CultureInfo.InvariantCulture)), method.Average!.Value.ToString("0.0", CultureInfo.InvariantCulture)];
            Assert.Equal(expected, cells.Take(expected.Length));
        }

        Assert.All(result.Settings, setting => Assert.Contains($"<dt>{setting.Key}</dt><dd>{setting.Value}</dd>", page, StringComparison.Ordinal));
        Assert.Contains("<dt>seed</dt><dd>7</dd>", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Charts_show_rounds_and_matrices_with_their_numbers()
    {
        ExperimentResult result = SyntheticResult.Create();
        XElement[] charts = [.. Svg().Matches(Render(result).Page).Select(m => XElement.Parse(m.Value))];
        Assert.Equal(7, charts.Length);
        XElement conflict = charts.Single(c => c.Attribute("aria-label")!.Value == "Knowledge conflict");
        string[] texts = [.. conflict.Descendants().Where(e => e.Name.LocalName == "text").Select(e => e.Value)];
        string[] numbers = [.. from i in Enumerable.Range(0, 8) from j in Enumerable.Range(0, 8) where i != j select Math.Round(result.Analysis!.Conflict[i][j], 2).ToString("0.00", CultureInfo.InvariantCulture).Replace('-', '−')];
        Assert.All(numbers, number => Assert.Contains(number, texts));
        Assert.All(result.Rounds, series => Assert.Contains(series.Method, charts[0].Value, StringComparison.Ordinal));
    }

    [Fact]
    public void Charts_take_their_colours_from_the_page()
    {
        string page = Render(SyntheticResult.Create()).Page;
        Assert.Contains("var(--series-1)", page, StringComparison.Ordinal);
        Assert.DoesNotMatch("rgba?\\(", page);
    }

    [Theory]
    [InlineData("<script>alert(1)</script>")]
    [InlineData("\"><img src=x onerror=alert(1)>")]
    [InlineData("a&b'c\u0000\u001b[31m\ud800")]
    [InlineData("$1 $& ${0}")]
    public void Names_from_files_are_text_and_nothing_else(string name)
    {
        ExperimentResult result = SyntheticResult.Create([name, "plain"], name);
        (string page, string table) = Render(result with
        {
            Settings = new Dictionary<string, string> { [name] = name },
            Rounds = [new RoundSeries(name, [0, 1], [0, 24], [1, 2], [0, 1])],
        });
        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<img", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain('\u001b', page + table);
        Assert.DoesNotContain('\u0000', page + table);
        Assert.All(Svg().Matches(page).Select(m => m.Value), svg => XElement.Parse(svg));
    }

    /// <summary>A run that diverged has numbers that are none; the rest of its page is there all the same.</summary>
    [Fact]
    public void Numbers_that_are_not_finite_leave_a_page()
    {
        ExperimentResult result = SyntheticResult.Create();
        double[][] nowhere = [.. result.Tasks.Select((_, j) => result.Tasks.Select((_, i) => (i + j) % 3 == 0 ? double.NaN : (i + j) % 3 == 1 ? double.PositiveInfinity : 0.5).ToArray())];
        string page = Render(result with
        {
            Rounds = [new RoundSeries("atm-2x1", [0, 1, 2], [0, 24, 48], [52, 12, 12], [0, double.PositiveInfinity, double.NaN])],
            Analysis = result.Analysis! with { Cosine = nowhere, Conflict = nowhere, SignAgreement = nowhere, Norm = [.. result.Tasks.Select(_ => double.NaN)] },
        }).Page;
        Assert.Contains("atm-2x1", page, StringComparison.Ordinal);
        Assert.DoesNotContain("NaN", page, StringComparison.Ordinal);
        Assert.DoesNotContain("∞", page, StringComparison.Ordinal);
        Assert.DoesNotContain("Infinity", page, StringComparison.Ordinal);
    }

    [Fact]
    public void A_result_without_rounds_or_analysis_has_a_page_too()
    {
        string page = Render(SyntheticResult.Create() with { Rounds = [], Analysis = null, FixedCoefficient = null }).Page;
        Assert.DoesNotContain("<svg", page, StringComparison.Ordinal);
        Assert.Contains("atm-momentum", page, StringComparison.Ordinal);
    }

    [Fact]
    public void The_table_has_a_row_a_method_and_marks_the_best_merged_model()
    {
        ExperimentResult result = SyntheticResult.Create();
        string[] lines = Render(result).Table.Split('\n');
        Assert.Equal(["method", .. result.Tasks, "average", "seconds"], lines[1].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.All(result.Methods, method => Assert.Contains(lines, line => line.StartsWith(method.Name + " ", StringComparison.Ordinal)));
        string[][] rows = [.. lines.Skip(2).Take(result.Methods.Count).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))];
        // The individual models and joint training are higher, but no merged models.
        Assert.Equal("atm-momentum", Assert.Single(rows, row => row[^2].EndsWith('*'))[0]);
        Assert.All(rows.Where(row => row[0] is "pretrained" or "individual" or "joint"), row => Assert.DoesNotContain(row, cell => cell.Contains('*', StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[1, 2")]
    [InlineData("null")]
    public void A_file_that_is_no_result_gets_one_sentence(string content) =>
        MergeEngineProcess.Run("report", directory.Write("results.json", content)).Refused(1, "results.json");

    [Fact]
    public void A_missing_result_gets_one_sentence() => MergeEngineProcess.Run("report", directory["none.json"]).Refused(1, "none.json");

    private (string Page, string Table) Render(ExperimentResult result)
    {
        string results = directory.Write("results.json", ExperimentJson.Write(result));
        Outcome outcome = MergeEngineProcess.Run("report", results, "--html", directory["report.html"]).Succeeded();
        Assert.Equal(["report.html", "results.json"], Directory.GetFiles(directory.Path).Select(Path.GetFileName).Order());
        return (File.ReadAllText(directory["report.html"]), outcome.Output);
    }

    [GeneratedRegex("<svg.*?</svg>", RegexOptions.Singleline)]
    private static partial Regex Svg();

    [GeneratedRegex("<td[^>]*>([^<]*)</td>")]
    private static partial Regex Cell();
}
