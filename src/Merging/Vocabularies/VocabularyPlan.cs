using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Vocabularies.Rows;
using MergeEngine.Merging.Vocabularies.Writing;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Vocabularies;

/// <summary>The vocabulary that a recipe's <c>tokenizer</c> asks for, and what follows from it for embeddings and heads.</summary>
internal sealed class VocabularyPlan
{
    private readonly TokenOwners _owners;
    private readonly long[] _rows;
    private readonly Dictionary<string, RowMap> _maps = new(StringComparer.Ordinal);
    private readonly Dictionary<int, RowMap> _ownMaps = [];

    private VocabularyPlan(OutputVocabulary output, IReadOnlyList<ModelTensors> tensors, long[] rows, TokenOwners owners) => (Output, Tensors, _rows, _owners) = (output, tensors, rows, owners);

    public OutputVocabulary Output { get; }

    /// <summary>The models with their rows, in the recipe's order.</summary>
    public IReadOnlyList<ModelTensors> Tensors { get; }

    /// <summary>Settles the vocabulary.</summary>
    /// <returns>Null if there are problems.</returns>
    public static VocabularyPlan? Create(Recipe recipe, ModelSet models, PlanOptions options, PlanFindings findings)
    {
        TokenizerSettings settings = recipe.Tokenizer!;
        var sources = new VocabularySources(recipe, models, options, findings);
        if (sources.Read(settings) is not { } read) return null;
        OutputTokens tokens = OutputTokens.Create(settings, read.Start.Vocabulary, read.Start.Rows, read.Models);
        var owners = new TokenOwners(settings, tokens, read.Models, read.Base, findings);
        if (tokens.Rows == 0)
        {
            findings.Problem($"{settings.Place}: no token of {read.Start.Title} has a row in its embeddings.");
            return null;
        }

        long rows = settings.PadToMultipleOf is { } multiple ? (tokens.Rows + multiple - 1L) / multiple * multiple : tokens.Rows;
        try
        {
            IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files = TokenizerOutput.Write(read.Start.Directory, tokens, read.Models, findings);
            NoteOf(read, tokens, rows, owners, findings);
            return new VocabularyPlan(new OutputVocabulary(rows, files, NewIds(read.Donor, tokens)), [.. read.Models.Select(m => models[m.Reference])], [.. read.Models.Select(m => m.Rows)], owners);
        }
        catch (IOException e)
        {
            findings.Problem(e.Message);
            return null;
        }
    }

    /// <summary>A tensor with a row per token; null for all others.</summary>
    /// <param name="output">Its name.</param>
    /// <param name="like">The tensor of one model.</param>
    /// <exception cref="VocabularyException">Its rows are too large.</exception>
    public TokenTensor? TensorOf(string output, TensorEntry like) =>
        like.Shape.Rank > 0 && TensorRoles.HasRowPerToken(output) ? TokenTensor.Create(this, output, like) : null;

    /// <summary>Whether a tensor has a row for each of a model's embedding rows, while rows move.</summary>
    public bool HasAsManyRows(ModelTensors model, TensorEntry entry) =>
        entry.Shape.Rank > 0 && _rows[IndexOf(model)] == entry.Shape[0] && (_rows.Distinct().Count() > 1 || Tensors.Index().Any(t => !MapOf(t.Index, [.. Tensors.Select(_ => true)]).IsIdentity));

    public int IndexOf(ModelTensors model) => Tensors.Index().First(t => ReferenceEquals(t.Item, model)).Index;

    /// <summary>A model's tensor of an output's name, or what stands in for it.</summary>
    public TensorEntry? Find(int model, string output) =>
        Tensors[model].TryGet(output, out TensorEntry? entry) || (Tensors[model].StandInFor(output) is { } other && Tensors[model].TryGet(other, out entry)) ? entry : null;

    /// <summary>Where a model's rows come from, if only some models have the tensor.</summary>
    public RowMap MapOf(int model, bool[] has)
    {
        string key = $"{model}:{string.Concat(has.Select(h => h ? '1' : '0'))}";
        if (!_maps.TryGetValue(key, out RowMap? map)) _maps.Add(key, map = _owners.MapOf(model, has, Output.Rows));
        return map;
    }

    public RowMap OwnMapOf(int model)
    {
        if (!_ownMaps.TryGetValue(model, out RowMap? map)) _ownMaps.Add(model, map = _owners.OwnMapOf(model, Output.Rows));
        return map;
    }

    private static Dictionary<int, int> NewIds(VocabularyModel donor, OutputTokens tokens)
    {
        var ids = new Dictionary<int, int>(donor.Vocabulary.Tokens.Count);
        foreach ((string token, int id) in donor.Vocabulary.Tokens)
        {
            if (tokens.Ids.TryGetValue(token, out int now)) ids.Add(id, now);
        }

        return ids;
    }

    private static void NoteOf(VocabularySources.Found read, OutputTokens tokens, long rows, TokenOwners owners, PlanFindings findings)
    {
        string text = $"The vocabulary begins with the {tokens.Ids.Count - tokens.NewOrdinary.Count - tokens.NewAdded.Count} tokens of {read.Start.Title}";
        if (tokens.Removed > 0) text += $", without {Counting.Of(tokens.Removed, "that has", "that have")} no row in its embeddings";
        if (tokens.NewOrdinary.Count > 0) text += $", then {Counting.Of(tokens.NewOrdinary.Count, "ordinary token")}";
        if (tokens.NewAdded.Count > 0) text += $", then {Counting.Of(tokens.NewAdded.Count, "added token")}";
        long filling = owners.Holes + rows - tokens.Rows;
        findings.Note($"{text}; {Counting.Of(rows, "row")}{(filling > 0 ? $", of which {Counting.Of(filling, "has no token and is", "have no token and are")} the mean of the others" : "")}.");
        foreach (VocabularyModel model in read.Models)
        {
            int lost = model.Vocabulary.Tokens.Count(t => t.Value < model.Rows && !tokens.Ids.ContainsKey(t.Key));
            if (lost > 0) findings.Note($"{model.Title}: {lost} of its tokens are not in the vocabulary of the output, and their rows are left out.");
        }
    }
}
