using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Tokenizers;

namespace MergeEngine.Models.Inference;

/// <summary>Every class in every template, as tokens: what a zero-shot head is made of.</summary>
public sealed class ZeroShotPrompts
{
    /// <summary>Where a class's name goes in a template.</summary>
    public const string Place = "{}";

    /// <param name="classes">Number of classes.</param>
    /// <param name="templates">Prompts of each class.</param>
    /// <param name="tokens">All prompts of the first class, then those of the second, and so on.</param>
    /// <exception cref="ArgumentException">There are more or fewer prompts.</exception>
    public ZeroShotPrompts(int classes, int templates, TokenTable tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(classes);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(templates);
        if (tokens.Count != checked(classes * templates)) throw new ArgumentException($"There are {tokens.Count} prompts, expected {templates} of each of {classes} classes.", nameof(tokens));
        (Classes, Templates, Tokens) = (classes, templates, tokens);
    }

    public int Classes { get; }

    /// <summary>Prompts of each class.</summary>
    public int Templates { get; }

    public TokenTable Tokens { get; }

    /// <summary>Prompts that were cut to the tokens that the model takes; the end token stays, as in CLIP.</summary>
    public int Cut { get; private init; }

    /// <summary>Classes whose prompts all have the tokens of those of an earlier class: no image can tell them apart.</summary>
    public IReadOnlyList<(int First, int Second)> Alike { get; private init; } = [];

    /// <summary>Puts the classes into the templates and makes tokens of them.</summary>
    /// <param name="config">The model whose tokenizer it is.</param>
    /// <param name="tokenizer">CLIP's.</param>
    /// <param name="classes">Names.</param>
    /// <param name="templates">Each with <see cref="Place"/>.</param>
    /// <exception cref="ModelException">The tokenizer is not the model's.</exception>
    public static ZeroShotPrompts Tokenize(TextTransformerConfig config, ITokenizer tokenizer, IReadOnlyList<string> classes, IReadOnlyList<string> templates)
    {
        int special = tokenizer.SpecialTokenCount(pair: false), cut = 0;
        if (special == 0 || config.MaxTokens <= special) throw new ModelException($"The tokenizer puts {special} tokens around a text, expected a start and an end token among the {config.MaxTokens} that the model takes.");
        var whole = new TokenizerOptions();
        var limited = new TokenizerOptions { MaxLength = config.MaxTokens };
        var tokens = new TokenSequence();
        var table = new TokenTable();
        foreach (string name in classes)
        {
            foreach (string template in templates)
            {
                string prompt = template.Replace(Place, name, StringComparison.Ordinal);
                tokenizer.Encode(prompt, whole, tokens);
                if (tokens.Count > config.MaxTokens)
                {
                    cut++;
                    tokenizer.Encode(prompt, limited, tokens);
                }

                Require(config, tokenizer, tokens.Ids);
                table.Add(tokens.Ids);
            }
        }

        return new ZeroShotPrompts(classes.Count, templates.Count, table) { Cut = cut, Alike = FindAlike(table, classes.Count, templates.Count) };
    }

    private static void Require(TextTransformerConfig config, ITokenizer tokenizer, ReadOnlySpan<int> ids)
    {
        if (ids.IndexOfAnyExceptInRange(0, config.Vocabulary - 1) >= 0)
            throw new ModelException($"The tokenizer has {tokenizer.VocabularySize} tokens, but the model's vocabulary has {config.Vocabulary}: it is another model's.");
        if (config.EndId is { } end && !ids.Contains(end))
            throw new ModelException($"The tokenizer puts no token {end} at the end of a text, where the model reads it: it is another model's.");
    }

    private static List<(int First, int Second)> FindAlike(TokenTable tokens, int classes, int templates)
    {
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        var alike = new List<(int, int)>();
        for (int i = 0; i < classes; i++)
        {
            // A class whose name one template cuts off may still stand in another.
            string key = string.Join(';', Enumerable.Range(i * templates, templates).Select(prompt => string.Join(' ', tokens.Ids(prompt).ToArray())));
            if (!seen.TryAdd(key, i)) alike.Add((seen[key], i));
        }

        return alike;
    }
}
