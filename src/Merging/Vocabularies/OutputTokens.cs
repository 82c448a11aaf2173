using MergeEngine.Merging.Recipes;

namespace MergeEngine.Merging.Vocabularies;

/// <summary>
/// The tokens of the output and their ids. They begin with those of one vocabulary, which keep their ids; tokens without an embedding row are taken from it. A union
/// goes on with the other models' ordinary tokens, by model and id, then their added tokens, by model and id; tokens that only the recipe names come last.
/// </summary>
internal sealed class OutputTokens
{
    private readonly Dictionary<string, int> _ids;
    private int _next;

    private OutputTokens(Vocabulary start, long limit)
    {
        Start = start;
        Limit = limit;
        _ids = new Dictionary<string, int>(start.Tokens.Count, StringComparer.Ordinal);
        foreach ((string token, int id) in start.Tokens)
        {
            if (id >= limit) continue;
            _ids.Add(token, id);
            _next = id + 1;
        }

        Removed = start.Tokens.Count - _ids.Count;
    }

    /// <summary>What they begin with.</summary>
    public Vocabulary Start { get; }

    /// <summary>Ids of <see cref="Start"/> from this on are not in the output.</summary>
    public long Limit { get; }

    /// <summary>Number of tokens that were taken from <see cref="Start"/>.</summary>
    public int Removed { get; }

    public IReadOnlyDictionary<string, int> Ids => _ids;

    /// <summary>The highest id and one.</summary>
    public int Rows => _next;

    /// <summary>Whether the output has a token.</summary>
    public bool Has(string token) => _ids.ContainsKey(token);

    /// <summary>Whether a token of <see cref="Start"/>, or of files beside it, stays with its id.</summary>
    public bool Keeps(string token) => !Start.Ids.TryGetValue(token, out int id) || id < Limit;

    /// <summary>Whether a token of <see cref="Start"/> lost its id; the output may have it again with another.</summary>
    public bool IsRemoved(string token) => !Keeps(token);

    /// <summary>Ordinary tokens that <see cref="Start"/> does not have, by id.</summary>
    public List<KeyValuePair<string, int>> NewOrdinary { get; } = [];

    /// <summary>Added tokens that it does not have, by id.</summary>
    public List<AddedToken> NewAdded { get; } = [];

    /// <param name="settings">What the recipe asks for.</param>
    /// <param name="start">The vocabulary to begin with.</param>
    /// <param name="rows">Rows of its embeddings.</param>
    /// <param name="models">The models in the recipe's order.</param>
    public static OutputTokens Create(TokenizerSettings settings, Vocabulary start, long rows, IReadOnlyList<VocabularyModel> models)
    {
        // A tokenizer that the recipe names is taken as it is.
        var tokens = new OutputTokens(start, settings.Source is VocabularySource.Model ? long.MaxValue : rows);
        if (settings.Source is VocabularySource.Union) tokens.AddAll(models);
        foreach (TokenRow row in settings.Tokens) tokens.AddNamed(row, models);
        return tokens;
    }

    private void AddAll(IReadOnlyList<VocabularyModel> models)
    {
        // A token that one model adds is an added one, whatever it is to the others.
        HashSet<string> added = models.SelectMany(m => m.Vocabulary.Added.Keys).ToHashSet(StringComparer.Ordinal);
        foreach (VocabularyModel model in models)
        {
            foreach ((string token, int id) in model.Vocabulary.Tokens)
            {
                if (id < model.Rows && !added.Contains(token) && _ids.TryAdd(token, _next)) NewOrdinary.Add(KeyValuePair.Create(token, _next++));
            }
        }

        foreach (VocabularyModel model in models)
        {
            foreach (AddedToken token in model.Vocabulary.Added.Values.OrderBy(t => t.Id))
            {
                if (token.Id < model.Rows) Add(token);
            }
        }
    }

    private void AddNamed(TokenRow row, IReadOnlyList<VocabularyModel> models)
    {
        if (_ids.ContainsKey(row.Token)) return;
        IEnumerable<VocabularyModel> first = models.Where(m => m.Reference == row.Model).Concat(models);
        Add(first.Select(m => m.Vocabulary.Added.GetValueOrDefault(row.Token)).FirstOrDefault(t => t is not null) ?? new AddedToken(row.Token, 0) { Normalized = true });
    }

    private void Add(AddedToken token)
    {
        if (_ids.TryAdd(token.Text, _next)) NewAdded.Add(token with { Id = _next++ });
    }
}
