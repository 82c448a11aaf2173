using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using MergeEngine.Merging.Streaming.Hashing;
using MergeEngine.Merging.Streaming.Hashing.Blake3;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Streaming.Output;

/// <summary>Verification finds what was changed, wherever it was.</summary>
public sealed class VerificationTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void One_flipped_bit_anywhere_is_found()
    {
        string path = directory.File("out");
        SyntheticModel.Write(path, SyntheticModel.Small);
        Assert.Empty(OutputVerification.Run(path, 1).Differences);
        var random = new Random(17);
        foreach (string file in Directory.GetFiles(path))
        {
            byte[] good = File.ReadAllBytes(file);
            for (int i = 0; i < 60; i++)
            {
                byte[] bad = [.. good];
                int at = i == 0 ? 0 : i == 1 ? bad.Length - 1 : random.Next(bad.Length);
                bad[at] ^= (byte)(1 << random.Next(8));
                File.WriteAllBytes(file, bad);
                Assert.True(IsFound(path), $"{Path.GetFileName(file)} byte {at}");
            }

            File.WriteAllBytes(file, good);
        }

        Assert.Empty(OutputVerification.Run(path, 1).Differences);
    }

    [Fact]
    public void The_place_of_a_change_in_a_large_file_is_told()
    {
        string path = directory.File("out");
        SyntheticModel.Write(path, SyntheticModel.Large);
        string file = Directory.GetFiles(path, "*.safetensors").MaxBy(f => new FileInfo(f).Length)!;
        ResumeTests.Flip(file, StreamedHash.PieceBytes + 10);
        string line = Assert.Single(OutputVerification.Run(path, 2).Differences);
        Assert.Contains(Path.GetFileName(file), line, StringComparison.Ordinal);
        Assert.Contains("another BLAKE3", line, StringComparison.Ordinal);
        Assert.Contains("bytes 16777216 to", line, StringComparison.Ordinal);
    }

    /// <summary>What <c>sha256sum</c> and <c>b3sum</c> print.</summary>
    [Fact]
    public void Every_entry_names_its_hash_and_has_it_of_the_whole_file()
    {
        string path = directory.File("out");
        MergeManifest manifest = SyntheticModel.Write(path, SyntheticModel.Large);
        Assert.Contains(manifest.Outputs, o => o.Blake3 is not null);
        Assert.Contains(manifest.Outputs, o => o.Sha256 is not null);
        foreach (ManifestOutput output in manifest.Outputs)
        {
            byte[] bytes = File.ReadAllBytes(Path.Combine(path, output.Name));
            bool small = bytes.Length <= StreamedHash.PieceBytes;
            Assert.Equal(small ? Convert.ToHexStringLower(SHA256.HashData(bytes)) : null, output.Sha256);
            Assert.Equal(small ? null : Convert.ToHexStringLower(HashTree.Default.Hash(bytes)), output.Blake3);
        }

        using JsonDocument text = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(path, MergeManifest.FileName)));
        foreach (JsonElement output in text.RootElement.GetProperty("outputs").EnumerateArray())
            Assert.NotEqual(output.TryGetProperty("sha256", out _), output.TryGetProperty("blake3", out _));
    }

    [Fact]
    public void A_manifest_of_an_older_version_gets_one_sentence()
    {
        string path = directory.File("out"), manifest = Path.Combine(path, MergeManifest.FileName);
        SyntheticModel.Write(path, SyntheticModel.Small);
        File.WriteAllText(manifest, File.ReadAllText(manifest).Replace("merge-engine manifest 2", "merge-engine manifest 1", StringComparison.Ordinal));
        OutputDirectoryTests.Refused(() => OutputVerification.Run(path, 1), manifest, "older version");
    }

    [Fact]
    public void Missing_unlisted_and_cut_files_are_told()
    {
        string path = directory.File("out");
        SyntheticModel.Write(path, SyntheticModel.Small);
        File.Delete(Path.Combine(path, "config.json"));
        File.WriteAllText(Path.Combine(path, "pytorch_model.bin"), "");
        Directory.CreateDirectory(Path.Combine(path, "more"));
        using (FileStream shard = File.OpenWrite(Path.Combine(path, "model-00001-of-00002.safetensors"))) shard.SetLength(2000);
        Assert.Equal(
            ["\"config.json\" is missing.", "\"model-00001-of-00002.safetensors\" has 2000 bytes, expected 2520.", "\"more\" is not in the manifest.", "\"pytorch_model.bin\" is not in the manifest."],
            OutputVerification.Run(path, 1).Differences);
    }

    [Fact]
    public void Without_hashes_sizes_and_headers_are_compared()
    {
        string path = directory.File("out");
        SyntheticModel.Write(path, SyntheticModel.Small, SyntheticModel.Options with { Hash = false });
        OutputVerification good = OutputVerification.Run(path, 1);
        Assert.False(good.Hashed);
        Assert.Empty(good.Differences);
        string shard = Path.Combine(path, "model-00001-of-00002.safetensors");
        string text = Encoding.Latin1.GetString(File.ReadAllBytes(shard));
        File.WriteAllBytes(shard, Encoding.Latin1.GetBytes(text.Replace("\"layer.0.weight\"", "\"layer.1.weight\"", StringComparison.Ordinal)));
        Assert.Contains("header", Assert.Single(OutputVerification.Run(path, 1).Differences), StringComparison.Ordinal);
    }

    [Fact]
    public void A_directory_without_a_manifest_gets_one_sentence() =>
        OutputDirectoryTests.Refused(() => OutputVerification.Run(directory.Path, 1), MergeManifest.FileName, "does not exist");

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{\"format\":\"merge-engine manifest 2\"}")]
    [InlineData("{\"format\":null}")]
    public void A_manifest_that_is_none_gets_one_sentence(string text)
    {
        File.WriteAllText(directory.File(MergeManifest.FileName), text);
        OutputDirectoryTests.Refused(() => OutputVerification.Run(directory.Path, 1), MergeManifest.FileName);
    }

    [Theory]
    [InlineData("../outside")]
    [InlineData("/etc/passwd")]
    [InlineData("a\\b")]
    [InlineData("..")]
    [InlineData("")]
    public void A_manifest_does_not_lead_out_of_its_directory(string name)
    {
        Forge(new ManifestOutput(name, 3, new string('a', 64)));
        OutputDirectoryTests.Refused(() => OutputVerification.Run(directory.Path, 1), "file name");
    }

    [Fact]
    public void A_manifest_cannot_ask_for_more_pieces_than_it_lists()
    {
        string digest = new('a', 64);
        Forge(new ManifestOutput("model.safetensors", long.MaxValue, Blake3: digest, Pieces: [digest, digest]));
        OutputDirectoryTests.Refused(() => OutputVerification.Run(directory.Path, 1), "pieces");
        Forge(new ManifestOutput("model.safetensors", 20 << 20, Blake3: digest, Pieces: [digest, digest]));
        OutputDirectoryTests.Refused(() => OutputVerification.Run(directory.Path, 1), "another BLAKE3 than its pieces");
        Forge(new ManifestOutput("model.safetensors", 20 << 20, digest));
        OutputDirectoryTests.Refused(() => OutputVerification.Run(directory.Path, 1), "no BLAKE3");
        Forge(new ManifestOutput("model.safetensors", 20, Blake3: digest));
        OutputDirectoryTests.Refused(() => OutputVerification.Run(directory.Path, 1), "no SHA-256");
        Forge(new ManifestOutput("a", 3, new string('a', 64)), new ManifestOutput("a", 3, new string('a', 64)));
        OutputDirectoryTests.Refused(() => OutputVerification.Run(directory.Path, 1), "twice");
        Forge(new ManifestOutput("a", -1, new string('a', 64)));
        OutputDirectoryTests.Refused(() => OutputVerification.Run(directory.Path, 1), "-1 bytes");
    }

    private static bool IsFound(string path)
    {
        try
        {
            return OutputVerification.Run(path, 1).Differences.Count > 0;
        }
        catch (SafetensorsException)
        {
            return true;
        }
    }

    /// <summary>A manifest whose own hash is right.</summary>
    private void Forge(params ManifestOutput[] outputs) => File.WriteAllBytes(
        directory.File(MergeManifest.FileName),
        ManifestFile.Build(new MergeManifest(
            MergeManifest.CurrentFormat, "0.0.0", "", "paper", null, [], ManifestHash.Current, [], outputs, DateTime.UnixEpoch, DateTime.UnixEpoch, "")));
}
