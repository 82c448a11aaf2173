using System.Text.RegularExpressions;
using System.Xml.Linq;
using MergeEngine.Benchmarks.Frame;
using MergeEngine.Benchmarks.Scaling;

namespace MergeEngine.Benchmarks.Tests.Scaling;

public sealed class ScalingTests
{
    [Fact]
    public void A_line_goes_through_points_that_lie_on_one()
    {
        var line = ScalingLine.Through([.. new[] { 1, 2, 5, 30 }.Select(x => Point(x, 0.25 + (0.5 * x)))]);
        Assert.Equal(0.5, line.Slope, 1e-12);
        Assert.Equal(0.25, line.Intercept, 1e-12);
        Assert.InRange(line.Deviation, 0, 1e-12);
    }

    [Fact]
    public void What_grows_with_the_square_is_far_from_a_line() =>
        Assert.InRange(ScalingLine.Through([.. new[] { 1, 2, 4, 8, 16 }.Select(x => Point(x, x * x))]).Deviation, 0.2, 100);

    [Fact]
    public void Every_panel_is_measured_and_drawn()
    {
        var sizes = new ScalingSizes
        {
            Side = 64,
            Width = 64,
            Layers = 1,
            Batches = [1, 2],
            Depths = [1, 2],
            Widths = [64, 128],
            Batch = 1,
            Tensors = [1, 2],
            TensorRows = 8,
            Product = 32,
            ThreadBatch = 2,
            Rounds = 2,
        };
        var heard = new List<ScalingPoint>();
        IReadOnlyList<ScalingPoint> points = new ScalingMeasurement(sizes, heard.Add).Run();
        Assert.Equal(points, heard);
        Assert.Equal(["batch", "depth", "width", "merge", "threads"], points.Select(p => p.Panel).Distinct());
        Assert.All(points, p => Assert.True(p.Seconds > 0 && p.MedianSeconds >= p.Seconds));
        Assert.All(points.GroupBy(p => (p.Panel, p.Series)).Where(s => s.Key.Panel != "threads"), series => Assert.Equal(2, series.Select(p => p.X).Distinct().Count()));

        string svg = ScalingChart.Draw(points);
        XElement root = XDocument.Parse(svg).Root!;
        Assert.Equal(5, root.Elements(root.Name).Count());
        Assert.InRange(svg.Length, 1000, 60_000);
        // Programs that know no variables, such as most converters, find a colour beside each.
        Assert.All(Regex.Matches(svg, @"(fill|stroke)(:|="")var\(").Select(match => svg[..match.Index]), before => Assert.Matches(@"(fill|stroke):#[0-9a-f]{6};$|fill=""#[0-9a-f]{6}"" style=""$", before[^40..]));
        Assert.DoesNotContain("http", svg.Replace("http://www.w3.org/2000/svg", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public void A_kept_table_can_be_drawn_again()
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("merge-engine-");
        try
        {
            string file = Path.Combine(directory.FullName, "kept.json");
            File.WriteAllText(file, """{"results": [{"panel": "batch", "series": "forward", "x": 1, "seconds": 0.5, "median_seconds": 1}, {"panel": "batch", "series": "forward", "x": 2, "seconds": 1, "median_seconds": 1}]}""");
            ScalingTable.Run(new SuiteOptions(["--from", file, "--save", directory.FullName], "--from"));
            Assert.Contains("within 0 % of a line", File.ReadAllText(Path.Combine(directory.FullName, "scaling.svg")), StringComparison.Ordinal);
            File.WriteAllText(file, "[]");
            Assert.Contains("kept.json", Assert.Throws<FormatException>(() => ScalingTable.Run(new SuiteOptions(["--from", file], "--from"))).Message, StringComparison.Ordinal);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData(null, "--from is 'FILE', which does not exist, expected the scaling.json of a run.")]
    [InlineData("", "FILE is no JSON document (line 1, byte 1), expected the scaling.json of a run.")]
    [InlineData("{\n  \"results\": [", "FILE is no JSON document (line 2, byte 15), expected the scaling.json of a run.")]
    [InlineData("[]", "FILE holds other JSON than the points of a run, expected its scaling.json.")]
    [InlineData("{\"results\": [{\"panel\": 1}]}", "FILE holds other JSON than the points of a run, expected its scaling.json.")]
    [InlineData("{\"results\": []}", "FILE has no points, expected the scaling.json of a run.")]
    public void A_file_that_is_no_kept_table_is_told_in_one_sentence(string? text, string expected)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("merge-engine-");
        try
        {
            string file = Path.Combine(directory.FullName, "kept.json");
            if (text is not null) File.WriteAllText(file, text);
            FormatException exception = Assert.Throws<FormatException>(() => ScalingTable.Run(new SuiteOptions(["--from", file], "--from")));
            Assert.Equal(expected.Replace("FILE", file, StringComparison.Ordinal), exception.Message);
            string where = Assert.Throws<FormatException>(() => ScalingTable.Run(new SuiteOptions(["--from", directory.FullName], "--from"))).Message;
            Assert.Equal($"--from is '{directory.FullName}', which is a directory, expected the scaling.json of a run.", where);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static ScalingPoint Point(double x, double seconds) => new("batch", "forward", x, seconds, seconds);
}
