using System.Text.Json.Serialization;

namespace MergeEngine.Merging.Streaming.Planning.Reports;

/// <summary>What <c>--dry-run</c> shows of a merge: every output tensor with all that decides it, and what the merge will cost.</summary>
/// <param name="Method">The method in recipes.</param>
/// <param name="Dialect">Its arithmetic.</param>
/// <param name="Seed">Seed of everything random.</param>
/// <param name="Inputs">The checkpoints, in the order in which tensors refer to them.</param>
/// <param name="Tensors">The output's tensors in the order of processing; each is described when it is asked for, as there may be very many.</param>
/// <param name="Totals">Sums over them.</param>
/// <param name="Notes">What the reader of a plan should know, one line each.</param>
public sealed record PlanReport(string Method, string Dialect, ulong Seed, IReadOnlyList<PlannedInput> Inputs, IReadOnlyList<TensorReport> Tensors, PlanTotals Totals, IReadOnlyList<string> Notes);

/// <summary>A checkpoint that is read.</summary>
/// <param name="Path">As the recipe has it.</param>
/// <param name="Files">Number of weight files.</param>
/// <param name="Tensors">Number of its tensors.</param>
/// <param name="Bytes">Bytes of all its tensors.</param>
/// <param name="ReadBytes">Bytes that one pass reads of it; a tensor that serves twice counts twice.</param>
public sealed record PlannedInput(string Path, int Files, int Tensors, long Bytes, long ReadBytes);

/// <summary>One output tensor.</summary>
/// <param name="Name">Its name in the output.</param>
/// <param name="DType">What it is stored as, as a header has it.</param>
/// <param name="Shape">Its dimensions.</param>
/// <param name="Bytes">Bytes of its values in the output.</param>
/// <param name="Method">How it is made: the method's name, or <c>copy</c>.</param>
/// <param name="Parameters">Parameters that hold for all models, as a recipe would write them.</param>
/// <param name="Sources">What it is made of.</param>
/// <param name="Statistics">Whether the method reads the inputs for statistics before the pass that merges.</param>
/// <param name="LeastMemory">What the tensor cannot do without, the program apart: one unit of every input and of the output in float32, and what the method holds beside them.</param>
public sealed record TensorReport(
    string Name, [property: JsonPropertyName("dtype")] string DType, IReadOnlyList<long> Shape, long Bytes, string Method, IReadOnlyDictionary<string, string> Parameters,
    IReadOnlyList<SourceReport> Sources, bool Statistics, long LeastMemory);

/// <summary>One input of a tensor.</summary>
/// <param name="Input">Index of the checkpoint among the report's inputs.</param>
/// <param name="Tensor">The tensor's name there.</param>
/// <param name="Stored">The type in the file.</param>
/// <param name="Read">The type that values are rounded to before the merge.</param>
/// <param name="Base">Whether it is the base.</param>
/// <param name="Parameters">Parameters of this model.</param>
public sealed record SourceReport(int Input, string Tensor, string Stored, string Read, bool Base, IReadOnlyDictionary<string, string> Parameters);

/// <summary>What the merge costs.</summary>
/// <param name="Tensors">Number of output tensors.</param>
/// <param name="Merged">Those that the method makes; the others are copied.</param>
/// <param name="OutputBytes">Bytes of the output's tensors, headers apart.</param>
/// <param name="ReadBytes">Bytes that the pass which merges reads.</param>
/// <param name="StatisticsBytes">Bytes of the inputs of tensors that are looked at for statistics before they are merged.</param>
/// <param name="UsualPasses">Passes over a tensor as a rule, with those for statistics over the whole model, of which there may be fewer.</param>
/// <param name="Passes">Most passes over a tensor that there may be.</param>
/// <param name="AllReadBytes">Bytes that all of the usual passes read from the disk; a tensor of a usual size comes from it once and then from the system's cache, but for statistics over the whole model in each pass.</param>
/// <param name="MemoryLimit">Bytes that the process may hold.</param>
/// <param name="PeakMemory">Estimate of the bytes that it will hold, the program itself included.</param>
/// <param name="LeastMemory">The smallest limit that is kept to; never more than the peak.</param>
public sealed record PlanTotals(
    int Tensors, int Merged, long OutputBytes, long ReadBytes, long StatisticsBytes, int UsualPasses, int Passes, long AllReadBytes, long MemoryLimit, long PeakMemory, long LeastMemory);
