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
            throw new PlanningException([$"--layers is {Quoting.Quote(pattern)}, expected a usable regular expression: {e.Message.TrimEnd('.')}."]);
        }

        if (_pattern.GetGroupNumbers().Length < 2)
            throw new PlanningException([$"--layers is {Quoting.Quote(pattern)}, expected a group around the layer's number, such as stage\\.(\\d+)\\."]);
    }

    public LayerPlace? Find(string name) => TryFind(name, out int stack, out int end, out int number) ? new LayerPlace(name[..stack], number, name[end..]) : null;

    /// <summary>The stack and the number in it, without a copy of the name's parts.</summary>
    public bool TryFind(string name, out ReadOnlySpan<char> stack, out int number)
    {
        bool found = TryFind(name, out int length, out _, out number);
        stack = name.AsSpan(0, length);
        return found;
    }

    private bool TryFind(string name, out int stack, out int end, out int number) =>
        (_pattern is null ? LayerName.TryFind(name, out stack, out end, out number) : TryMatch(name, out stack, out end, out number)) && number < MostLayers;

    private bool TryMatch(string name, out int stack, out int end, out int number)
    {
        Group group = _pattern!.Match(name).Groups[1];
        (stack, end, number) = (group.Index, group.Index + group.Length, 0);
        return group.Success && int.TryParse(group.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }
}
