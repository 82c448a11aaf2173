using MergeEngine.Tensors.Probes;

namespace MergeEngine.Cli.Reports;

/// <summary>What <c>bench gemm</c> and <c>bench elementwise</c> measured.</summary>
internal sealed record BenchReport(string Device, string Description, string Precision, IReadOnlyList<KernelRate> Kernels);
