using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Parameters;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Tensors;

namespace MergeEngine.Benchmarks.Merging;

/// <summary>A merging method with usual parameters.</summary>
/// <param name="Method">Its name in recipes.</param>
/// <param name="PerModel">Parameters of each model, as YAML.</param>
/// <param name="Shared">Parameters of all, as YAML.</param>
internal sealed record MergeCase(string Method, string PerModel, string Shared)
{
    /// <summary>The plainest first.</summary>
    public static IReadOnlyList<MergeCase> All { get; } =
    [
        new("linear", "weight: 0.3", ""), new("task_arithmetic", "weight: 0.3", ""), new("ties", "weight: 0.3, density: 0.2", ""), new("dare_linear", "weight: 0.3, density: 0.2", ""),
        new("dare_ties", "weight: 0.3, density: 0.2", ""), new("breadcrumbs", "weight: 0.3, density: 0.9, gamma: 0.01", ""), new("della", "weight: 0.3, density: 0.5, epsilon: 0.1", ""),
        new("sce", "", "select_topk: 0.1"), new("model_stock", "", ""), new("karcher", "", ""), new("ram", "", ""), new("ramplus_tl", "", ""), new("multislerp", "weight: 0.3", ""), new("magmax", "", "lambda: 0.5"),
    ];

    public override string ToString() => Method;

    /// <summary>One call merges all tensors, each as one chunk.</summary>
    /// <param name="models">What to merge.</param>
    /// <param name="around">Gets the number and the work of every pass, and must run it; null runs them plainly.</param>
    public Action Prepare(TensorModels models, Action<int, Action>? around = null)
    {
        TensorMethod implementation = TensorMethods.Find(Method) ?? throw new InvalidOperationException(Method);
        bool hasBase = Method is not ("linear" or "karcher" or "multislerp");
        string text = $"merge_method: {Method}\n" + (hasBase ? "base_model: models/base\n" : "") + "models:\n"
            + string.Concat(Enumerable.Range(0, TensorModels.Count).Select(k => $"- model: models/m{k}\n" + (PerModel.Length > 0 ? $"  parameters: {{{PerModel}}}\n" : "")))
            + (Shared.Length > 0 ? $"parameters: {{{Shared}}}\n" : "");
        RecipeSlice slice = RecipeFile.Parse(text, "bench.yml", _ => true).Recipes[0].Modules[0].Slices[0];
        TensorParameters parameters = slice.At(new TensorPlace("w", null, LayerPosition.Outside));
        return () =>
        {
            foreach (ModelTensor tensor in models.Tensors)
            {
                DeviceSpan<float>[] inputs = slice.Sources.Count == tensor.Inputs.Length ? tensor.Inputs : tensor.WithoutBase;
                using TensorMerge merge = implementation.Begin(new TensorTask(models.Device, tensor.Name, tensor.Shape, inputs.Length, slice.BaseIndex ?? -1, parameters, 7));
                if (around is null) Run(merge, inputs, tensor.Output);
                else Run(merge, inputs, tensor.Output, around);
            }
        };
    }

    private static void Run(TensorMerge merge, DeviceSpan<float>[] inputs, DeviceSpan<float> output)
    {
        while (merge.NeedsPass)
        {
            merge.Accumulate(new TensorChunk(0, inputs, default));
            merge.CompletePass();
        }

        merge.Map(new TensorChunk(0, inputs, output));
    }

    private static void Run(TensorMerge merge, DeviceSpan<float>[] inputs, DeviceSpan<float> output, Action<int, Action> around)
    {
        int pass = 0;
        for (; merge.NeedsPass; pass++)
        {
            around(pass, () =>
            {
                merge.Accumulate(new TensorChunk(0, inputs, default));
                merge.CompletePass();
            });
        }

        around(pass, () => merge.Map(new TensorChunk(0, inputs, output)));
    }
}
