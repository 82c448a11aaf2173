namespace MergeEngine.Benchmarks.Scaling;

/// <summary>One cost.</summary>
/// <param name="Panel">What changes: <c>batch</c>, <c>depth</c>, <c>width</c>, <c>merge</c> or <c>threads</c>.</param>
/// <param name="Series">What runs.</param>
/// <param name="X">Images, blocks, millions of parameters, or threads.</param>
/// <param name="Seconds">Of the best round.</param>
/// <param name="MedianSeconds">Of the median round.</param>
internal sealed record ScalingPoint(string Panel, string Series, double X, double Seconds, double MedianSeconds);

/// <summary>The straight line through the points of a series that is nearest by squares, relative to each point, so that small costs count as much as large ones.</summary>
/// <param name="Slope">Seconds for each unit.</param>
/// <param name="Intercept">Seconds that are spent whatever the size.</param>
/// <param name="Deviation">Largest distance of a point from the line, as a share of the point.</param>
internal sealed record ScalingLine(double Slope, double Intercept, double Deviation)
{
    /// <param name="points">Two at least, with different <see cref="ScalingPoint.X"/>.</param>
    public static ScalingLine Through(IReadOnlyList<ScalingPoint> points)
    {
        double weight = 0, x = 0, y = 0, xx = 0, xy = 0;
        foreach (ScalingPoint point in points)
        {
            double w = 1 / (point.Seconds * point.Seconds);
            weight += w;
            x += w * point.X;
            y += w * point.Seconds;
            xx += w * point.X * point.X;
            xy += w * point.X * point.Seconds;
        }

        double slope = ((weight * xy) - (x * y)) / ((weight * xx) - (x * x)), intercept = (y - (slope * x)) / weight;
        return new ScalingLine(slope, intercept, points.Max(p => Math.Abs((slope * p.X) + intercept - p.Seconds) / p.Seconds));
    }
}
