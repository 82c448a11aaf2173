using System.Runtime.InteropServices;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Tests.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Checkpoints;

/// <summary>A model is saved in the layout that it came from; what was not changed has the same bytes.</summary>
public sealed class SaveTests
{
    private static readonly float[] SomeHalves = [0.1f, -1f / 3, 3e-8f, 65504, 1e-3f];

    [Theory]
    [InlineData("vit-hf", "model.safetensors", null)]
    [InlineData("vit-hf-gelu-tanh", "model.safetensors", null)]
    [InlineData("vit-clip", "model.safetensors", null)]
    [InlineData("vit-clip", "model-noprefix.safetensors", null)]
    [InlineData("vit-clip", "clip-model.safetensors", "clip-model-config.json")]
    [InlineData("vit-openclip", "model.safetensors", null)]
    [InlineData("vit-openclip-quick", "model.safetensors", null)]
    [InlineData("vit-timm", "model.safetensors", null)]
    [InlineData("vit-timm-gap", "model.safetensors", null)]
    [InlineData("vit-timm-dino", "model.safetensors", null)]
    public void An_unchanged_model_is_saved_byte_for_byte(string fixture, string model, string? config)
    {
        using var directory = new TemporaryDirectory();
        using Device device = Device.Open("cpu", 1);
        string path = FixtureFiles.PathOf($"{fixture}/{model}");
        using VisionTransformer encoder = VisionTransformer.Load(device, path, config is null ? null : FixtureFiles.PathOf($"{fixture}/{config}"));
        using ClassificationHead? head = encoder.CreateCheckpointHead();

        encoder.Save(directory.File("again.safetensors"), encoder.Parameters, head);
        Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(directory.File("again.safetensors")));

        string target = directory.File("as-directory");
        encoder.Save(target, encoder.Parameters, head);
        Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(Path.Combine(target, model)));
        foreach (string name in new[] { "config.json", "preprocessor_config.json", "open_clip_config.json" })
        {
            string original = FixtureFiles.PathOf($"{fixture}/{(name == "config.json" && config is not null ? config : name)}");
            if (File.Exists(original)) Assert.Equal(File.ReadAllBytes(original), File.ReadAllBytes(Path.Combine(target, name)));
        }

        using VisionTransformer again = VisionTransformer.Load(device, target);
        Assert.Equal(encoder.Config with { Normalization = again.Config.Normalization }, again.Config);
    }

    [Theory]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    [InlineData(DType.F64)]
    public void Other_dtypes_are_saved_byte_for_byte_and_changes_are_rounded_to_them(DType dtype)
    {
        using var model = new EditedModel("vit-timm");
        model.Store(dtype);
        // Values that float32 does not hold: they come back all the same, because they were not changed.
        if (dtype == DType.F64) model.Overwrite("norm.bias", MemoryMarshal.AsBytes(Enumerable.Range(1, 48).Select(i => 1.0 / i).ToArray().AsSpan()).ToArray());
        string path = model.Write();
        using Device device = Device.Open("cpu", 1);
        using VisionTransformer encoder = VisionTransformer.Load(device, path);
        string target = model.Target("saved.safetensors");
        encoder.Save(target, encoder.Parameters);
        byte[] original = File.ReadAllBytes(model.WeightsFile);
        Assert.Equal(original, File.ReadAllBytes(target));

        float[] values = encoder.Parameters.Download("norm.weight");
        SomeHalves.CopyTo(values, 0);
        encoder.Parameters.Upload("norm.weight", values);
        encoder.Save(target, encoder.Parameters);
        byte[] expected = new byte[dtype.ByteCount(values.Length)], now = File.ReadAllBytes(target);
        Conversion.FromSingle(values, dtype, expected);
        using SafetensorsFile saved = SafetensorsFile.Open(target);
        Assert.Equal(expected, saved.GetSpan("norm.weight").ToArray());
        int begin = (int)(saved.Header.DataStart + saved["norm.weight"].Begin);
        for (int i = 0; i < now.Length; i++)
        {
            if (i < begin || i >= begin + expected.Length) Assert.Equal(original[i], now[i]);
        }
    }

    [Fact]
    public void Shards_are_saved_as_the_same_shards_with_their_index()
    {
        using var model = new EditedModel("vit-hf");
        string path = model.WriteShards();
        using Device device = Device.Open("cpu", 1);
        using VisionTransformer encoder = VisionTransformer.Load(device, path);
        string target = model.Target("saved");
        encoder.Save(target, encoder.Parameters);
        string[] files = [.. Directory.GetFiles(path).Select(f => Path.GetFileName(f)!).Order()];
        Assert.Equal(files, Directory.GetFiles(target).Select(f => Path.GetFileName(f)!).Order());
        foreach (string file in files) Assert.Equal(File.ReadAllBytes(Path.Combine(path, file)), File.ReadAllBytes(Path.Combine(target, file)));
        Assert.Contains("2 shards", Assert.Throws<ModelException>(() => encoder.Save(model.Target("one.safetensors"), encoder.Parameters)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tensors_that_are_not_the_encoders_are_left_alone()
    {
        using var model = new EditedModel("vit-hf");
        string path = model.Add("vit.embeddings.mask_token", [1, 1, 48]).Add("decoder.0.weight", [3]).Write();
        using Device device = Device.Open("cpu", 1);
        using VisionTransformer encoder = VisionTransformer.Load(device, path);
        Assert.False(encoder.Layout.Contains("vit.embeddings.mask_token"));
        encoder.Save(model.Target("saved.safetensors"), encoder.Parameters);
        Assert.Equal(File.ReadAllBytes(model.WeightsFile), File.ReadAllBytes(model.Target("saved.safetensors")));
    }

    [Fact]
    public void Saving_over_the_file_that_is_open_works()
    {
        using var model = new EditedModel("vit-hf");
        string path = model.Write();
        using Device device = Device.Open("cpu", 1);
        using (VisionTransformer encoder = VisionTransformer.Load(device, path))
        {
            device.Operations.Scale(encoder.Parameters.Values, 2);
            encoder.Save(path, encoder.Parameters);
            device.Operations.Scale(encoder.Parameters.Values, 2);
            encoder.Save(path, encoder.Parameters);
        }

        using VisionTransformer quadrupled = VisionTransformer.Load(device, path), original = VisionTransformer.Load(device, FixtureFiles.PathOf("vit-hf"));
        device.Operations.Scale(original.Parameters.Values, 4);
        Assert.Equal(VisionCase.Download(original.Parameters.Values), VisionCase.Download(quadrupled.Parameters.Values));
    }

    /// <summary>Download caches are directories of links: a model that is saved there takes the links' place, and what they point to stays.</summary>
    [Fact]
    public void Links_are_replaced_and_what_they_point_to_stays()
    {
        using var model = new EditedModel("vit-hf");
        using var cache = new TemporaryDirectory();
        string path = model.Write();
        Dictionary<string, byte[]> before = Directory.GetFiles(path).ToDictionary(file => file, File.ReadAllBytes);
        foreach (string file in before.Keys) File.CreateSymbolicLink(cache.File(Path.GetFileName(file)), file);
        using Device device = Device.Open("cpu", 1);
        using (VisionTransformer encoder = VisionTransformer.Load(device, cache.Path))
        {
            device.Operations.Scale(encoder.Parameters.Values, 2);
            // Over itself, over itself by another name, and over a copy whose config is a link to something else.
            encoder.Save(cache.Path, encoder.Parameters);
            Directory.CreateSymbolicLink(model.Target("same"), cache.Path);
            encoder.Save(model.Target("same"), encoder.Parameters);
            Directory.CreateDirectory(model.Target("other"));
            File.WriteAllText(model.Target("precious"), "keep");
            File.CreateSymbolicLink(Path.Combine(model.Target("other"), "config.json"), model.Target("precious"));
            encoder.Save(model.Target("other"), encoder.Parameters);
        }

        Assert.Equal("keep", File.ReadAllText(model.Target("precious")));
        foreach ((string file, byte[] bytes) in before) Assert.Equal(bytes, File.ReadAllBytes(file));
        using VisionTransformer doubled = VisionTransformer.Load(device, cache.Path), other = VisionTransformer.Load(device, model.Target("other")), original = VisionTransformer.Load(device, path);
        device.Operations.Scale(original.Parameters.Values, 2);
        Assert.Equal(VisionCase.Download(original.Parameters.Values), VisionCase.Download(doubled.Parameters.Values));
        Assert.Equal(VisionCase.Download(original.Parameters.Values), VisionCase.Download(other.Parameters.Values));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_new_model_is_written_so_that_it_loads_again(bool withClassifier)
    {
        using var directory = new TemporaryDirectory();
        using Device device = Device.Open("cpu", 1);
        var config = new VisionTransformerConfig
        {
            Image = new ImageShape(1, 28, 28),
            PatchSize = 7,
            Width = 24,
            Layers = 2,
            Heads = 3,
            MlpWidth = 40,
            Activation = Activation.GeluTanh,
            Normalization = new PixelNormalization([0.25], [0.75]),
        };
        using VisionTransformer made = VisionTransformer.CreateRandom(device, config, seed: 5);
        using ClassificationHead? head = withClassifier ? ClassificationHead.Random(device, 7, 24, 5) : null;
        made.Save(directory.Path, made.Parameters, head);
        using VisionTransformer loaded = VisionTransformer.Load(device, directory.Path);
        Assert.Equal(VisionCase.Download(made.Parameters.Values), VisionCase.Download(loaded.Parameters.Values));
        Assert.Equal(config with { Prefix = withClassifier ? "vit." : "", Classes = withClassifier ? 7 : 0, Normalization = loaded.Config.Normalization }, loaded.Config);
        using ClassificationHead? loadedHead = loaded.CreateCheckpointHead();
        if (head is not null) Assert.Equal(head.Parameters.Download("weight"), loadedHead!.Parameters.Download("classifier.weight"));
        Assert.Equal(config.Normalization.Table(0).ToArray(), loaded.Config.Normalization.Table(0).ToArray());
    }

    [Fact]
    public void A_head_takes_the_place_of_the_classifier_if_it_has_its_shape()
    {
        using var model = new EditedModel("vit-hf");
        string path = model.Write();
        using Device device = Device.Open("cpu", 1);
        using VisionTransformer encoder = VisionTransformer.Load(device, path);
        using ClassificationHead fitting = ClassificationHead.Random(device, 10, 48, 1), other = ClassificationHead.Random(device, 9, 48, 1);
        encoder.Save(path, encoder.Parameters, fitting);
        using VisionTransformer again = VisionTransformer.Load(device, path);
        using ClassificationHead saved = again.CreateCheckpointHead()!;
        Assert.Equal(fitting.Parameters.Download("weight"), saved.Parameters.Download("classifier.weight"));
        Assert.Equal(VisionCase.Download(encoder.Parameters.Values), VisionCase.Download(again.Parameters.Values));
        Assert.Contains("a head of 9 classes cannot be saved", Assert.Throws<ModelException>(() => encoder.Save(path, encoder.Parameters, other)).Message, StringComparison.Ordinal);
    }
}
