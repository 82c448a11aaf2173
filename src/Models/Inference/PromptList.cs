using System.Globalization;
using System.Text;
using System.Text.Json;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Inference;

/// <summary>Names of classes or templates of prompts: from a file with one on each line, from a JSON list, or from words with commas between them.</summary>
public sealed class PromptList
{
    private const long MaxBytes = 64 << 20;

    private readonly string _source, _word;
    private readonly int[] _numbers;

    private PromptList(string source, string word, IReadOnlyList<(string Text, int Number)> items)
    {
        (_source, _word) = (source, word);
        Items = [.. items.Select(item => item.Text)];
        _numbers = [.. items.Select(item => item.Number)];
    }

    /// <summary>Without spaces around them; none is empty.</summary>
    public IReadOnlyList<string> Items { get; }

    /// <summary>Reads one.</summary>
    /// <param name="value">A file of lines or with a JSON list of texts, a JSON list itself, or texts with commas between them.</param>
    /// <param name="name">What the list is called in messages where it is no file: <c>--classes</c>.</param>
    /// <param name="kind">What an item is: <c>class</c>.</param>
    /// <exception cref="ModelException">The file cannot be read, the list is empty, or an item of it is.</exception>
    public static PromptList Read(string value, string name, string kind)
    {
        if (IsJson(value)) return FromJson(name, kind, value);
        if (!File.Exists(value))
        {
            if (Directory.Exists(value)) throw new ModelException($"{value}: is a directory, expected a file with a {kind} on each line.");
            if (LooksLikeFile(value)) throw new ModelException($"{value}: there is no such file, expected one with a {kind} on each line.");
            return Checked(name, "item", kind, value.Split(','));
        }

        string text = ReadFile(value, kind);
        if (IsJson(text)) return FromJson(value, kind, text);
        return Checked(value, "line", kind, (text.EndsWith('\n') ? text[..^1] : text).Split('\n'));
    }

    /// <summary>Templates in which the class's name has a place.</summary>
    /// <param name="value">As in <see cref="Read"/>.</param>
    /// <param name="name">As in <see cref="Read"/>.</param>
    /// <exception cref="ModelException">As in <see cref="Read"/>, or a template has no <c>{}</c>.</exception>
    public static PromptList ReadTemplates(string value, string name)
    {
        PromptList templates = Read(value, name, "template");
        for (int i = 0; i < templates.Items.Count; i++)
        {
            if (templates.Items[i].Contains(ZeroShotPrompts.Place, StringComparison.Ordinal)) continue;
            string hint = templates._word == "item" && templates.Items.Count > 1 ? "; a template with a comma belongs into a file or a JSON list" : "";
            throw new ModelException($"{templates.PlaceOf(i)} is {Quoting.Quote(templates.Items[i])}, expected a template with {ZeroShotPrompts.Place} where the class's name goes{hint}.");
        }

        return templates;
    }

    /// <summary>Whether a value of <see cref="Read"/> is the name of a file, there or not, rather than the list itself.</summary>
    public static bool NamesFile(string value) => !IsJson(value) && (Path.Exists(value) || LooksLikeFile(value));

    /// <summary>Where an item stands, as the start of a sentence: <c>classes.txt: line 3</c>.</summary>
    public string PlaceOf(int index) => string.Create(CultureInfo.InvariantCulture, $"{_source}: {_word} {_numbers[index]}");

    private static bool IsJson(string value) => value.AsSpan().TrimStart().StartsWith("[");

    private static bool LooksLikeFile(string value) => !value.Contains(',', StringComparison.Ordinal) && !value.Contains(ZeroShotPrompts.Place, StringComparison.Ordinal)
        && (value.EndsWith(".txt", StringComparison.OrdinalIgnoreCase) || value.EndsWith(".json", StringComparison.OrdinalIgnoreCase) || Path.GetDirectoryName(value) is { Length: > 0 });

    private static PromptList Checked(string source, string word, string kind, IReadOnlyList<string> texts)
    {
        var items = new List<(string, int)>(texts.Count);
        for (int i = 0; i < texts.Count; i++)
        {
            string text = texts[i].Trim();
            if (text.Length == 0) throw new ModelException($"{source}: {word} {i + 1} is empty, expected a {kind}.");
            items.Add((text, i + 1));
        }

        return items.Count > 0 ? new PromptList(source, word, items) : throw new ModelException($"{source}: the list is empty, expected a {kind} at least.");
    }

    private static PromptList FromJson(string source, string kind, string text)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            var texts = new List<string>();
            foreach (JsonElement element in document.RootElement.EnumerateArray())
            {
                if (element.ValueKind != JsonValueKind.String) throw new ModelException($"{source}: item {texts.Count + 1} is a JSON {element.ValueKind.ToString().ToLowerInvariant()}, expected a {kind} as a text.");
                texts.Add(element.GetString()!);
            }

            return Checked(source, "item", kind, texts);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new ModelException($"{source}: begins with [ but is no JSON list of texts.", e);
        }
    }

    private static string ReadFile(string path, string kind)
    {
        try
        {
            using MemoryStream bytes = BoundedFile.Read(path, MaxBytes) ?? throw new ModelException($"{path}: has more than {MaxBytes} bytes, expected at most so many of a file with a {kind} on each line.");
            using var reader = new StreamReader(bytes, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true));
            return reader.ReadToEnd();
        }
        catch (DecoderFallbackException e)
        {
            throw new ModelException($"{path}: is not UTF-8, expected a file with a {kind} on each line.", e);
        }
        catch (Exception e) when (e is UnauthorizedAccessException || (e is IOException && e is not ModelException))
        {
            throw new ModelException($"{path}: cannot be read ({e.Message.TrimEnd('.')}).", e);
        }
    }
}
