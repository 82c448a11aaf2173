using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.Recipes.Parameters;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Planning;

/// <summary>Which entries <c>{filter, value}</c> of a recipe match no tensor: most likely a misspelt name, which would go unnoticed.</summary>
internal sealed class FilterUse
{
    private readonly Dictionary<ParameterCase, MethodParameter> _unmatched = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<ParameterScopes, List<ParameterCase>> _open = [];

    public FilterUse(Recipe recipe)
    {
        foreach (RecipeSlice slice in recipe.Modules.SelectMany(m => m.Slices))
        {
            Add(slice.Parameters, perModel: false);
            foreach (RecipeSource source in slice.Sources.Where(s => s.IsInput)) Add(source.Parameters, perModel: true);
        }
    }

    /// <summary>Takes note of a tensor: parameters of one model go by the names of that model's tensors, the others by those of the output.</summary>
    public void See(PlacedTensor tensor)
    {
        if (_unmatched.Count == 0) return;
        See(tensor.Slice.Parameters, tensor.Output);
        for (int i = 0; i < tensor.Slice.Sources.Count; i++) See(tensor.Slice.Sources[i].Parameters, tensor.Inputs[i]);
    }

    public void Report(PlanFindings findings)
    {
        foreach ((ParameterCase entry, MethodParameter parameter) in _unmatched.OrderBy(u => u.Key.Place.Line).ThenBy(u => u.Key.Place.Column))
            findings.Note($"{entry.Place}: the filter {Quoting.Quote(entry.Filter!)} of '{parameter.Name}' matches no tensor, so its entry has no effect.");
    }

    private void Add(ParameterScopes scopes, bool perModel)
    {
        var cases = new List<ParameterCase>();
        foreach ((MethodParameter parameter, ParameterCase entry) in scopes.Filters(perModel))
        {
            cases.Add(entry);
            _unmatched[entry] = parameter;
        }

        if (cases.Count > 0) _open[scopes] = cases;
    }

    private void See(ParameterScopes scopes, string name)
    {
        if (!_open.TryGetValue(scopes, out List<ParameterCase>? cases)) return;
        // The entries of a recipe are in the scopes of all its models; matched once, they are done with everywhere.
        cases.RemoveAll(c => !_unmatched.ContainsKey(c) || (c.Matches(name) && _unmatched.Remove(c)));
        if (cases.Count == 0) _open.Remove(scopes);
    }
}
