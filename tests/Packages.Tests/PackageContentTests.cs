using System.IO.Compression;
using System.Reflection.Metadata;
using System.Text;
using System.Xml.Linq;
using MergeEngine.Packages.Tests.Support;

namespace MergeEngine.Packages.Tests;

/// <summary>What is in the packages: what a stranger sees of them before installing one, and what a debugger needs afterwards.</summary>
[Collection(nameof(PackedCollection))]
public sealed class PackageContentTests
{
    private readonly PackedPackages _packages;

    public PackageContentTests(PackedPackages packages)
    {
        Sdk.Require();
        _packages = packages;
    }

    public static TheoryData<string> All => [.. PackedPackages.Libraries, PackedPackages.Tool];

    [Fact]
    public void These_packages_are_made_and_no_others()
    {
        string[] expected = [.. All.SelectMany(row => new[] { $"{row.Data}.{PackedPackages.Version}.nupkg", $"{row.Data}.{PackedPackages.Version}.snupkg" })];
        Assert.Equal(expected.Order(StringComparer.Ordinal), Directory.GetFiles(_packages.Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_package_says_what_it_is(string package)
    {
        using ZipArchive archive = _packages.Open(package);
        XElement metadata = Metadata(archive, package);
        Assert.Equal(package, Value(metadata, "id"));
        Assert.Equal(PackedPackages.Version, Value(metadata, "version"));
        Assert.Equal("MIT", Value(metadata, "license"));
        Assert.Equal("README.md", Value(metadata, "readme"));
        Assert.Equal("icon.png", Value(metadata, "icon"));
        Assert.InRange(Value(metadata, "description").Length, 60, 4000);
        Assert.NotEmpty(Value(metadata, "tags"));
        Assert.NotEmpty(Value(metadata, "authors"));
        // A commit without a place to find it tells nothing: it stands in the assembly's version.
        Assert.All(metadata.Elements().Where(e => e.Name.LocalName == "repository"), e => Assert.NotEmpty(e.Attribute("url")?.Value ?? ""));
        Assert.StartsWith($"# {package}\n", Text(archive, "README.md"), StringComparison.Ordinal);
        byte[] icon = Bytes(archive, "icon.png");
        Assert.Equal("PNG"u8, icon.AsSpan(1, 3));
        Assert.InRange(icon.Length, 500, 20_000);
    }

    [Theory]
    [InlineData("MergeEngine.Tensors", "System.Numerics.Tensors")]
    [InlineData("MergeEngine.Models", "MergeEngine.Tensors", "CsvHelper", "StbImageSharp", "System.Numerics.Tensors")]
    [InlineData("MergeEngine.Merging", "MergeEngine.Models", "YamlDotNet", "CsvHelper", "StbImageSharp", "System.Numerics.Tensors")]
    [InlineData("MergeEngine.Embeddings", "MergeEngine.Merging", "Microsoft.Extensions.AI.Abstractions", "YamlDotNet", "CsvHelper", "StbImageSharp", "System.Numerics.Tensors")]
    [InlineData("merge-engine")]
    public void A_package_needs_these_others_and_none_besides(string package, params string[] needed)
    {
        using ZipArchive archive = _packages.Open(package);
        string[] dependencies = [.. Metadata(archive, package).Descendants().Where(e => e.Name.LocalName == "dependency").Select(e => e.Attribute("id")!.Value)];
        Assert.Equal(needed.Order(StringComparer.Ordinal), dependencies.Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Symbols_carry_the_sources_and_nothing_tells_where_it_was_built(string package)
    {
        using ZipArchive archive = _packages.Open(package), symbols = _packages.Open(package, "snupkg");
        string assembly = $"{package}.dll", database = $"{package}.pdb";
        Assert.Single(archive.Entries, entry => entry.Name == assembly);
        ZipArchiveEntry pdb = Assert.Single(symbols.Entries, entry => entry.Name == database);
        byte[] place = Encoding.UTF8.GetBytes(PackedPackages.RepositoryRoot);
        foreach (ZipArchiveEntry entry in archive.Entries.Concat(symbols.Entries).Where(entry => entry.Name.StartsWith(package, StringComparison.Ordinal)))
            Assert.True(Bytes(entry).AsSpan().IndexOf(place) < 0, $"{entry.FullName} holds the path {PackedPackages.RepositoryRoot}.");
        (int documents, int sources) = CountSources(Bytes(pdb));
        Assert.InRange(documents, 1, int.MaxValue);
        Assert.Equal(documents, sources);
    }

    /// <summary>A package that holds assemblies of others, as the tool does, names each of them with its licence.</summary>
    [Theory]
    [MemberData(nameof(All))]
    public void A_package_brings_the_notices_of_what_others_made(string package)
    {
        using ZipArchive archive = _packages.Open(package);
        string notices = Text(archive, "THIRD-PARTY-NOTICES.txt");
        Assert.Equal(File.ReadAllText(Path.Combine(PackedPackages.RepositoryRoot, "THIRD-PARTY-NOTICES.txt")), notices);
        // "in the file LICENSE", say the notices.
        Assert.Equal(File.ReadAllText(Path.Combine(PackedPackages.RepositoryRoot, "LICENSE")), Text(archive, "LICENSE"));
        string[] others = [.. archive.Entries.Where(entry => entry.Name.EndsWith(".dll", StringComparison.Ordinal)).Select(entry => Path.GetFileNameWithoutExtension(entry.Name))
            .Where(name => name != "merge-engine" && !name.StartsWith("MergeEngine.", StringComparison.Ordinal))];
        Assert.Equal(package == PackedPackages.Tool, others.Length > 0);
        // OxyPlot.Core holds OxyPlot.dll.
        Assert.All(others, name => Assert.Contains(notices.Split('\n'), line => line.StartsWith($"{name} ", StringComparison.Ordinal) || line.StartsWith($"{name}.Core ", StringComparison.Ordinal)));
    }

    [Fact]
    public void The_tool_is_for_every_machine()
    {
        using ZipArchive archive = _packages.Open(PackedPackages.Tool);
        Assert.All(archive.Entries.Where(entry => entry.FullName.StartsWith("tools/", StringComparison.Ordinal)), entry => Assert.StartsWith("tools/net10.0/any/", entry.FullName, StringComparison.Ordinal));
        Assert.DoesNotContain(archive.Entries, entry => entry.Name.EndsWith(".so", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("MergeEngine.Tensors")]
    [InlineData("MergeEngine.Models")]
    [InlineData("MergeEngine.Merging")]
    [InlineData("MergeEngine.Embeddings")]
    public void A_library_brings_its_documentation(string package)
    {
        using ZipArchive archive = _packages.Open(package);
        Assert.Contains("<summary>", Text(archive, $"lib/net10.0/{package}.xml"), StringComparison.Ordinal);
    }

    /// <summary>Documents, and custom debug information of kind "embedded source" (Portable PDB v1.0: GUID 0E8A571B-6926-466E-B4AD-8AB04611F5FE).</summary>
    private static (int Documents, int Sources) CountSources(byte[] pdb)
    {
        using var provider = MetadataReaderProvider.FromPortablePdbStream(new MemoryStream(pdb));
        MetadataReader reader = provider.GetMetadataReader();
        var kind = new Guid("0E8A571B-6926-466E-B4AD-8AB04611F5FE");
        return (reader.Documents.Count, reader.CustomDebugInformation.Count(handle => reader.GetGuid(reader.GetCustomDebugInformation(handle).Kind) == kind));
    }

    private static XElement Metadata(ZipArchive archive, string package) => XDocument.Parse(Text(archive, $"{package}.nuspec")).Root!.Elements().Single(e => e.Name.LocalName == "metadata");

    private static string Value(XElement metadata, string name) => metadata.Elements().Single(e => e.Name.LocalName == name).Value;

    private static string Text(ZipArchive archive, string name) => Encoding.UTF8.GetString(Bytes(archive, name)).TrimStart('\uFEFF');

    private static byte[] Bytes(ZipArchive archive, string name) => Bytes(Assert.Single(archive.Entries, entry => entry.FullName == name));

    private static byte[] Bytes(ZipArchiveEntry entry)
    {
        using Stream stream = entry.Open();
        using var memory = new MemoryStream();
        stream.CopyTo(memory);
        return memory.ToArray();
    }
}
