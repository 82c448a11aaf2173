using System.Text.Json.Serialization;
using MergeEngine.Merging.Streaming.Probes;
using MergeEngine.Models.Probes;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Cli.Reports;

/// <summary>The JSON documents of commands that have no library type of their own. Numbers that are not finite, which JSON has not, are the texts <c>"NaN"</c>, <c>"Infinity"</c> and <c>"-Infinity"</c>.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(InspectReport))]
[JsonSerializable(typeof(InspectDatasetReport))]
[JsonSerializable(typeof(DiffReport))]
[JsonSerializable(typeof(VerifyReport))]
[JsonSerializable(typeof(DevicesReport))]
[JsonSerializable(typeof(AnalyzeReport))]
[JsonSerializable(typeof(WrittenReport))]
[JsonSerializable(typeof(EvaluateReport))]
[JsonSerializable(typeof(TuneReport))]
[JsonSerializable(typeof(BenchReport<ProductRate>), TypeInfoPropertyName = "ProductBench")]
[JsonSerializable(typeof(BenchReport<VectorRate>), TypeInfoPropertyName = "VectorBench")]
[JsonSerializable(typeof(BenchReport<PassTime>), TypeInfoPropertyName = "PassBench")]
[JsonSerializable(typeof(BenchReport<MergeRate>), TypeInfoPropertyName = "MergeBench")]
[JsonSerializable(typeof(ExtractLoraReport))]
[JsonSerializable(typeof(PretrainReport))]
[JsonSerializable(typeof(MergeReport))]
[JsonSerializable(typeof(DryRunReport))]
[JsonSerializable(typeof(MergeEngine.Merging.Experiments.ExperimentPlan))]
[JsonSerializable(typeof(MethodsReport))]
internal sealed partial class CliJson : JsonSerializerContext;
