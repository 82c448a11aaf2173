using System.Text.RegularExpressions;
using MergeEngine.Embeddings.Tests.Support;
using MergeEngine.Packages.Tests.Support;

namespace MergeEngine.Packages.Tests;

/// <summary>
/// What README.md and the packages' own pages promise, from a stranger's side: fresh projects install the packages, compile the C# of those pages as it
/// stands there, and run it.
/// </summary>
[Collection(nameof(PackedCollection))]
public sealed partial class InstalledPackageTests
{
    /// <summary>What README.md says in words: where the names of its C# are.</summary>
    private static readonly string[] s_namespaces =
    [
        "MergeEngine.Tensors", "MergeEngine.Tensors.Parameters", "MergeEngine.Models.Encoders", "MergeEngine.Models.Datasets", "MergeEngine.Models.Tokenizers",
        "MergeEngine.Models.Training", "MergeEngine.Merging.Methods", "MergeEngine.Embeddings", "Microsoft.Extensions.AI", "System.Numerics.Tensors",
    ];

    /// <summary>What MergeEngine.Merging needs from elsewhere.</summary>
    private static readonly string[] s_needed = ["YamlDotNet", "CsvHelper", "StbImageSharp", "System.Numerics.Tensors"];

    private readonly PackedPackages _packages;

    public InstalledPackageTests(PackedPackages packages)
    {
        Sdk.Require();
        _packages = packages;
    }

    [Fact]
    public void The_programs_of_every_page_compile_against_the_packages_and_run()
    {
        string room = _packages.Room("strangers");
        _packages.WriteNuGetConfig(room);
        foreach (string package in PackedPackages.Libraries)
        {
            string page = Path.Combine(PackedPackages.RepositoryRoot, "src", package["MergeEngine.".Length..], "README.md");
            WriteProject(room, package, package, Assert.Single(Markdown.Programs(page)), []);
        }

        string[] programs = Markdown.Programs(Path.Combine(PackedPackages.RepositoryRoot, "README.md"));
        Assert.NotEmpty(programs);
        IEnumerable<string> calls = programs.Select((_, i) => $"await Program{i}();");
        IEnumerable<string> functions = programs.Select((program, i) => $"static async Task Program{i}()\n{{\nawait Task.Yield();\n{program}\n}}");
        WriteProject(room, "Readme", "MergeEngine.Embeddings", string.Join("\n\n", calls.Concat(functions)), s_namespaces);

        string[] projects = [.. PackedPackages.Libraries, "Readme"];
        File.WriteAllText(
            Path.Combine(room, "Strangers.slnx"),
            $"<Solution>\n{string.Concat(projects.Select(project => $"  <Project Path=\"{project}/{project}.csproj\" />\n"))}</Solution>\n");
        _packages.Sdk.Run(room, "msbuild", "Strangers.slnx", "-restore", "-v:quiet", "-nologo", "-p:Configuration=Release");

        using var models = new TinyTextModel();
        string work = PrepareWork(models);
        Assert.Equal("14 32 32 77\n", RunProject(room, "MergeEngine.Tensors", work));
        Assert.Equal("2 texts, 24 numbers each, length of the first 1.00\n", RunProject(room, "MergeEngine.Models", work));
        Assert.Matches(@"^merged: (\d+) of \1 tensors merged with ties\n$", RunProject(room, "MergeEngine.Merging", work));
        Assert.Matches(@"^similarity -?[01]\.\d\d\d\n$", RunProject(room, "MergeEngine.Embeddings", work));
        Assert.Matches(@"^\d+\.\d %\n$", RunProject(room, "Readme", work));
        Assert.True(File.Exists(Path.Combine(work, "out", "merged", "config.json")));
    }

    [Fact]
    public void The_tool_installs_and_merges()
    {
        string room = _packages.Room("tool");
        _packages.WriteNuGetConfig(room);
        _packages.Sdk.Run(room, "tool", "install", PackedPackages.Tool, "--tool-path", "bin", "--version", PackedPackages.Version);
        using var models = new TinyTextModel();
        string work = PrepareWork(models);
        string program = Path.Combine(room, "bin", "merge-engine");

        Assert.Contains("merge-engine merge ", _packages.Sdk.RunProgram(program, work, "--help"), StringComparison.Ordinal);
        Assert.StartsWith(PackedPackages.Version, _packages.Sdk.RunProgram(program, work, "--version"), StringComparison.Ordinal);
        _packages.Sdk.RunProgram(program, work, "merge", "--method", "ties", "--base", "all-MiniLM-L6-v2", "--model", "tuned/sentiment=0.5", "--model", "tuned/topic=0.3", "--parameter", "density=0.2", "by-tool", "--quiet");
        _packages.Sdk.RunProgram(program, work, "verify", "by-tool");
        Assert.Contains("F32", _packages.Sdk.RunProgram(program, work, "inspect", "by-tool"), StringComparison.Ordinal);
        Assert.Contains("task_arithmetic", _packages.Sdk.RunProgram(program, work, "methods"), StringComparison.Ordinal);
        Assert.Contains("could not be loaded", _packages.Sdk.RunProgram(program, work, "devices"), StringComparison.Ordinal);
    }

    /// <summary>README.md's own commands, where nothing is cached. A folder that holds what this build was restored from stands for nuget.org.</summary>
    [Fact]
    public void The_commands_of_the_readme_install_a_library_where_nothing_is_cached()
    {
        string readme = File.ReadAllText(Path.Combine(PackedPackages.RepositoryRoot, "README.md"));
        string addSource = Command(readme, "dotnet nuget add source "), addPackage = Command(readme, "dotnet add package ");
        Assert.Equal("\"$PWD/artifacts/package/release\" --name merge-engine", addSource);
        Assert.Equal("MergeEngine.Merging", addPackage);

        string room = _packages.Room("uncached"), gallery = Directory.CreateDirectory(Path.Combine(room, "gallery")).FullName, project = Path.Combine(room, "app");
        foreach (string file in Directory.GetFiles(Sdk.PackageCache, "*.nupkg", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 2 }))
        {
            if (s_needed.Any(name => Path.GetFileName(file).StartsWith($"{name}.", StringComparison.OrdinalIgnoreCase))) File.CreateSymbolicLink(Path.Combine(gallery, Path.GetFileName(file)), file);
        }

        WriteProject(room, "app", null, "Console.WriteLine(typeof(MergeEngine.Merging.Methods.TaskArithmetic).Name);", []);
        string settings = Path.Combine(project, "nuget.config");
        File.WriteAllText(settings, $"""<configuration><packageSources><clear /><add key="nuget.org" value="{gallery}" /></packageSources></configuration>""");
        // The user's own settings are left alone.
        _packages.Sdk.Run(project, ["nuget", "add", "source", .. addSource.Replace("\"$PWD/artifacts/package/release\"", _packages.Folder, StringComparison.Ordinal).Split(' '), "--configfile", settings]);
        _packages.Sdk.Run(project, "add", "package", addPackage);
        Assert.Contains($"<PackageReference Include=\"{addPackage}\" Version=\"{PackedPackages.Version}\" />", File.ReadAllText(Path.Combine(project, "app.csproj")), StringComparison.Ordinal);
        _packages.Sdk.Run(project, "msbuild", "-v:quiet", "-nologo", "-p:Configuration=Release");
        Assert.Equal("TaskArithmetic\n", RunProject(room, "app", room));

        static string Command(string page, string start)
        {
            int first = page.IndexOf(start, StringComparison.Ordinal) + start.Length;
            Assert.True(first >= start.Length, $"README.md does not say '{start.Trim()}'.");
            return page[first..page.IndexOf('`', first)];
        }
    }

    [Fact]
    public void Readme_names_the_namespaces_of_its_programs_and_how_to_install_each_package()
    {
        string readme = Spaces().Replace(File.ReadAllText(Path.Combine(PackedPackages.RepositoryRoot, "README.md")), " ");
        Assert.All(s_namespaces.Where(name => name.StartsWith("MergeEngine.", StringComparison.Ordinal)), name => Assert.Contains(name["MergeEngine".Length..], readme, StringComparison.Ordinal));
        Assert.All(PackedPackages.Libraries, package => Assert.Contains($"`{package}`", readme, StringComparison.Ordinal));
        Assert.Contains("dotnet tool install --global merge-engine", readme, StringComparison.Ordinal);
    }

    /// <summary>The files that the pages name, small: models of a few thousand numbers, and the repository's data.</summary>
    private static string PrepareWork(TinyTextModel models)
    {
        foreach ((string from, string to) in new[] { (models.Tuned[0], "sentiment"), (models.Tuned[1], "topic") }) Directory.Move(from, Path.Combine(models.Root, "tuned", to));
        Directory.CreateSymbolicLink(Path.Combine(models.Root, "all-MiniLM-L6-v2"), models.Base);
        Directory.CreateSymbolicLink(Path.Combine(models.Root, "data"), Path.Combine(PackedPackages.RepositoryRoot, "data"));
        return models.Root;
    }

    private static void WriteProject(string room, string name, string? package, string program, string[] namespaces)
    {
        string directory = Directory.CreateDirectory(Path.Combine(room, name)).FullName;
        File.WriteAllText(Path.Combine(directory, "Program.cs"), program + "\n");
        // An assembly may not be called like a package that it refers to.
        File.WriteAllText(Path.Combine(directory, $"{name}.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <AssemblyName>program</AssemblyName>
                <PackageId>stranger-{name}</PackageId>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
                <NuGetAudit>false</NuGetAudit>
              </PropertyGroup>
              <ItemGroup>
                {(package is null ? "" : $"<PackageReference Include=\"{package}\" Version=\"{PackedPackages.Version}\" />")}
                {string.Concat(namespaces.Select(name => $"<Using Include=\"{name}\" />"))}
              </ItemGroup>
            </Project>
            """);
    }

    private string RunProject(string room, string name, string work) => _packages.Sdk.Run(work, "exec", Path.Combine(room, name, "bin", "Release", "net10.0", "program.dll"));

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}
