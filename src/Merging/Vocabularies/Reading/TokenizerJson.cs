using System.Text.Json;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Vocabularies.Reading;

/// <summary>
/// A tokenizer.json: its tokens, and where in the file they stand. Format: huggingface/tokenizers, <c>{"added_tokens": [{id, content, …}], "model": {"type",
/// "vocab", "merges"}}</c>; the vocabulary is an object from token to id, or for Unigram a list of [token, score].
/// </summary>
internal sealed class TokenizerJson
{
    private TokenizerJson(byte[] bytes, string path) => (Bytes, Path) = (bytes, path);

    public byte[] Bytes { get; }

    public string Path { get; }

    /// <summary>Kind of the subword model.</summary>
    public string Model { get; private set; } = "";

    /// <summary><c>continuing_subword_prefix</c> of BPE; empty where there is none.</summary>
    public string Prefix { get; private set; } = "";

    /// <summary>Where the list of added tokens stands; null if the file has none.</summary>
    public JsonItems? AddedItems { get; private set; }

    public JsonItems VocabularyItems { get; private set; } = null!;

    public JsonItems? MergeItems { get; private set; }

    /// <summary>The model's tokens in the order of the file.</summary>
    public List<KeyValuePair<string, int>> Ordinary { get; } = [];

    /// <summary>For Unigram: the score of each of <see cref="Ordinary"/>.</summary>
    public List<double> Scores { get; } = [];

    /// <summary>The added tokens in the order of the file.</summary>
    public List<AddedToken> Added { get; } = [];

    /// <exception cref="VocabularyException">It is no usable tokenizer.json.</exception>
    public static TokenizerJson Parse(byte[] bytes, string path)
    {
        var file = new TokenizerJson(bytes, path);
        JsonText.ReadObject(bytes, path, file.ReadTop);
        if (file.VocabularyItems is null) throw new VocabularyException($"{path}: there is no \"vocab\" in a \"model\", expected a tokenizer.");
        if (file.Model.Length == 0) file.Model = file.Scores.Count > 0 ? "Unigram" : file.MergeItems is not null ? "BPE" : "WordPiece";
        return file;
    }

    /// <summary>The two parts of a merge, written as a list of two or as one string with a space.</summary>
    /// <exception cref="VocabularyException">It is neither.</exception>
    public (string Left, string Right) MergeAt(int index)
    {
        (int start, int end) = MergeItems!.Items[index];
        var reader = new Utf8JsonReader(Bytes.AsSpan(start, end - start));
        try
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.String)
            {
                string[] parts = reader.GetString()!.Split(' ');
                if (parts.Length == 2) return (parts[0], parts[1]);
            }
            else if (reader.TokenType == JsonTokenType.StartArray)
            {
                reader.Read();
                string left = JsonText.ReadString(ref reader, Path, $"the first part of merge {index}");
                reader.Read();
                string right = JsonText.ReadString(ref reader, Path, $"the second part of merge {index}");
                reader.Read();
                if (reader.TokenType == JsonTokenType.EndArray) return (left, right);
            }
        }
        catch (InvalidOperationException e)
        {
            throw new VocabularyException($"{Path}: merge {index} holds half a surrogate pair, expected valid Unicode.", e);
        }

        throw new VocabularyException($"{Path}: merge {index} is not two tokens.");
    }

    private void ReadTop(ref Utf8JsonReader reader, string name)
    {
        if (name == "added_tokens" && reader.TokenType != JsonTokenType.Null)
        {
            if (reader.TokenType != JsonTokenType.StartArray) throw JsonText.Unexpected(ref reader, Path, "\"added_tokens\"", "a list");
            AddedItems = JsonItems.Read(ref reader, ReadAdded);
        }
        else if (name == "model") JsonText.ReadObject(ref reader, Path, "\"model\"", ReadModel);
        else reader.Skip();
    }

    private void ReadAdded(ref Utf8JsonReader reader, int index)
    {
        string what = $"added token {index}";
        string? text = null;
        int id = -1;
        var flags = new AddedToken("", 0);
        JsonText.ReadObject(ref reader, Path, what, (ref Utf8JsonReader value, string name) =>
        {
            if (name == "content") text = JsonText.ReadString(ref value, Path, what);
            else if (name == "id") id = JsonText.ReadId(ref value, Path, text ?? $"#{index}");
            else if (name == "single_word") flags = flags with { SingleWord = JsonText.ReadFlag(ref value, Path, $"{name} of {what}") };
            else if (name == "lstrip") flags = flags with { LeftStrip = JsonText.ReadFlag(ref value, Path, $"{name} of {what}") };
            else if (name == "rstrip") flags = flags with { RightStrip = JsonText.ReadFlag(ref value, Path, $"{name} of {what}") };
            else if (name == "normalized") flags = flags with { Normalized = JsonText.ReadFlag(ref value, Path, $"{name} of {what}") };
            else if (name == "special") flags = flags with { Special = JsonText.ReadFlag(ref value, Path, $"{name} of {what}") };
            else value.Skip();
        });
        if (text is null || id < 0) throw new VocabularyException($"{Path}: {what} has no {(text is null ? "\"content\"" : "\"id\"")}, expected both.");
        Added.Add(flags with { Text = text, Id = id });
    }

    private void ReadModel(ref Utf8JsonReader reader, string name)
    {
        if (name == "type") Model = JsonText.ReadString(ref reader, Path, "\"type\" of \"model\"");
        else if (name == "continuing_subword_prefix" && reader.TokenType == JsonTokenType.String) Prefix = reader.GetString()!;
        else if (name == "vocab" && reader.TokenType == JsonTokenType.StartObject) VocabularyItems = JsonItems.Read(ref reader, ReadToken);
        else if (name == "vocab" && reader.TokenType == JsonTokenType.StartArray) VocabularyItems = JsonItems.Read(ref reader, ReadPiece);
        else if (name == "vocab") throw JsonText.Unexpected(ref reader, Path, "\"vocab\"", "an object from token to id or a list of tokens with scores");
        else if (name == "merges" && reader.TokenType == JsonTokenType.StartArray) MergeItems = JsonItems.Read(ref reader, static (ref Utf8JsonReader r, int _) => r.Skip());
        else reader.Skip();
    }

    private void ReadToken(ref Utf8JsonReader reader, int index)
    {
        string token = reader.GetString()!;
        reader.Read();
        Ordinary.Add(KeyValuePair.Create(token, JsonText.ReadId(ref reader, Path, token)));
    }

    private void ReadPiece(ref Utf8JsonReader reader, int index)
    {
        string what = $"entry {index} of \"vocab\"";
        if (reader.TokenType != JsonTokenType.StartArray) throw JsonText.Unexpected(ref reader, Path, what, "a token with its score");
        reader.Read();
        string token = JsonText.ReadString(ref reader, Path, what);
        reader.Read();
        if (reader.TokenType != JsonTokenType.Number || !reader.TryGetDouble(out double score)) throw JsonText.Unexpected(ref reader, Path, $"the score of {Quoting.Quote(token)}", "a number");
        reader.Read();
        if (reader.TokenType != JsonTokenType.EndArray) throw JsonText.Unexpected(ref reader, Path, what, "a token with its score and nothing else");
        Ordinary.Add(KeyValuePair.Create(token, index));
        Scores.Add(score);
    }
}
