using System.Text.Json;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Commands;

/// <summary>Folders of images where commands take datasets, on a CLIP of open_clip for images of 24 × 24 pixels.</summary>
public sealed class ImageFolderTests : IDisposable
{
    private static readonly string[] Names = ["grey.png", "photo.png", "tall.png"];
    private readonly TemporaryDirectory directory = new();
    private readonly string model = Repository.Fixture("vit-openclip");

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Inspect_counts_the_images_of_each_class_and_finds_those_that_cannot_be_read()
    {
        Folder();
        File.WriteAllText(directory["data/train/a/broken.jpg"], "no image");
        Assert.Equal(
            ["class  test  train", "a         1      3", "b         1      1", "c         1      0", "          3      4", "", "3 classes, 7 images"],
            MergeEngineProcess.Run("inspect", directory["data"]).Succeeded().Output.TrimEnd().Split('\n'));
        Outcome read = MergeEngineProcess.Run("inspect", directory["data"], "--stats").Succeeded();
        Assert.Contains("train: 3 images can be read, 45 to 67 pixels high and 38 to 61 wide", read.Output, StringComparison.Ordinal);
        Assert.Contains($"{directory["data/train/a/broken.jpg"]}: begins with 6E6F20696D616765, expected a PNG, JPEG or PPM image.", read.Output, StringComparison.Ordinal);
        JsonElement report = MergeEngineProcess.Run("inspect", directory["data"], "--stats", "--json").Succeeded().Json();
        Assert.Equal(["a", "b", "c"], report.GetProperty("classes").EnumerateArray().Select(name => name.GetString()));
        JsonElement train = report.GetProperty("splits").EnumerateArray().Single(split => split.GetProperty("name").GetString() == "train");
        Assert.Equal([3, 1, 0], train.GetProperty("samples_by_class").EnumerateArray().Select(count => count.GetInt32()));
        Assert.Equal(1, train.GetProperty("images").GetProperty("faults").GetArrayLength());
    }

    [Theory]
    [InlineData("data")]
    [InlineData("flat")]
    [InlineData("list.csv")]
    public void Encode_gives_the_features_of_Pillows_pixels(string input)
    {
        Folder();
        MergeEngineProcess.Run("encode", model, directory[input], directory["actual.safetensors"]).Succeeded();
        MergeEngineProcess.Run("encode", model, Tensors(), directory["expected.safetensors"]).Succeeded();
        Assert.Equal(File.ReadAllBytes(directory["expected.safetensors"]), File.ReadAllBytes(directory["actual.safetensors"]));
    }

    [Fact]
    public void Evaluate_gradients_and_tune_take_folders()
    {
        Folder();
        string head = directory["head.safetensors"], tensors = Tensors();
        SafetensorsWriter.Write(head, [TensorContent.FromFloat32("weight", [3, 32], Enumerable.Range(0, 96).Select(i => (float)Math.Sin(i)).ToArray())]);
        JsonElement folder = MergeEngineProcess.Run("evaluate", model, directory["data"], "--head", head, "--json").Succeeded().Json();
        JsonElement file = MergeEngineProcess.Run("evaluate", model, tensors, "--head", head, "--json").Succeeded().Json();
        Assert.Equal(file.GetProperty("loss").GetDouble(), folder.GetProperty("loss").GetDouble());
        Assert.Equal(file.GetProperty("correct").GetInt32(), folder.GetProperty("correct").GetInt32());

        foreach ((string data, string output) in new[] { (directory["data"], "folder.safetensors"), (tensors, "file.safetensors") })
            MergeEngineProcess.Run("gradients", model, data, directory[output], "--reduction", "abs-per-sample", "--head", head, "--split", "test").Succeeded();
        Assert.Equal(File.ReadAllBytes(directory["file.safetensors"]), File.ReadAllBytes(directory["folder.safetensors"]));

        JsonElement tuned = MergeEngineProcess.Run("tune", model, directory["data"], directory["tuned"], "--head", head, "--epochs", "2", "--batch-size", "2", "--shift", "2", "--json").Succeeded().Json();
        Assert.Equal(4, tuned.GetProperty("steps").GetInt32());
    }

    [Fact]
    public void A_damaged_image_is_named_and_nothing_is_written()
    {
        Folder();
        File.WriteAllBytes(directory["data/test/b/photo.png"], File.ReadAllBytes(Repository.Fixture("images", "photo.png"))[..4000]);
        Outcome outcome = MergeEngineProcess.Run("encode", model, directory["data"], directory["out.safetensors"]);
        Assert.Equal(1, outcome.Code);
        Assert.Contains("photo.png: the chunk at byte", outcome.Error, StringComparison.Ordinal);
        Assert.Single(outcome.Error.TrimEnd().Split('\n'), line => line.Length > 0);
        Assert.False(File.Exists(directory["out.safetensors"]));
    }

    [Fact]
    public void Options_for_tables_do_not_belong_to_folders()
    {
        Folder();
        Outcome outcome = MergeEngineProcess.Run("evaluate", model, directory["data"], "--label-column", "x");
        Assert.Equal(2, outcome.Code);
        Assert.Contains("--label-column is for .tsv, .csv or .jsonl files", outcome.Error, StringComparison.Ordinal);
        File.WriteAllText(directory["texts.csv"], "text,label\na,0\n");
        Assert.Contains("has no column file or file_name, expected one with the paths of images", MergeEngineProcess.Run("encode", Repository.Fixture("vit-clip"), directory["texts.csv"], directory["out.safetensors"]).Error, StringComparison.Ordinal);
    }

    /// <summary>data/test with a class for each image, data/train, flat with the images alone, and list.csv.</summary>
    private void Folder()
    {
        foreach ((string name, string target) in new[] { ("photo", "a/1"), ("tall", "a/2"), ("photo", "b/1") }) Copy($"{name}.png", $"data/train/{target}.png");
        for (int i = 0; i < 3; i++)
        {
            Copy(Names[i], $"data/test/{(char)('a' + i)}/{Names[i]}");
            Copy(Names[i], $"flat/{Names[i]}");
        }

        File.WriteAllText(directory["list.csv"], "label,file\n" + string.Concat(Names.Select((name, i) => $"{i},flat/{name}\n")));
    }

    /// <summary>The same test split, of the bytes that Pillow makes of the images.</summary>
    private string Tensors()
    {
        using SafetensorsFile expected = SafetensorsFile.Open(Repository.Fixture("images", "expected.safetensors"));
        byte[] pixels = [.. Names.SelectMany(name => expected.GetSpan($"openclip.{name}").ToArray())];
        SafetensorsWriter.Write(
            directory["data.safetensors"],
            [new TensorContent("test.images", DType.U8, [3, 3, 24, 24], pixels), TensorContent.FromInt32("test.labels", [3], new[] { 0, 1, 2 })],
            new Dictionary<string, string> { ["task"] = "data" });
        return directory["data.safetensors"];
    }

    private void Copy(string fixture, string target)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(directory[target])!);
        File.Copy(Repository.Fixture("images", fixture), directory[target]);
    }
}
