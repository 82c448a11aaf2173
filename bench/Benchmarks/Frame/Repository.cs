using System.Runtime.Intrinsics.X86;
using System.Text;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Benchmarks.Frame;

/// <summary>Places in the repository that the benchmarks run in.</summary>
internal static class Repository
{
    /// <exception cref="DirectoryNotFoundException">The program was copied elsewhere.</exception>
    public static string Root { get; } = Find();

    /// <summary>Where this machine's results lie if nobody says otherwise: <c>bench/results/&lt;processor&gt;-&lt;cores&gt;c</c>.</summary>
    public static string Results => Path.Combine(Root, "bench", "results", $"{Slug(Distinct(MachineDescription.Current.Processor, Family))}-{MachineDescription.Current.Cores}c");

    /// <summary>Family and model of the processor as <c>CPUID</c> tells them (leaf 1, with the extended fields); null where there is no such instruction.</summary>
    private static (int Family, int Model)? Family
    {
        get
        {
            if (!X86Base.IsSupported) return null;
            int signature = X86Base.CpuId(1, 0).Eax, family = (signature >> 8) & 15;
            return (family == 15 ? family + ((signature >> 20) & 255) : family, ((signature >> 4) & 15) + ((signature >> 12) & 0xF0));
        }
    }

    /// <summary>A processor's name that tells its generation: virtual machines are often given one without a number, such as "AMD EPYC".</summary>
    /// <param name="name">As the system gives it.</param>
    /// <param name="family">What is added to a name without a digit; models of family 26 below 80 are AMD's Zen 5.</param>
    public static string Distinct(string name, (int Family, int Model)? family) => family switch
    {
        null => name,
        _ when name.Any(char.IsAsciiDigit) => name,
        (26, < 80) => $"{name} Zen5",
        (int number, int model) => $"{name} family {number} model {model}",
    };

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
