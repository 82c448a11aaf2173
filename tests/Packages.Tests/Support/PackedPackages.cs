using System.IO.Compression;
using System.Xml.Linq;
using MergeEngine.Tests.Support;

namespace MergeEngine.Packages.Tests.Support;

/// <summary>Every package of the repository, packed from this build into a folder that is gone when the tests end.</summary>
public sealed class PackedPackages : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly Lazy<string> _folder;

    public PackedPackages()
    {
        _folder = new Lazy<string>(Pack);
        Sdk = new Sdk(_directory.Path);
    }

    public static IReadOnlyList<string> Libraries { get; } = ["MergeEngine.Tensors", "MergeEngine.Models", "MergeEngine.Merging", "MergeEngine.Embeddings"];

    public const string Tool = "merge-engine";

    public static string RepositoryRoot { get; } = Path.GetFullPath(Path.Combine(FixtureFiles.PathOf(""), "..", ".."));

    /// <summary>The one version of everything, from Directory.Build.props.</summary>
    public static string Version { get; } = XDocument.Load(Path.Combine(RepositoryRoot, "Directory.Build.props")).Descendants("Version").Single().Value;

    internal Sdk Sdk { get; }

    /// <summary>The folder with the packages, which a project can name as its source.</summary>
    public string Folder => _folder.Value;

    /// <summary>A directory for a test's own files, outside the repository, so that none of its settings apply.</summary>
    public string Room(string name) => Directory.CreateDirectory(_directory.File(name)).FullName;

    internal ZipArchive Open(string package, string extension = "nupkg") => ZipFile.OpenRead(Path.Combine(Folder, $"{package}.{Version}.{extension}"));

    /// <summary>Sources of a restore: the packed folder, and what this build was restored from.</summary>
    public void WriteNuGetConfig(string directory) => File.WriteAllText(Path.Combine(directory, "nuget.config"), $"""
        <configuration>
          <packageSources><clear /><add key="packed" value="{Folder}" /></packageSources>
          <fallbackPackageFolders><clear /><add key="cache" value="{Sdk.PackageCache}" /></fallbackPackageFolders>
        </configuration>
        """);

    public void Dispose() => _directory.Dispose();

    private string Pack()
    {
        string folder = Room("packages");
        // artifacts/bin/PROJECT/CONFIGURATION: what stands there is packed, nothing is built again.
        string configuration = Path.GetFileName(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        Sdk.Run(RepositoryRoot, "msbuild", "Engine.sln", "-t:Pack", "-v:quiet", "-nologo", $"-p:Configuration={configuration}", "-p:NoBuild=true", $"-p:PackageOutputPath={folder}");
        return folder;
    }
}
