using MergeEngine.Merging.Analysis;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Methods;

/// <summary>Which elements of a layout share a coefficient: all of them, those of a layer, or those of a tensor.</summary>
public sealed class CoefficientGroups
{
    private readonly string[] _names;
    private readonly (long Start, long End, int Group)[] _runs;

    private CoefficientGroups(ParameterLayout layout, Func<Parameter, string> groupOf)
    {
        Layout = layout;
        var numbers = new Dictionary<string, int>(StringComparer.Ordinal);
        var runs = new List<(long Start, long End, int Group)>();
        foreach (Parameter parameter in layout.Parameters)
        {
            string name = groupOf(parameter);
            if (!numbers.TryGetValue(name, out int group)) numbers.Add(name, group = numbers.Count);
            // The gap behind a parameter is zero in every vector, so that neighbours are one stretch.
            long end = parameter.Offset + parameter.Length;
            if (runs.Count > 0 && runs[^1].Group == group) runs[^1] = runs[^1] with { End = end };
            else runs.Add((parameter.Offset, end, group));
        }

        _names = [.. numbers.Keys];
        _runs = [.. runs];
    }

    public ParameterLayout Layout { get; }

    /// <summary>What the groups are called, in the order of their first parameters.</summary>
    public IReadOnlyList<string> Names => _names;

    public int Count => _names.Length;

    /// <summary>Stretches of elements that lie side by side and share a coefficient, in order.</summary>
    internal ReadOnlySpan<(long Start, long End, int Group)> Runs => _runs;

    /// <summary>One coefficient a task: AdaMerging's task-wise form, and plain task arithmetic.</summary>
    public static CoefficientGroups Whole(ParameterLayout layout) => new(layout, static _ => "all");

    /// <summary>One for each layer of a task, as <see cref="LayerName"/> finds it in the names, and one for what stands outside of the layers.</summary>
    public static CoefficientGroups Layers(ParameterLayout layout) => new(layout, static parameter =>
        LayerName.Find(parameter.Name) is { } place ? new LayerPlace(place.Stack, place.Number, "").Name : "outside");

    /// <summary>One for each tensor of a task: what the authors' code of AdaMerging calls layer-wise.</summary>
    public static CoefficientGroups Tensors(ParameterLayout layout) => new(layout, static parameter => parameter.Name);
}
