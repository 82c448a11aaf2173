using MergeEngine.Tensors.Cpu.Probes;

namespace MergeEngine.Cli.Reports;

/// <summary>What <c>bench</c> measured.</summary>
internal sealed record BenchReport(int Threads, int VectorBits, IReadOnlyList<KernelRate> Kernels);
