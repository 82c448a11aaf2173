using MergeEngine.Merging.Analysis;
using MergeEngine.Merging.Methods;

namespace MergeEngine.Cli.Reports;

/// <summary>What <c>analyze</c> found; NaN where a number does not exist, as the cosine with a zero vector.</summary>
internal sealed record AnalyzeReport(
    string Base,
    long Parameters,
    IReadOnlyList<string> Models,
    double[] Norm,
    double[][] Cosine,
    double[][] SignAgreement,
    double OverallSignAgreement)
{
    public static AnalyzeReport Of(TaskVectors vectors) => new(
        vectors.BaseName,
        vectors.Base.Layout.ParameterCount,
        vectors.Names,
        VectorGeometry.Norms(vectors),
        Rows(VectorGeometry.Cosines(vectors)),
        Rows(VectorGeometry.SignAgreement(vectors)),
        VectorGeometry.OverallSignAgreement(vectors));

    private static double[][] Rows(TaskMatrix matrix) =>
        [.. Enumerable.Range(0, matrix.Names.Count).Select(i => Enumerable.Range(0, matrix.Names.Count).Select(j => matrix[i, j]).ToArray())];
}
