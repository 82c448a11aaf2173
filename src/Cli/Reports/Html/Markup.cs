using System.Text.Encodings.Web;
using MergeEngine.Cli.Terminal;

namespace MergeEngine.Cli.Reports.Html;

/// <summary>Text for HTML. Everything that comes from files goes through here.</summary>
internal static class Markup
{
    private static readonly HtmlEncoder Encoder = HtmlEncoder.Create(System.Text.Unicode.UnicodeRanges.All);

    public static string Escape(string text) => Encoder.Encode(Printable.Of(text));
}
