using MergeEngine.Models.Datasets;
using MergeEngine.Models.Datasets.Images;
using MergeEngine.Tensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Datasets.Images;

/// <summary>Folders and lists of images as datasets, and what a batch gets of them.</summary>
public sealed class ImageFolderTests : IDisposable
{
    private static readonly ImageShape Shape = new(3, 24, 24);
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Folders_of_splits_and_classes_are_a_dataset()
    {
        Put("pets/train/dog/b.png", "pets/train/dog/a.JPG", "pets/train/cat/x/deep.png", "pets/val/dog/1.ppm", "pets/test/Ünit/1.png", "pets/train/.DS_Store", "pets/train/cat/._a.png", "pets/train/cat/notes.txt");
        Dataset data = Dataset.Open(_directory.File("pets"));
        Assert.Equal("pets", data.Name);
        Assert.Equal(["cat", "dog", "Ünit"], data.Classes);
        Assert.Equal(["test", "train", "validation"], data.Splits.Select(split => split.Name).Order());
        Assert.Equal([0, 1, 1], data.Train!.Labels.ToArray());
        Assert.Equal([1], data.Validation!.Labels.ToArray());
        Assert.Equal([2], data.Test!.Labels.ToArray());
        Assert.Equal(["cat/x/deep.png", "dog/a.JPG", "dog/b.png"], Enumerable.Range(0, 3).Select(i => Path.GetRelativePath(_directory.File("pets/train"), data.Train.ImageFiles!.PathOf(i)).Replace('\\', '/')));
    }

    [Fact]
    public void Folders_of_classes_alone_are_an_input_and_so_are_files_without_classes()
    {
        Put("train/1.png", "test/1.png", "flat/2.png", "flat/10.png");
        // "train" and "test" hold files and no folders: they are classes.
        Dataset classes = ImageFolder.Open(_directory.Path);
        Assert.Equal(["flat", "test", "train"], classes.Classes);
        Assert.Equal([0, 0, 1, 2], classes["input"]!.Labels.ToArray());
        Dataset flat = Dataset.Open(_directory.File("flat"));
        Assert.Empty(flat.Classes);
        Assert.True(flat["input"]!.Labels.IsEmpty);
        Assert.Equal(2, flat["input"]!.Count);
    }

    [Fact]
    public void One_image_is_an_input_of_one_sample()
    {
        Dataset data = Dataset.Open(PillowImages.PathOf("tall.png"));
        Assert.Equal(("tall", 1), (data.Name, data["input"]!.Count));
        Assert.Equal(Pixels(PillowImages.Expected("clip.tall.png", out _)), Batch(data["input"]!, 0));
    }

    [Theory]
    [InlineData("file,label\nphoto.png,b\ntall.png,a\n", ".csv")]
    [InlineData("label\tfile_name\nb\tphoto.png\na\ttall.png\n", ".tsv")]
    [InlineData("{\"file_name\":\"photo.png\",\"label\":\"b\"}\n{\"file_name\":\"tall.png\",\"label\":\"a\"}\n", ".jsonl")]
    public void Lists_name_files_and_labels(string text, string ending)
    {
        foreach (string name in new[] { "photo.png", "tall.png" }) File.Copy(PillowImages.PathOf(name), _directory.File(name));
        string path = _directory.File($"train{ending}");
        File.WriteAllText(path, text);
        Dataset data = Dataset.Open(_directory.Path);
        Assert.Equal(["a", "b"], data.Classes);
        Assert.Equal([1, 0], data.Train!.Labels.ToArray());
        Assert.Equal(Pixels(PillowImages.Expected("clip.photo.png", out _)), Batch(data.Train, 0));
        Assert.Equal("input", Dataset.Open(path).Splits[0].Name);
    }

    [Fact]
    public void A_batch_has_the_prepared_and_normalised_pixels_in_its_order()
    {
        foreach (string name in new[] { "photo.png", "tall.png", "grey.png" }) Copy(name, $"d/{name[0]}/{name}");
        Dataset data = Dataset.Open(_directory.File("d"));
        Assert.Equal(["g", "p", "t"], data.Classes);
        DatasetSplit split = data["input"]!;
        float[] pixels = Batch(split, 2, 0, 1, 2);
        float[] expected = [.. new[] { "tall", "grey", "photo", "tall" }.SelectMany(name => Pixels(PillowImages.Expected($"clip.{name}.png", out _)))];
        Assert.Equal(expected, pixels);
    }

    [Fact]
    public void A_model_of_one_channel_gets_grey()
    {
        Copy("photo.png", "d/photo.png");
        using Device device = Device.Open("cpu", 1);
        using ImageBatch batch = new(device, new ImageShape(1, 45, 61), new PixelNormalization([0], [1], rescale: 1));
        Dataset.Open(_directory.File("d"))["input"]!.Read([0], batch);
        Assert.Equal(PillowImages.Expected("grey.photo.png", out _).Select(v => (float)v), batch.Images.HostSpan.ToArray());
    }

    [Fact]
    public void Parts_of_a_split_read_the_files_of_the_whole()
    {
        foreach (string name in new[] { "photo.png", "tall.png", "grey.png" }) Copy(name, $"d/train/c/{name}");
        DatasetSplit train = Dataset.Open(_directory.File("d")).Train!;
        (DatasetSplit kept, DatasetSplit heldOut) = HeldOutSamples.Take(train, 0.34, "validation");
        Assert.Equal((2, 1), (kept.Count, heldOut.Count));
        Assert.Equal(Batch(train, 2), Batch(heldOut, 0));
        Assert.Equal(Batch(train, 0), Batch(new FirstSamples(train, 1), 0));
        Assert.NotNull(new FirstSamples(heldOut, 1).ImageFiles);
    }

    [Fact]
    public void A_shift_moves_the_prepared_image()
    {
        Copy("photo.png", "d/c/photo.png");
        DatasetSplit split = Dataset.Open(_directory.File("d"))["input"]!;
        Augmentation augmentation = Augmentation.Shift(3, 5, "d");
        (int x, int y) = augmentation.ShiftOf(0);
        Assert.NotEqual((0, 0), (x, y));
        using Device device = Device.Open("cpu", 1);
        using ImageBatch batch = Clip(device);
        split.Read([0], batch, augmentation);
        float[] still = Batch(split, 0), moved = batch.Images.HostSpan.ToArray();
        for (int i = 0; i < moved.Length; i++)
        {
            int column = (i % 24) - x, row = (i / 24 % 24) - y;
            Assert.Equal(row is >= 0 and < 24 && column is >= 0 and < 24 ? still[i - x - (24 * y)] : 0f, moved[i]);
        }
    }

    /// <summary>Of two bad files the first of the batch is named, whichever thread comes to its own first.</summary>
    [Fact]
    public void The_first_bad_file_of_a_batch_is_named()
    {
        for (int i = 0; i < 20; i++) Copy("photo.png", $"d/c/{i:00}.png");
        foreach (int i in new[] { 7, 3, 15 }) File.WriteAllText(_directory.File($"d/c/{i:00}.png"), "none");
        DatasetSplit split = Dataset.Open(_directory.File("d"))["input"]!;
        for (int round = 0; round < 5; round++)
        {
            string message = Assert.Throws<ModelException>(() => Batch(split, [.. Enumerable.Range(0, 20).Reverse()])).Message;
            Assert.StartsWith($"{_directory.File("d/c/15.png")}: begins with 6E6F6E65", message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Links_to_folders_are_followed_and_those_in_a_circle_refused()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links take rights there that users do not have.");
        Put("elsewhere/deep/1.png", "d/train/a/2.png", "d/train/b/3.png");
        Directory.CreateSymbolicLink(_directory.File("d/train/c"), _directory.File("elsewhere"));
        Directory.CreateSymbolicLink(_directory.File("d/train/a/again"), _directory.File("elsewhere/deep"));
        Assert.Equal([0, 0, 1, 2], Dataset.Open(_directory.File("d")).Train!.Labels.ToArray());
        foreach (string target in new[] { "..", "../..", _directory.File("d"), _directory.File("d/train/b") })
        {
            string link = _directory.File("d/train/b/link");
            Directory.CreateSymbolicLink(link, target);
            string message = Assert.Throws<ModelException>(() => Dataset.Open(_directory.File("d"))).Message;
            Assert.StartsWith(link, message, StringComparison.Ordinal);
            Assert.EndsWith("which it lies in, expected no circle of folders.", message, StringComparison.Ordinal);
            Directory.Delete(link);
        }
    }

    [Fact]
    public void A_batch_whose_files_cannot_be_read_keeps_what_it_holds()
    {
        Copy("photo.png", "d/c/0.png");
        Copy("tall.png", "d/c/1.png");
        File.WriteAllText(_directory.File("d/c/2.png"), "none");
        DatasetSplit split = Dataset.Open(_directory.File("d"))["input"]!;
        using Device device = Device.Open("cpu", 1);
        using ImageBatch batch = Clip(device);
        split.Read([0], batch);
        float[] before = batch.Images.HostSpan.ToArray();
        Assert.Throws<ModelException>(() => split.Read([1, 2], batch));
        Assert.Equal(1, batch.Count);
        Assert.Equal(before, batch.Images.HostSpan.ToArray());
    }

    [Theory]
    [InlineData("mixed", "is a .webp file, expected PNG, JPEG or PPM images.")]
    [InlineData("stray", "is an image beside folders of classes, expected it in one of them.")]
    [InlineData("stray-gif", "is an image beside folders of classes, expected it in one of them.")]
    [InlineData("twice", "val and valid are both there, expected one folder for the split validation.")]
    [InlineData("hollow", "there is no image in it, expected PNG, JPEG or PPM files, those of a class in a folder of its name.")]
    [InlineData("nothing", "and no image file, expected an IDX dataset or a folder of images.")]
    public void Folders_that_cannot_be_datasets_get_a_sentence(string which, string sentence)
    {
        Directory.CreateDirectory(_directory.File("train/c"));
        switch (which)
        {
            case "mixed": Put("train/c/1.png", "train/c/2.webp"); break;
            case "stray": Put("train/c/1.png", "train/2.png"); break;
            case "stray-gif": Put("train/c/1.png", "train/2.gif"); break;
            case "twice": Put("val/c/1.png", "valid/c/1.png"); break;
            case "hollow": Put("test/c/1.png"); break;
        }

        string message = Assert.Throws<ModelException>(() => Dataset.Open(_directory.Path)).Message;
        Assert.StartsWith(_directory.Path, message, StringComparison.Ordinal);
        Assert.Contains(sentence, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("file,label\nnone.png,a\n", "line 2 names the file \"none.png\", which is not there.")]
    [InlineData("file,label\n,a\n", "line 2 names the file \"\", which is not there.")]
    [InlineData("file,label\nphoto.png,\n", "line 2 has an empty label, expected the name or number of a class.")]
    [InlineData("file,class\nphoto.png,a\n", "is a table of texts, expected images or token ids where no model's tokenizer is at hand.")]
    public void Lists_that_are_wrong_get_a_sentence(string text, string sentence)
    {
        File.Copy(PillowImages.PathOf("photo.png"), _directory.File("photo.png"));
        string path = _directory.File("list.csv");
        File.WriteAllText(path, text);
        Assert.Equal($"{path}: {sentence}", Assert.Throws<ModelException>(() => Dataset.Open(path)).Message);
    }

    [Fact]
    public void A_model_that_image_files_cannot_be_brought_to_refuses_them()
    {
        var shape = new ImageShape(3, 24, 24);
        Assert.Null(ImagePreparation.Exact(24, 24).FindFault(shape));
        Assert.Equal("holds image files, but the model's preprocessing makes 32 × 24 pixels of them, expected 24 × 24", ImagePreparation.Exact(32, 24).FindFault(shape));
        Assert.Equal("holds image files, which give 1 or 3 channels, expected 4 for this model", ImagePreparation.Exact(24, 24).FindFault(new ImageShape(4, 24, 24)));
        Assert.Contains("does not bring them to one size", new ImagePreparation { Rule = ResizeRule.ShortestEdge, Height = 24 }.FindFault(shape), StringComparison.Ordinal);
    }

    private static ImageBatch Clip(Device device) => new(device, Shape, new PixelNormalization([0, 0, 0], [1, 1, 1], rescale: 1), ImagePreparation.ShortestEdge(Shape, roundsToEven: false));

    private static float[] Batch(DatasetSplit split, params int[] samples)
    {
        using Device device = Device.Open("cpu", 1);
        using ImageBatch batch = Clip(device);
        split.Read(samples, batch);
        return batch.Images.HostSpan.ToArray();
    }

    private static float[] Pixels(byte[] bytes) => [.. bytes.Select(value => (float)value)];

    private void Copy(string fixture, string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_directory.File(path))!);
        File.Copy(PillowImages.PathOf(fixture), _directory.File(path));
    }

    private void Put(params string[] paths)
    {
        foreach (string path in paths)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_directory.File(path))!);
            File.WriteAllBytes(_directory.File(path), [1]);
        }
    }
}
