namespace MergeEngine.Packages.Tests.Support;

/// <summary>The programs that a page shows.</summary>
internal static class Markdown
{
    /// <summary>The text between <c>```csharp</c> and <c>```</c>, for each such block, in order.</summary>
    public static string[] Programs(string path)
    {
        string[] parts = File.ReadAllText(path).Split("```csharp\n");
        return [.. parts.Skip(1).Select(part => part[..part.IndexOf("\n```", StringComparison.Ordinal)])];
    }
}
