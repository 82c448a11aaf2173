using System.Text;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Benchmarks.Frame;

/// <summary>Places in the repository that the benchmarks run in.</summary>
internal static class Repository
{
    /// <exception cref="DirectoryNotFoundException">The program was copied elsewhere.</exception>
    public static string Root { get; } = Find();

    /// <summary>Where this machine's results lie if nobody says otherwise: <c>bench/results/&lt;processor&gt;-&lt;cores&gt;c</c>.</summary>
    public static string Results => Path.Combine(Root, "bench", "results", $"{Slug(MachineDescription.Current.Processor)}-{MachineDescription.Current.Cores}c");

    /// <summary>Lower case, and a dash for everything that is no letter or digit.</summary>
    public static string Slug(string name)
    {
        var slug = new StringBuilder();
        foreach (char c in name.ToLowerInvariant())
        {
            if (char.IsAsciiLetterOrDigit(c)) slug.Append(c);
            else if (slug.Length > 0 && slug[^1] != '-') slug.Append('-');
        }

        return slug.ToString().TrimEnd('-');
    }

    private static string Find()
    {
        DirectoryInfo? directory = new(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "Engine.sln"))) directory = directory.Parent;
        return directory?.FullName ?? throw new DirectoryNotFoundException($"No directory above {AppContext.BaseDirectory} holds Engine.sln, expected to run inside the repository.");
    }
}
