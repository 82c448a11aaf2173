using System.Globalization;
using System.Text.Json;
using MergeEngine.Merging.Streaming.Hashing.Sha2;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Vocabularies.Reading;

/// <summary>Reads the vocabularies of model directories; equal files of several models are kept once.</summary>
internal sealed class VocabularyReader
{
    private readonly Dictionary<string, Vocabulary> _byHash = new(StringComparer.Ordinal);

    /// <summary>The vocabulary of a directory.</summary>
    /// <returns>Null if it has no tokenizer.</returns>
    /// <exception cref="IOException">Its tokenizer cannot be read; one sentence.</exception>
    public Vocabulary? Read(string directory)
    {
        if (TokenizerFiles.TryRead(directory, TokenizerFiles.TokenizerJson) is { } json)
        {
            string hash = Convert.ToHexString(Sha256State.HashData(json));
            if (_byHash.TryGetValue(hash, out Vocabulary? known)) return known;
            TokenizerJson file = TokenizerJson.Parse(json, Path.Combine(directory, TokenizerFiles.TokenizerJson));
            return _byHash[hash] = Vocabulary.Create(file.Path, file.Model, file.Ordinary, file.Added);
        }

        if (TokenizerFiles.TryRead(directory, TokenizerFiles.VocabJson) is { } vocabJson)
        {
            string path = Path.Combine(directory, TokenizerFiles.VocabJson);
            var tokens = new List<KeyValuePair<string, int>>();
            JsonText.ReadObject(vocabJson, path, (ref Utf8JsonReader value, string token) => tokens.Add(KeyValuePair.Create(token, JsonText.ReadId(ref value, path, token))));
            return Vocabulary.Create(path, File.Exists(Path.Combine(directory, TokenizerFiles.Merges)) ? "BPE" : "WordLevel", tokens, ReadAdded(directory));
        }

        if (TokenizerFiles.TryRead(directory, TokenizerFiles.VocabText) is { } vocabText)
        {
            string path = Path.Combine(directory, TokenizerFiles.VocabText);
            // Of equal lines the last one counts, as in transformers.
            var tokens = new Dictionary<string, int>(StringComparer.Ordinal);
            foreach ((int id, string token) in TextLines.Read(vocabText, path).Index()) tokens[token] = id;
            return Vocabulary.Create(path, "WordPiece", [.. tokens], ReadAdded(directory));
        }

        if (TokenizerFiles.Opaque.FirstOrDefault(f => File.Exists(Path.Combine(directory, f))) is { } opaque)
        {
            throw new VocabularyException(
                $"{Path.Combine(directory, opaque)}: the directory has its tokenizer only in this form, expected a {TokenizerFiles.TokenizerJson} beside it, which transformers' AutoTokenizer writes with save_pretrained.");
        }

        return null;
    }

    /// <summary>What tokenizer_config.json and added_tokens.json add where there is no tokenizer.json.</summary>
    private static List<AddedToken> ReadAdded(string directory)
    {
        var added = new Dictionary<string, AddedToken>(StringComparer.Ordinal);
        if (TokenizerFiles.TryRead(directory, TokenizerFiles.Config) is { } config)
        {
            string path = Path.Combine(directory, TokenizerFiles.Config);
            JsonText.ReadObject(config, path, (ref Utf8JsonReader reader, string name) =>
            {
                if (name != "added_tokens_decoder" || reader.TokenType == JsonTokenType.Null) reader.Skip();
                else JsonText.ReadObject(ref reader, path, Quoting.Quote(name), (ref Utf8JsonReader value, string id) => ReadDecoded(ref value, path, id, added));
            });
        }

        if (TokenizerFiles.TryRead(directory, TokenizerFiles.AddedTokens) is { } more)
        {
            string path = Path.Combine(directory, TokenizerFiles.AddedTokens);
            JsonText.ReadObject(more, path, (ref Utf8JsonReader value, string token) =>
            {
                int id = JsonText.ReadId(ref value, path, token);
                if (added.TryGetValue(token, out AddedToken? known) && known.Id != id)
                    throw new VocabularyException($"{path}: the token {Quoting.Quote(token)} has the id {id}, expected {known.Id} as in {TokenizerFiles.Config}.");
                added.TryAdd(token, new AddedToken(token, id) { Normalized = true });
            });
        }

        return [.. added.Values];
    }

    private static void ReadDecoded(ref Utf8JsonReader reader, string path, string key, Dictionary<string, AddedToken> added)
    {
        if (!int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out int id) || id == int.MaxValue)
            throw new VocabularyException($"{path}: {Quoting.Quote(key)} in \"added_tokens_decoder\" is no id, expected a whole number.");
        string? text = null;
        var token = new AddedToken("", id);
        JsonText.ReadObject(ref reader, path, $"added token {id}", (ref Utf8JsonReader value, string name) =>
        {
            if (name == "content") text = JsonText.ReadString(ref value, path, $"added token {id}");
            else if (name == "single_word") token = token with { SingleWord = JsonText.ReadFlag(ref value, path, name) };
            else if (name == "lstrip") token = token with { LeftStrip = JsonText.ReadFlag(ref value, path, name) };
            else if (name == "rstrip") token = token with { RightStrip = JsonText.ReadFlag(ref value, path, name) };
            else if (name == "normalized") token = token with { Normalized = JsonText.ReadFlag(ref value, path, name) };
            else if (name == "special") token = token with { Special = JsonText.ReadFlag(ref value, path, name) };
            else value.Skip();
        });
        if (text is null) throw new VocabularyException($"{path}: added token {id} has no \"content\".");
        if (!added.TryAdd(text, token with { Text = text })) throw new VocabularyException($"{path}: the token {Quoting.Quote(text)} stands among the added tokens twice, expected it once.");
    }
}
