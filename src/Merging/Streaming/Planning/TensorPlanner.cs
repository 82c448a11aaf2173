using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.Recipes.Parameters;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Merging.Vocabularies;
using MergeEngine.Merging.Yaml;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Planning;

/// <summary>Settles one output tensor: which models have it, under which name, in which type and shape, and what stands in where one lacks it.</summary>
internal sealed partial class TensorPlanner(
    Recipe recipe, ModelSet models, ParameterFiles files, VocabularyPlan? vocabulary, LayerFinder finder, bool truncate, TensorMethod method, PlanFindings findings)
{
    private TensorParameters? _last;

    /// <summary>A source that has the tensor.</summary>
    private readonly record struct Found(int Index, ModelTensors Model, TensorEntry Entry);

    /// <summary>The job, or null where there is none: a problem or a note says why.</summary>
    public TensorJob? Plan(PlacedTensor tensor)
    {
        RecipeSlice slice = tensor.Slice;
        var found = new List<Found>(slice.Sources.Count);
        List<int>? lacking = null;
        int? baseIndex = slice.BaseIndex;
        int baseAt = 0;
        for (int i = 0; i < slice.Sources.Count; i++)
        {
            if (Find(tensor, i) is { } source)
            {
                if (i == baseIndex) baseAt = found.Count;
                found.Add(source);
            }
            else
            {
                (lacking ??= []).Add(i);
            }
        }

        if (found.Count == 0) return null;
        Found chosen = found[baseAt];
        if (lacking is not null) return WithoutSome(tensor, found, lacking, chosen);
        if (found.Exists(f => !f.Entry.DType.IsArithmetic())) return Uncomputed(tensor, found, chosen);
        // A base without models takes no part in arithmetic.
        if (found.Count == 1 && slice.BaseIndex == 0 && !slice.Sources[0].IsInput) return Copy(tensor.Output, chosen.Model, chosen.Entry);
        TokenTensor? rows = RowsOf(tensor.Output, chosen.Entry);
        return CommonShape(tensor, found, chosen, rows) is { } shape && Parameters(tensor) is { } parameters ? Merge(tensor, found, shape, rows, parameters) : null;
    }

    /// <summary>One tensor as it is, but for a type that the recipe asks for.</summary>
    public TensorJob Copy(string output, ModelTensors model, TensorEntry entry)
    {
        bool casts = entry.DType.IsArithmetic();
        DType read = casts ? recipe.DType ?? entry.DType : entry.DType;
        TokenTensor? rows = RowsOf(output, entry);
        TensorSource source = rows?.SourceOf(model, entry, read) ?? model.SourceOf(entry, read);
        if (!casts && (source.Transform is not null || (rows is not null && rows.Shape != entry.Shape)))
            findings.Problem($"{model.Title}: the tensor {Quoting.Quote(entry.Name)} is {entry.DType.Name()}, whose rows cannot follow their tokens, expected F32, F16, BF16 or F64.");
        if (rows is null) NoteAdapted(model, entry, source);
        return new TensorJob(output, casts ? recipe.OutDType ?? read : read, rows?.Shape ?? entry.Shape, [source], -1, null, null);
    }

    private TensorJob Merge(PlacedTensor tensor, List<Found> found, Shape shape, TokenTensor? rows, TensorParameters parameters)
    {
        if (vocabulary is not null && rows is null && finder.Find(tensor.Output) is null && found.Find(f => vocabulary.HasAsManyRows(f.Model, f.Entry)) is { Model: not null } alike)
            findings.Note($"{Quoting.Quote(tensor.Output)} has as many rows as {alike.Model.Title} has tokens, but is no known embedding or head: its rows stay where they are.");
        DType read = recipe.DType ?? CommonType(found);
        var sources = new TensorSource[found.Count];
        for (int i = 0; i < sources.Length; i++) sources[i] = rows?.SourceOf(found[i].Model, found[i].Entry, read) ?? found[i].Model.SourceOf(found[i].Entry, read);
        if (rows is not null && found.Where((f, i) => f.Entry.DType is DType.F64 && sources[i].Transform is not null).Any())
            findings.Note($"{Quoting.Quote(tensor.Output)} is read as float32, as its rows follow their tokens.");
        for (int i = 0; rows is null && i < sources.Length; i++) NoteAdapted(found[i].Model, found[i].Entry, sources[i]);
        if (!method.HasFloat64 && read is DType.F64) findings.Note($"'{method.Name}' merges in float32, so tensors in F64 are read as float32.");
        return new TensorJob(
            tensor.Output, recipe.OutDType ?? read, shape, sources,
            tensor.Slice.BaseIndex ?? -1, method, parameters)
        { Position = tensor.T, Companions = Companions(tensor, found, shape, rows, parameters) };
    }

    private void NoteAdapted(ModelTensors model, TensorEntry entry, TensorSource source)
    {
        if (entry.DType is DType.F64 && source.Transform is not null) findings.Note($"{model.Title}: its adapter is applied in float32, so the tensors in F64 that it changes are read as float32.");
    }

    /// <summary>A file may call its tensors as the model's file does, or as the merge.</summary>
    private TensorSource?[] Companions(PlacedTensor tensor, List<Found> found, Shape shape, TokenTensor? rows, TensorParameters parameters)
    {
        MethodParameter? file = recipe.Method.PerModel.FirstOrDefault(p => p.Type is ParameterType.File);
        if (file is null) return [];
        var companions = new TensorSource?[found.Count];
        foreach (int source in parameters.Models)
        {
            if (parameters.File(file.Name, source) is not { } path || files.Find(path) is not { } checkpoint) continue;
            bool has = checkpoint.TryGet(found[source].Entry.Name, out TensorEntry? entry) || checkpoint.TryGet(tensor.Output, out entry);
            files.Ask(path, found[source].Entry.Name, has);
            if (entry is null) continue;
            Shape expected = rows is null ? shape : found[source].Entry.Shape;
            if (entry.Shape != expected) findings.Problem($"{path}: the tensor {Quoting.Quote(entry.Name)} has the shape {entry.Shape}, expected {expected} as in {found[source].Model.Title}.");
            else if (!entry.DType.IsArithmetic()) findings.Problem($"{path}: the tensor {Quoting.Quote(entry.Name)} is {entry.DType.Name()}, which cannot be computed with, expected F32, F16, BF16 or F64.");
            else companions[source] = rows?.CompanionOf(found[source].Model, checkpoint, entry) ?? new TensorSource(checkpoint, entry.Name, entry.DType);
        }

        return companions;
    }

    private Found? Find(PlacedTensor tensor, int source)
    {
        ModelTensors model = models[tensor.Slice.Sources[source].Model];
        string name = tensor.Inputs[source];
        if (model.TryGet(name, out TensorEntry? entry)) return new Found(source, model, entry);
        if (model.StandInFor(name) is not { } other || !model.TryGet(other, out entry)) return null;
        findings.Note($"{model.Title}: there is no {Quoting.Quote(name)}; {Quoting.Quote(other)} stands in for it, as in a model that ties the two.");
        return new Found(source, model, entry);
    }

    /// <summary>How rows follow tokens, where the recipe asks for it and the tensor has them.</summary>
    private TokenTensor? RowsOf(string output, TensorEntry entry)
    {
        try
        {
            return vocabulary?.TensorOf(output, entry);
        }
        catch (VocabularyException e)
        {
            findings.Problem(e.Message);
            return null;
        }
    }

    private Shape? CommonShape(PlacedTensor tensor, List<Found> found, Found reference, TokenTensor? tokens)
    {
        if (tokens is not null)
        {
            Found[] unlike = [.. found.Where(f => !TokenTensor.Fits(tensor.Output, f.Entry.Shape, reference.Entry.Shape))];
            foreach (Found source in unlike) findings.Problem(WrongShape(source, reference, reference.Entry.Shape, ", but for the number of rows"));
            return unlike.Length == 0 ? tokens.Shape : null;
        }

        Shape shape = reference.Entry.Shape;
        bool perToken = shape.Rank > 0 && TensorRoles.HasRowPerToken(tensor.Output), fits = true;
        long rows = perToken ? found.Min(f => f.Entry.Shape.Rank > 0 ? f.Entry.Shape[0] : 0) : 0;
        foreach (Found source in found)
        {
            if (source.Entry.Shape == shape) continue;
            bool onlyRows = perToken && source.Entry.Shape.Rank == shape.Rank && source.Entry.Shape.Dimensions[1..].SequenceEqual(shape.Dimensions[1..]);
            if (onlyRows && truncate) continue;
            fits = false;
            findings.Problem(WrongShape(source, reference, shape, onlyRows ? "; a 'tokenizer' in the recipe aligns vocabularies, and --unsafe-truncate-embeddings cuts to the fewer rows" : ""));
        }

        if (!fits) return null;
        if (!perToken || rows == found.Max(f => f.Entry.Shape[0])) return shape;
        findings.Note($"{Quoting.Quote(tensor.Output)} is cut to {(rows == 1 ? "the first row" : $"the first {rows} rows")}, which all models have.");
        long[] cut = [rows, .. shape.Dimensions[1..]];
        return new Shape(cut);
    }

    private static string WrongShape(Found source, Found reference, Shape expected, string remark) =>
        $"{source.Model.Title}: the tensor {Quoting.Quote(source.Entry.Name)} has the shape {source.Entry.Shape}, expected {expected} as in {reference.Model.Title}{remark}.";

    private TensorParameters? Parameters(PlacedTensor tensor)
    {
        try
        {
            TensorParameters found = tensor.Slice.At(new TensorPlace(tensor.Output, tensor.Inputs, tensor.T));
            // Those of most tensors are the same, and stand in memory once.
            return _last = _last is not null && found.HasValuesOf(_last) ? _last : found;
        }
        catch (YamlException e)
        {
            findings.ProblemAt(e);
            return null;
        }
    }

    private static DType CommonType(List<Found> found)
    {
        DType common = found[0].Entry.DType;
        foreach (Found source in found) common = CommonType(common, source.Entry.DType);
        return common;
    }

    /// <summary>The narrowest type that holds the values of both: bfloat16 and float16 need float32.</summary>
    private static DType CommonType(DType a, DType b) => a == b ? a : a is DType.F64 || b is DType.F64 ? DType.F64 : DType.F32;
}
