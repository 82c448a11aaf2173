using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Vocabularies.Reading;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Vocabularies;

/// <summary>Finds the vocabularies of a recipe's models, and the one that the output begins with.</summary>
internal sealed class VocabularySources(Recipe recipe, ModelSet models, PlanOptions options, PlanFindings findings)
{
    private readonly VocabularyReader _reader = new();

    /// <summary>What was found.</summary>
    /// <param name="Models">The models that are merged, in the recipe's order.</param>
    /// <param name="Base">Index of the recipe's base among them; −1 where there is none.</param>
    /// <param name="Start">What the output's vocabulary begins with; it need not be merged.</param>
    /// <param name="Donor">The model whose config the output takes.</param>
    public sealed record Found(IReadOnlyList<VocabularyModel> Models, int Base, VocabularyModel Start, VocabularyModel Donor);

    /// <returns>Null if there are problems.</returns>
    public Found? Read(TokenizerSettings settings)
    {
        ModelReference first = recipe.BaseModel ?? recipe.Models[0], start = settings.Source is VocabularySource.Model ? settings.Model! : first;
        var own = new Dictionary<ModelReference, Vocabulary?>();
        bool isRead = true;
        foreach (ModelReference model in recipe.Models.Append(start)) isRead &= own.ContainsKey(model) || TryRead(model, own);
        // A base that no slice lists matters only where a model lacks a tokenizer.
        if (isRead && own.ContainsValue(null) && !own.ContainsKey(first)) isRead = TryRead(first, own);
        if (!isRead || Start(start, own, settings) is not { } begins) return null;
        var merged = new List<VocabularyModel>();
        foreach (ModelReference model in recipe.Models)
        {
            if ((own[model] ?? own.GetValueOrDefault(first)) is not { } vocabulary)
            {
                findings.Problem($"{settings.Place}: {model} has no tokenizer{(model == first ? "" : $", and neither has {first}, whose tokenizer it would be taken to have")}; expected {Expected}.");
                continue;
            }

            if (own[model] is null) findings.Note($"{model} has no tokenizer and is taken to have that of {first}.");
            merged.Add(new VocabularyModel(model, DirectoryOf(model), vocabulary, RowsOf(models[model])));
        }

        if (merged.Count < recipe.Models.Count) return null;
        int donor = Math.Max(0, merged.FindIndex(m => m.Reference == recipe.Donor));
        return new Found(merged, recipe.BaseModel is null ? -1 : merged.FindIndex(m => m.Reference == recipe.BaseModel), begins, merged[donor]);
    }

    private VocabularyModel? Start(ModelReference model, Dictionary<ModelReference, Vocabulary?> own, TokenizerSettings settings)
    {
        if (own[model] is { } vocabulary) return new VocabularyModel(model, DirectoryOf(model), vocabulary, models.Has(model) ? RowsOf(models[model]) : long.MaxValue);
        findings.Problem($"{settings.Place}: {model} has no tokenizer, expected {Expected}.");
        return null;
    }

    private bool TryRead(ModelReference model, Dictionary<ModelReference, Vocabulary?> own)
    {
        try
        {
            own[model] = _reader.Read(DirectoryOf(model));
            return true;
        }
        catch (IOException e)
        {
            findings.FileProblem(e.Message);
            return false;
        }
    }

    private static string Expected => $"a {TokenizerFiles.TokenizerJson}, {TokenizerFiles.VocabJson} or {TokenizerFiles.VocabText} beside its weights";

    private string DirectoryOf(ModelReference model)
    {
        string path = model.IsDocument ? options.Documents.GetValueOrDefault(model.Path, model.Path) : model.Path;
        return TokenizerFiles.DirectoryOf(Path.Combine(options.WorkingDirectory, path));
    }

    /// <summary>The fewest rows of a model's tensors with a row per token; any number where it has none.</summary>
    private static long RowsOf(ModelTensors model) =>
        model.Names.Where(TensorRoles.HasRowPerToken)
            .Select(n => model.TryGet(n, out TensorEntry? entry) && entry.Shape.Rank > 0 ? TokenTensor.RowsOf(n, entry.Shape) : long.MaxValue).DefaultIfEmpty(long.MaxValue).Min();
}
