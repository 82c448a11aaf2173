using System.Text;
using System.Xml.Linq;

namespace MergeEngine.Merging.Tests.Documentation;

/// <summary>The comment of a type, from the compiler's documentation file, as Markdown: what its source says about it, said once.</summary>
internal sealed class TypeComment(XElement member, Func<string, string?> nameOf)
{
    /// <summary>Paragraphs, one line each.</summary>
    public IReadOnlyList<string> Summary => Paragraphs(member.Element("summary"));

    public IReadOnlyList<string> Remarks => Paragraphs(member.Element("remarks"));

    /// <summary>The comments of a library's types, by full name.</summary>
    /// <param name="path">The documentation file.</param>
    /// <param name="nameOf">What a reference to a type reads as; null for its own name.</param>
    public static Dictionary<string, TypeComment> Load(string path, Func<string, string?> nameOf) =>
        XDocument.Load(path, LoadOptions.PreserveWhitespace).Root!.Element("members")!.Elements("member")
            .Where(m => m.Attribute("name")!.Value.StartsWith("T:", StringComparison.Ordinal))
            .ToDictionary(m => m.Attribute("name")!.Value[2..], m => new TypeComment(m, nameOf));

    private List<string> Paragraphs(XElement? element)
    {
        var paragraphs = new List<string>();
        var line = new StringBuilder();
        foreach (XNode node in element?.Nodes() ?? []) Add(node, line, paragraphs);
        Flush(line, paragraphs);
        return paragraphs;
    }

    private void Add(XNode node, StringBuilder line, List<string> paragraphs)
    {
        switch (node)
        {
            case XText text:
                line.Append(text.Value);
                break;
            case XElement { Name.LocalName: "para" } block:
                Flush(line, paragraphs);
                foreach (XNode child in block.Nodes()) Add(child, line, paragraphs);
                Flush(line, paragraphs);
                break;
            case XElement { Name.LocalName: "list" } list:
                Flush(line, paragraphs);
                foreach (XElement item in list.Elements("item"))
                {
                    line.Append("- ");
                    foreach (XNode child in item.Nodes()) Add(child, line, paragraphs);
                    Flush(line, paragraphs);
                }

                break;
            case XElement { Name.LocalName: "c" } code:
                line.Append('`').Append(code.Value).Append('`');
                break;
            case XElement { Name.LocalName: "see" } reference:
                string target = reference.Attribute("cref")!.Value[2..];
                line.Append('`').Append(nameOf(target) ?? target[(target.LastIndexOf('.') + 1)..]).Append('`');
                break;
            case XElement other:
                foreach (XNode child in other.Nodes()) Add(child, line, paragraphs);
                break;
        }
    }

    private static void Flush(StringBuilder line, List<string> paragraphs)
    {
        string text = string.Join(' ', line.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        if (text.Length > 0) paragraphs.Add(text);
        line.Clear();
    }
}
