using MergeEngine.Merging.Analysis;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Parameters;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Planning;

/// <summary>Works out the output tensors of one module of a recipe from the names of its models' tensors.</summary>
internal sealed class ModulePlanner(RecipeModule module, Func<string, bool> covers, ModelSet models, LayerFinder finder, PlanFindings findings)
{
    public IEnumerable<PlacedTensor> Place() => module.IsSliced ? Stacked() : Whole(module.Slices[0]);

    /// <summary>All tensors of all models; each stack of layers has its own count, which gradients run over.</summary>
    private IEnumerable<PlacedTensor> Whole(RecipeSlice slice)
    {
        ModelTensors[] sources = [.. slice.Sources.Select(s => models[s.Model])];
        foreach (string name in NamesOf(sources))
        {
            string[] inputs = new string[sources.Length];
            Array.Fill(inputs, name);
            yield return new PlacedTensor(name, slice, inputs, PositionOf(name, sources));
        }
    }

    private double PositionOf(string name, ModelTensors[] sources)
    {
        if (!finder.TryFind(name, out ReadOnlySpan<char> stack, out int number)) return LayerPosition.Outside;
        int layers = 0;
        foreach (ModelTensors source in sources) layers = Math.Max(layers, source.LayersOf(stack));
        return LayerPosition.Of(number, layers);
    }

    /// <summary>
    /// The slices' layers one behind the other, numbered anew; what stands before the layers comes from the models of the first slice, what stands behind
    /// them from those of the last.
    /// </summary>
    private List<PlacedTensor> Stacked()
    {
        var placed = new List<PlacedTensor>();
        ModelTensors[][] sources = [.. module.Slices.Select(s => s.Sources.Select(x => models[x.Model]).ToArray())];
        string[] stacks = [.. NamesOf([.. sources.SelectMany(s => s)]).Select(finder.Find).OfType<LayerPlace>().Select(p => p.Stack).Distinct()];
        if (stacks.Length != 1)
        {
            string models = string.Join(", ", sources.SelectMany(s => s).Select(m => m.Title).Distinct());
            findings.Problem(stacks.Length == 0
                ? $"{module.Place}: slices need layers, and no tensor of {models} has a layer's number in its name; --layers says where it stands."
                : $"{module.Place}: slices stack the layers of one part of a model, and {models} has {stacks.Length} parts with layers ({Quoting.QuoteSome(stacks)}); 'modules' names them.");
            return placed;
        }

        string stack = stacks[0];
        if (!RangesFit(stack)) return placed;
        AddOutside(placed, sources[0], module.Slices[0], before: true);
        int offset = 0;
        for (int s = 0; s < module.Slices.Count; s++)
        {
            AddLayers(placed, sources[s], module.Slices[s], stack, offset);
            offset += module.Slices[s].Layers!.Value;
        }

        AddOutside(placed, sources[^1], module.Slices[^1], before: false);
        NoteUnused(stack);
        return placed;
    }

    private bool RangesFit(string stack)
    {
        bool fit = true;
        foreach (RecipeSource source in module.Slices.SelectMany(s => s.Sources))
        {
            int layers = models[source.Model].LayersOf(stack);
            if (source.Layers!.Value.End <= layers) continue;
            fit = false;
            findings.Problem($"{source.Place}: 'layer_range' [{source.Layers.Value.Start}, {source.Layers.Value.End}] goes beyond {models[source.Model].Title}, which has {Counting.Of(layers, "layer")} {Quoting.Quote(stack + "N")}.");
        }

        return fit;
    }

    private void AddOutside(List<PlacedTensor> placed, ModelTensors[] sources, RecipeSlice slice, bool before)
    {
        foreach (string name in NamesOf(sources).Where(n => finder.Find(n) is null && TensorRoles.IsBeforeLayers(n) == before))
            placed.Add(new PlacedTensor(name, slice, [.. sources.Select(_ => name)], LayerPosition.Outside));
    }

    private void AddLayers(List<PlacedTensor> placed, ModelTensors[] sources, RecipeSlice slice, string stack, int offset)
    {
        int layers = slice.Layers!.Value;
        // What any source has in each of the slice's layers.
        var rests = new SortedDictionary<int, SortedSet<string>>();
        for (int s = 0; s < sources.Length; s++)
        {
            LayerRange range = slice.Sources[s].Layers!.Value;
            foreach (LayerPlace place in sources[s].Names.Where(covers).Select(finder.Find).OfType<LayerPlace>())
            {
                if (place.Number < range.Start || place.Number >= range.End) continue;
                if (!rests.TryGetValue(place.Number - range.Start, out SortedSet<string>? inLayer)) rests.Add(place.Number - range.Start, inLayer = new SortedSet<string>(StringComparer.Ordinal));
                inLayer.Add(place.Rest);
            }
        }

        foreach ((int i, SortedSet<string> inLayer) in rests)
        {
            foreach (string rest in inLayer)
            {
                string[] inputs = [.. slice.Sources.Select(s => new LayerPlace(stack, s.Layers!.Value.Start + i, rest).Name)];
                placed.Add(new PlacedTensor(new LayerPlace(stack, offset + i, rest).Name, slice, inputs, LayerPosition.Of(i, layers)));
            }
        }
    }

    private void NoteUnused(string stack)
    {
        foreach (IGrouping<ModelReference, RecipeSource> model in module.Slices.SelectMany(s => s.Sources).GroupBy(s => s.Model))
        {
            int[] unused = [.. Enumerable.Range(0, models[model.Key].LayersOf(stack)).Where(n => !model.Any(s => n >= s.Layers!.Value.Start && n < s.Layers.Value.End))];
            if (unused.Length > 0) findings.Note($"{models[model.Key].Title}: no slice takes the {(unused.Length == 1 ? "layer" : "layers")} {string.Join(", ", unused.Take(20))}{(unused.Length > 20 ? ", …" : "")} of {Quoting.Quote(stack + "N")}.");
        }

        if (module.Slices.Count > 1) findings.Note($"What stands before the layers {Quoting.Quote(stack + "N")} is that of the first slice, what stands behind them that of the last.");
    }

    private IEnumerable<string> NamesOf(ModelTensors[] sources) =>
        sources.All(s => ReferenceEquals(s.Names, sources[0].Names)) ? sources[0].Names.Where(covers) : sources.Distinct().SelectMany(m => m.Names).Where(covers).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);
}
