using System.CommandLine;
using System.CommandLine.Parsing;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports;
using MergeEngine.Cli.Reports.Tables;
using MergeEngine.Cli.Terminal;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Cli.Commands;

/// <summary><c>bench gemm</c> and <c>bench elementwise</c>: what kernels reach of the device's ceilings.</summary>
internal static class BenchKernels
{
    public static readonly Option<ProductShape[]?> Shapes = new("--shapes")
    {
        Description = "The products that 'gemm' measures, such as 400x3072x768 for [400, 768] by [3072, 768] transposed; squares and layers of ViT and BERT if left out.",
        HelpName = "MxNxK,…",
        CustomParser = result =>
        {
            var shapes = new List<ProductShape>();
            foreach (string text in result.Tokens is [Token token] ? token.Value.Split(',') : [])
            {
                if (ProductShape.TryParse(text, out ProductShape shape)) shapes.Add(shape);
                else result.AddError($"--shapes has '{text}', expected MxNxK with numbers from 1 to {ProductShape.Largest}, and commas between products.");
            }

            return [.. shapes];
        },
    };

    public static void RunProducts(CommandContext context, int rounds)
    {
        using var frame = new BenchFrame(context, "gemm");
        IReadOnlyList<ProductShape> shapes = context.Get(Shapes) is { Length: > 0 } given ? given : KernelThroughput.ProductShapes(frame.Device);
        List<ProductRate> rates = CommandContext.WithProgress("products", sink =>
        {
            var done = new List<ProductRate>();
            foreach (ProductRate rate in KernelThroughput.Products(frame.Device, shapes, rounds, context.Stop))
            {
                done.Add(rate);
                sink.Report($"{new ProductShape(rate.M, rate.N, rate.K)}", done.Count, shapes.Count);
            }

            return done;
        });
        context.Write(frame.Report(rates, peak: rates.Max(r => r.PeakGflops)), CliJson.Default.ProductBench, Print);
    }

    public static void RunPasses(CommandContext context, int rounds)
    {
        using var frame = new BenchFrame(context, "elementwise");
        VectorRate[] rates = [.. KernelThroughput.Elementwise(frame.Device, rounds, context.Stop)];
        context.Write(frame.Report(rates, copy: rates.Max(r => r.CopyGbps)), CliJson.Default.VectorBench, Print);
    }

    private static void Print(BenchReport<ProductRate> report, TextWriter output)
    {
        BenchFrame.PrintHead(report, output);
        TextTable table = new TextTable("m x n x k", "GFLOP/s", "median", "peak", "share (%)", "median (%)", "weights (GB/s)", "of the floor (%)", "packed (GB/s)", "of the floor (%)").AlignRight(1, 2, 3, 4, 5, 6, 7, 8, 9);
        foreach (ProductRate rate in report.Results)
        {
            table.Add(
                $"{new ProductShape(rate.M, rate.N, rate.K)}", Figures.Decimals(rate.Gflops, 1), Figures.Decimals(rate.MedianGflops, 1), Figures.Decimals(rate.PeakGflops, 0),
                Figures.Percent(100 * rate.Share), Figures.Percent(100 * rate.MedianShare), Gbps(rate.WeightsGbps), Share(rate.WeightsShare), Gbps(rate.PackedGbps),
                Share(rate.PackedShare));
        }

        table.Write(output);
        if (report.Results.Any(rate => rate.WeightsShare is not null))
            output.WriteLine("weights: another one for each product, from memory, as they are and packed before; floor: their bytes as fast as memory can be read, or the operations at the peak, whichever takes longer.");

        static string Gbps(double? value) => value is { } gbps ? Figures.Decimals(gbps, 1) : "";
        static string Share(double? value) => value is { } share ? Figures.Percent(100 * share) : "";
    }

    private static void Print(BenchReport<VectorRate> report, TextWriter output)
    {
        BenchFrame.PrintHead(report, output);
        TextTable table = new TextTable("pass", "GB/s", "median", "copy", "share (%)", "median (%)").AlignRight(1, 2, 3, 4, 5);
        foreach (VectorRate rate in report.Results)
        {
            table.Add(
                rate.Name, Figures.Decimals(rate.Gbps, 1), Figures.Decimals(rate.MedianGbps, 1), Figures.Decimals(rate.CopyGbps, 1), Figures.Percent(100 * rate.Share),
                Figures.Percent(100 * rate.MedianShare));
        }

        table.Write(output);
    }
}
