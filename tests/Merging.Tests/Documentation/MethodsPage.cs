using System.Globalization;
using System.Text;
using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.TensorMethods;
using MethodRegister = MergeEngine.Merging.TensorMethods.TensorMethods;

namespace MergeEngine.Merging.Tests.Documentation;

/// <summary>The part of docs/methods.md that is made of the catalogue and of the comments in the methods' files.</summary>
internal sealed class MethodsPage
{
    /// <summary>What stands before it is written by hand.</summary>
    public const string Marker = "<!-- ./build.sh docs writes what follows, from src/Merging/Recipes/Catalog and the comments of the methods in src/Merging/TensorMethods. -->";

    private readonly Dictionary<string, TypeComment> _comments;
    private readonly StringBuilder _text = new();

    private MethodsPage() => _comments = TypeComment.Load(
        Path.ChangeExtension(typeof(TensorMethod).Assembly.Location, ".xml"), name => MethodRegister.All.Concat(MethodRegister.Published).FirstOrDefault(m => m.GetType().FullName == name)?.Name);

    /// <summary>The page behind the marker, with line feeds.</summary>
    public static string Create()
    {
        var page = new MethodsPage();
        page.Write();
        return page._text.ToString();
    }

    private void Write()
    {
        Line("## Methods in recipes");
        Line();
        Line("x_k is a tensor of model k in the recipe's order, b the base's, d_k = x_k − b, w_k the model's weight, λ the recipe's lambda.");
        Line();
        Line("| method | dialects | models | base | what it does |");
        Line("|---|---|---|---|---|");
        foreach (string name in MethodTable.Names)
        {
            MethodDescription[] dialects = Dialects(name);
            MethodDescription first = dialects[0];
            Line($"| [`{name}`](#{name}) | {string.Join(", ", dialects.Select(d => NameOf(d.Dialect)))} | {first.Models} | {first.Base.ToString().ToLowerInvariant()} | {first.Summary} |");
        }

        foreach (Type shared in SharedTypes()) WriteShared(shared);
        foreach (string name in MethodTable.Names) WriteMethod(name);
    }

    private static MethodDescription[] Dialects(string name) => [.. MethodTable.All.Where(m => m.Name == name)];

    private static string NameOf(Dialect dialect) => dialect.ToString().ToLowerInvariant();

    /// <summary>Base classes that say something for several methods.</summary>
    private static IEnumerable<Type> SharedTypes() =>
        MethodRegister.All.Concat(MethodRegister.Published).Select(m => m.GetType().BaseType!).Where(t => t != typeof(TensorMethod)).Distinct();

    private static string TitleOf(Type shared) => shared.Name == "PublishedSum" ? "Task vectors as published" : "Task vectors in mergekit's arithmetic";

    private void WriteShared(Type type)
    {
        Line();
        Line($"### {TitleOf(type)}");
        WriteComment(type);
    }

    private void WriteMethod(string name)
    {
        Line();
        Line($"### {name}");
        MethodDescription[] dialects = Dialects(name);
        Type?[] types = [.. dialects.Select(d => MethodRegister.Find(name, d.Dialect)?.GetType())];
        bool same = dialects.Length > 1 && types[0] == types[1];
        for (int i = 0; i < dialects.Length; i++)
        {
            if (types[i] is not { } type || (same && i > 0)) continue;
            Line();
            Line(same || dialects.Length == 1
                ? $"{Capital(dialects[i].Summary)} ({dialects[i].Source}); {dialects[i].Models}."
                : $"**Dialect {NameOf(dialects[i].Dialect)}**: {dialects[i].Summary} ({dialects[i].Source}); {dialects[i].Models}.");
            WriteComment(type);
            if (type.BaseType != typeof(TensorMethod))
            {
                Line();
                Line($"Beside it holds what is said under [{TitleOf(type.BaseType!)}](#{Anchor(TitleOf(type.BaseType!))}).");
            }

            WriteParameters(dialects[i]);
        }
    }

    private void WriteComment(Type type)
    {
        TypeComment comment = _comments[type.FullName!];
        bool listed = false;
        foreach (string paragraph in comment.Summary.Concat(comment.Remarks))
        {
            bool item = paragraph.StartsWith("- ", StringComparison.Ordinal);
            if (!(item && listed)) Line();
            Line(paragraph);
            listed = item;
        }
    }

    private void WriteParameters(MethodDescription method)
    {
        Line();
        if (method.Shared.Count + method.PerModel.Count == 0)
        {
            Line("No parameters.");
            return;
        }

        Line("| parameter | of | value | default | |");
        Line("|---|---|---|---|---|");
        foreach (MethodParameter parameter in method.PerModel) Row(parameter, "each model");
        foreach (MethodParameter parameter in method.Shared) Row(parameter, "all models");
    }

    private void Row(MethodParameter parameter, string of) =>
        Line($"| `{parameter.Name}` | {of} | {parameter.Range}{(parameter.WholeModel ? ", one for the whole model" : "")} | {parameter.DefaultText} | {parameter.Summary} |");

    private static string Capital(string text) => string.Create(CultureInfo.InvariantCulture, $"{char.ToUpperInvariant(text[0])}{text[1..]}");

    private static string Anchor(string title) => new([.. title.ToLowerInvariant().Where(c => char.IsAsciiLetterOrDigit(c) || c == ' ').Select(c => c == ' ' ? '-' : c)]);

    private void Line(string text = "") => _text.Append(text).Append('\n');
}
