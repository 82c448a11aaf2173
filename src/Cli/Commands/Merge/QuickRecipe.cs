using System.CommandLine;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.Yaml;

namespace MergeEngine.Cli.Commands.Merge;

/// <summary>A recipe in options: <c>--method ties --base B --model P=0.5 --parameter density=0.2</c>. It becomes the text that a recipe file would hold.</summary>
internal static class QuickRecipe
{
    /// <summary>What errors name in place of a file.</summary>
    private const string Name = "command line";

    public static readonly Option<string?> Method = new("--method") { Description = "Merge without a recipe file, by this method; --list-methods names them.", HelpName = "METHOD" };

    private static readonly Option<string?> Base = new("--base", "--base-model") { Description = "The base model.", HelpName = "MODEL" };

    private static readonly Option<string[]> Models = new("--model")
    {
        Description = "A model, and perhaps its weight: a number, or a list over the layers as in [0,0.5,1]. Once for each model.",
        HelpName = "MODEL[=WEIGHT]",
    };

    private static readonly Option<string[]> Parameters = new("--parameter") { Description = "A parameter of the method, for all models.", HelpName = "NAME=VALUE" };

    private static readonly Option<string?> Dialect = new("--dialect") { Description = "The arithmetic, where a method has two.", HelpName = "mergekit|paper" };

    private static readonly Option<string?> DType = new("--dtype") { Description = "With --method: the type that models are cast to before the merge. A recipe file says it itself, as dtype.", HelpName = "float32|bfloat16|float16|float64" };

    private static readonly Option<string?> OutDType = new("--out-dtype") { Description = "With --method: the type of the output. A recipe file says it itself, as out_dtype.", HelpName = "float32|bfloat16|float16|float64" };

    public static IEnumerable<Option> All => [Method, Base, Models, Parameters, Dialect, DType, OutDType];

    /// <exception cref="UsageException">There is no such recipe; options need a method.</exception>
    public static void RequireNone(CommandContext context)
    {
        foreach (Option option in All)
        {
            if (context.Has(option)) throw new UsageException($"{option.Name} stands in place of a recipe file and needs --method, found a recipe file.");
        }
    }

    /// <exception cref="UsageException">An option has no usable value.</exception>
    /// <exception cref="YamlException">The recipe that the options make is none; the message names the option.</exception>
    public static RecipeFile Read(CommandContext context)
    {
        var text = new StringBuilder();
        // The option that each line comes from: nobody has the lines to look at.
        var owners = new List<string>();
        Add(Method, "merge_method");
        Add(Dialect, "dialect");
        Add(Base, "base_model");
        string[] models = context.Get(Models) ?? [];
        if (models.Length == 0) throw new UsageException("--method needs models, expected --model at least once.");
        if (!context.Has(Base) && MethodTable.Find(context.Get(Method)!) is { Base: BaseRole.Required } method)
            throw new UsageException($"--method {method.Name} takes differences from a base model, expected --base.");
        Line(Models.Name, "models:");
        foreach (string model in models)
        {
            (string path, string? weight) = Split(model);
            Line(Models.Name, "  -");
            string owner = $"{Models.Name} {(model.Length == 0 ? "''" : model)}";
            Line(owner, $"    model: {Quote(path)}");
            if (weight is not null) Line(owner, $"    parameters: {{weight: {weight}}}");
        }

        string[] parameters = context.Get(Parameters) ?? [];
        var named = new Dictionary<string, string>(StringComparer.Ordinal);
        if (parameters.Length > 0) Line(Parameters.Name, "parameters:");
        foreach (string parameter in parameters)
        {
            int equals = parameter.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1 || ValueOf(parameter[(equals + 1)..]) is not { } value)
                throw new UsageException($"--parameter is '{parameter}', expected NAME=VALUE with a number, true, false, a text or a list such as [0,0.5,1].");
            if (!named.TryAdd(parameter[..equals], parameter))
                throw new UsageException($"--parameter '{parameter}' gives '{parameter[..equals]}' a second time, beside '{named[parameter[..equals]]}', expected it once.");
            Line($"{Parameters.Name} {parameter}", $"  {Quote(parameter[..equals])}: {value}");
        }

        Add(DType, "dtype");
        Add(OutDType, "out_dtype");
        YamlValue recipe = YamlFile.Parse(text.ToString(), Name)[0];
        return RecipeFile.Of(recipe.Moved((place, _) => new YamlPlace(owners[(int)place.Line - 1], 0, 0)), text.ToString());

        void Add(Option<string?> option, string key)
        {
            if (context.Get(option) is { } value) Line($"{option.Name} {(value.Length == 0 ? "''" : value)}", $"{key}: {Quote(value)}");
        }

        void Line(string owner, string line)
        {
            owners.Add(owner);
            text.Append(line).Append('\n');
        }
    }

    /// <summary>A path that exists is a path, whatever it ends in; otherwise a number or a list behind the last <c>=</c> is the weight.</summary>
    /// <exception cref="UsageException">A list is begun and is none.</exception>
    private static (string Path, string? Weight) Split(string model)
    {
        int equals = model.LastIndexOf('=');
        if (equals < 1 || Path.Exists(model)) return (model, null);
        string weight = model[(equals + 1)..];
        if (weight.StartsWith('[') && ValueOf(weight) is null)
            throw new UsageException($"--model is '{model}', expected MODEL=WEIGHT with a number or a list of numbers from [ to ], such as [0,0.5,1].");
        bool isWeight = ValueOf(weight) is { } text && (IsNumber(weight) || text.StartsWith('['));
        if (!isWeight && Path.Exists(model[..equals].Split('+')[0])) throw new UsageException($"--model is '{model}': weight '{weight}' is no number, expected MODEL=WEIGHT with a number or a list such as [0,0.5,1].");
        return ValueOf(weight) is { } value && (IsNumber(weight) || value.StartsWith('[')) ? (model[..equals], value) : (model, null);
    }

    /// <summary>A value as it stands in the recipe: one scalar or one list of scalars, and nothing that would begin anything else. Null if it is neither.</summary>
    private static string? ValueOf(string text)
    {
        try
        {
            return YamlFile.Parse(text, Name) is [{ } value] ? ValueOf(value) : null;
        }
        catch (YamlException)
        {
            return null;
        }
    }

    private static string? ValueOf(YamlValue value) => value switch
    {
        YamlScalar { Quoted: false, Text: var text } when IsNumber(text) || text is "true" or "false" => text,
        YamlScalar { Text: { Length: > 0 } text } => Quote(text),
        YamlSequence { Items: var items } when items.All(i => i is YamlScalar && ValueOf(i) is not null) => $"[{string.Join(", ", items.Select(ValueOf))}]",
        _ => null,
    };

    private static bool IsNumber(string text) => YamlNumber.TryParse(new YamlScalar(default, text, false), out _);

    /// <summary>A word stands as it is; a JSON string is a YAML text.</summary>
    private static string Quote(string text) => IsWord(text) ? text : $"\"{JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";

    private static bool IsWord(string text) =>
        text.Length > 0 && char.IsAsciiLetter(text[0]) && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.' or '/') && text is not ("null" or "true" or "false");
}
