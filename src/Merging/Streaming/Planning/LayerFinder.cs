using System.Globalization;
using System.Text.RegularExpressions;
using MergeEngine.Merging.Analysis;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Planning;

/// <summary>Finds the layer of a tensor from its name: by the usual names, or by the user's pattern.</summary>
internal sealed class LayerFinder
{
    // No network has more; a number from a hostile file must not become a count of layers.
    private const int MostLayers = 100_000;

    private readonly Regex? _pattern;

    /// <exception cref="PlanningException">The pattern is none, or has no group.</exception>
    public LayerFinder(string? pattern)
    {
        if (pattern is null) return;
        try
        {
            // Without backtracking, no name can make a pattern slow.
            _pattern = new Regex(pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw new PlanningException([$"The pattern of layers {Quoting.Quote(pattern)} is no usable regular expression: {e.Message.TrimEnd('.')}."]);
        }

        if (_pattern.GetGroupNumbers().Length < 2)
            throw new PlanningException([$"The pattern of layers {Quoting.Quote(pattern)} needs a group around the layer's number, such as stage\\.(\\d+)\\."]);
    }

    public LayerPlace? Find(string name)
    {
        LayerPlace? place = _pattern is null ? LayerName.Find(name) : Match(name);
        return place is { Number: < MostLayers } ? place : null;
    }

    private LayerPlace? Match(string name)
    {
        Group group = _pattern!.Match(name).Groups[1];
        return group.Success && int.TryParse(group.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? new LayerPlace(name[..group.Index], number, name[(group.Index + group.Length)..])
            : null;
    }
}
