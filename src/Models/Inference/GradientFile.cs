using System.Globalization;
using MergeEngine.Models.Training;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Inference;

/// <summary>A task's gradient as a safetensors file: one F32 tensor a parameter under the checkpoint's own names.</summary>
public static class GradientFile
{
    /// <summary>What a reduction is called in metadata and on the command line.</summary>
    public static string NameOf(GradientReduction reduction) => reduction == GradientReduction.Sum ? "mean" : "abs-per-sample";

    /// <summary>The reduction of a name.</summary>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public static GradientReduction Parse(string name) => name switch
    {
        "mean" => GradientReduction.Sum,
        "abs-per-sample" => GradientReduction.AbsolutePerSample,
        _ => throw new ArgumentException($"There is no reduction '{name}', expected mean or abs-per-sample.", nameof(name)),
    };

    /// <summary>The tensors of vectors whose layouts have no name in common.</summary>
    public static IReadOnlyList<TensorContent> ToTensors(params IEnumerable<ParameterVector> vectors) =>
        [.. vectors.SelectMany(vector => vector.Layout.Parameters.Select(p => TensorContent.FromFloat32(p.Name, p.Shape, vector.Download(p.Name))))];

    /// <summary>Says in the file's metadata what the gradient is: <c>reduction</c>, <c>samples</c>, <c>loss</c>.</summary>
    public static IReadOnlyDictionary<string, string> Describe(GradientReduction reduction, GradientEstimate estimate) => new Dictionary<string, string>
    {
        ["reduction"] = NameOf(reduction),
        ["samples"] = estimate.Samples.ToString(CultureInfo.InvariantCulture),
        ["loss"] = estimate.Loss.ToString("R", CultureInfo.InvariantCulture),
    };
}
