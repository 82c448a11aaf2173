using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Vocabularies.Rows;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Vocabularies;

/// <summary>
/// Which row each model gives to each token. A model that lacks a token takes the row that the recipe names, else that of the only model that has the token, else the
/// base's, else the mean over the models that have it, else zeros; a model that has the token keeps its own, unless the recipe forces another.
/// </summary>
internal sealed class TokenOwners
{
    private readonly int[][] _rows;
    private readonly bool[] _isToken;
    private readonly Dictionary<int, (RowOrigin Origin, bool Force)> _named = [];
    private readonly int _base;

    /// <param name="settings">What the recipe says of single tokens.</param>
    /// <param name="tokens">The output's tokens.</param>
    /// <param name="models">The models whose rows there are.</param>
    /// <param name="baseModel">Index of the base among them; −1 where there is none.</param>
    /// <param name="findings">Where rows that do not exist are noted.</param>
    public TokenOwners(TokenizerSettings settings, OutputTokens tokens, IReadOnlyList<VocabularyModel> models, int baseModel, PlanFindings findings)
    {
        _base = baseModel;
        _isToken = new bool[tokens.Rows];
        foreach (int id in tokens.Ids.Values) _isToken[id] = true;
        _rows = [.. models.Select(m => RowsOf(m, tokens))];
        foreach (TokenRow row in settings.Tokens)
        {
            if (OriginOf(row, models, findings) is { } origin) _named[tokens.Ids[row.Token]] = (origin, row.Force);
        }
    }

    /// <summary>Ids that no token has.</summary>
    public int Holes => _isToken.Count(t => !t);

    /// <summary>Where the rows of one model come from.</summary>
    /// <param name="model">Its index.</param>
    /// <param name="has">Whether each model has the tensor.</param>
    /// <param name="rows">Rows of the output.</param>
    public RowMap MapOf(int model, bool[] has, long rows)
    {
        var origins = new RowOrigin[_isToken.Length];
        for (int id = 0; id < origins.Length; id++) origins[id] = _isToken[id] ? OriginOf(id, model, has) : RowOrigin.Filling;
        return new RowMap(model, origins, [.. _rows.Select((r, m) => has[m] ? r : null)], rows);
    }

    /// <summary>The rows of one model alone, zeros for tokens that it lacks: for what is known of its parameters, such as gradients.</summary>
    public RowMap OwnMapOf(int model, long rows)
    {
        RowOrigin[] origins = [.. _rows[model].Select(r => r >= 0 ? new RowOrigin(model, r) : RowOrigin.Zero)];
        return new RowMap(model, [.. origins, .. Enumerable.Repeat(RowOrigin.Zero, (int)(rows - origins.Length))], [.. _rows.Select((r, m) => m == model ? r : null)], rows);
    }

    private RowOrigin OriginOf(int id, int model, bool[] has)
    {
        bool isNamed = _named.TryGetValue(id, out var named) && (named.Origin.Model < 0 || has[named.Origin.Model]);
        if (has[model] && _rows[model][id] >= 0 && !(isNamed && named.Force)) return new RowOrigin(model, _rows[model][id]);
        if (isNamed) return named.Origin;
        int owners = 0, last = -1;
        for (int m = 0; m < _rows.Length; m++)
        {
            if (!has[m] || _rows[m][id] < 0) continue;
            owners++;
            last = m;
        }

        if (owners == 0) return RowOrigin.Zero;
        if (owners == 1) return new RowOrigin(last, _rows[last][id]);
        return _base >= 0 && has[_base] && _rows[_base][id] >= 0 ? new RowOrigin(_base, _rows[_base][id]) : RowOrigin.Mean;
    }

    private static int[] RowsOf(VocabularyModel model, OutputTokens tokens)
    {
        int[] rows = new int[tokens.Rows];
        Array.Fill(rows, -1);
        foreach ((string token, int id) in tokens.Ids)
        {
            if (model.Vocabulary.Ids.TryGetValue(token, out int row) && row < model.Rows) rows[id] = row;
        }

        return rows;
    }

    private static RowOrigin? OriginOf(TokenRow row, IReadOnlyList<VocabularyModel> models, PlanFindings findings)
    {
        if (row.Kind is TokenRowKind.Usual) return null;
        if (row.Kind is TokenRowKind.Zero) return RowOrigin.Zero;
        string token = $"{row.Place}: the token {Quoting.Quote(row.Token)}";
        int index = models.Index().Where(m => m.Item.Reference == row.Model).Select(m => m.Index).FirstOrDefault(-1);
        if (index < 0)
        {
            findings.Problem($"{token} takes its row from {row.Model}, whose weights are not read for this merge.");
            return null;
        }

        VocabularyModel model = models[index];
        if (row.Kind is TokenRowKind.TokenId)
        {
            if (row.Id < model.Rows) return new RowOrigin(index, row.Id.Value);
            findings.Problem($"{token} takes its row from row {row.Id} of {model.Title}, which has {Counting.Of(model.Rows, "row")}.");
            return null;
        }

        string other = row.Kind is TokenRowKind.OtherToken ? row.Other! : row.Token;
        if (model.Vocabulary.Ids.TryGetValue(other, out int id) && id < model.Rows) return new RowOrigin(index, id);
        findings.Problem($"{token} takes its row from {Quoting.Quote(other)} of {model.Title}, which has no such token{(id > 0 ? " with a row" : "")}.");
        return null;
    }
}
