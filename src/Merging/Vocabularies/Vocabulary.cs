using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Vocabularies;

/// <summary>The tokens of one tokenizer: those of its subword model and those added to it.</summary>
internal sealed class Vocabulary
{
    // An id far beyond the number of tokens would ask for rows that no token needs.
    private const int MostHoles = 1 << 16;

    private Vocabulary(string path, string model, KeyValuePair<string, int>[] tokens, Dictionary<string, int> ids, IReadOnlyDictionary<string, AddedToken> added)
    {
        (Path, Model, Tokens, Ids, Added) = (path, model, tokens, ids, added);
        Rows = tokens.Length == 0 ? 0 : tokens[^1].Value + 1;
    }

    /// <summary>The file that it was read from.</summary>
    public string Path { get; }

    /// <summary>Kind of the subword model: <c>BPE</c>, <c>WordPiece</c>, <c>Unigram</c> or <c>WordLevel</c>.</summary>
    public string Model { get; }

    /// <summary>All tokens with their ids, by id.</summary>
    public IReadOnlyList<KeyValuePair<string, int>> Tokens { get; }

    public IReadOnlyDictionary<string, int> Ids { get; }

    /// <summary>The added ones among them.</summary>
    public IReadOnlyDictionary<string, AddedToken> Added { get; }

    /// <summary>The highest id and one.</summary>
    public int Rows { get; }

    /// <exception cref="VocabularyException">Two tokens have one id, a token has two, or an id is far beyond the number of tokens.</exception>
    public static Vocabulary Create(string path, string model, IReadOnlyList<KeyValuePair<string, int>> ordinary, IReadOnlyList<AddedToken> added)
    {
        var ids = new Dictionary<string, int>(ordinary.Count + added.Count, StringComparer.Ordinal);
        foreach ((string token, int id) in ordinary)
        {
            if (!ids.TryAdd(token, id)) throw new VocabularyException($"{path}: the token {Quoting.Quote(token)} stands in the vocabulary twice, expected it once.");
        }

        var byText = new Dictionary<string, AddedToken>(StringComparer.Ordinal);
        foreach (AddedToken token in added)
        {
            if (!byText.TryAdd(token.Text, token)) throw new VocabularyException($"{path}: the token {Quoting.Quote(token.Text)} stands among the added tokens twice, expected it once.");
            if (!ids.TryAdd(token.Text, token.Id) && ids[token.Text] != token.Id)
                throw new VocabularyException($"{path}: the added token {Quoting.Quote(token.Text)} has the id {token.Id}, expected {ids[token.Text]} as in the vocabulary.");
        }

        KeyValuePair<string, int>[] tokens = [.. ids.OrderBy(t => t.Value)];
        for (int i = 1; i < tokens.Length; i++)
        {
            if (tokens[i].Value == tokens[i - 1].Value)
                throw new VocabularyException($"{path}: the tokens {Quoting.Quote(tokens[i - 1].Key)} and {Quoting.Quote(tokens[i].Key)} both have the id {tokens[i].Value}, expected one of its own for each.");
        }

        if (tokens.Length == 0) throw new VocabularyException($"{path}: the vocabulary is empty, expected tokens.");
        (string last, int highest) = tokens[^1];
        if (highest > MostHoles + (4L * tokens.Length))
            throw new VocabularyException($"{path}: the token {Quoting.Quote(last)} has the id {highest}, expected ids near the number of tokens, {tokens.Length}.");
        return new Vocabulary(path, model, tokens, ids, byText);
    }
}
