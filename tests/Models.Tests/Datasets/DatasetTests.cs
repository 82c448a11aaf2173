using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Training;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Datasets;

/// <summary>Datasets as they lie in files, what a batch gets of them, and what is refused.</summary>
public sealed class DatasetTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_safetensors_dataset_has_its_splits_classes_and_pixels()
    {
        string path = _directory.File("task.safetensors");
        SafetensorsWriter.Write(
            path,
            [.. DatasetFile.Split("train", 7, 2, 3, 4, 3), .. DatasetFile.Split("test", 5, 2, 3, 4, 3)],
            new Dictionary<string, string> { ["task"] = "letters", ["classes"] = """["a", "b", "ç"]""" });
        Dataset dataset = Dataset.Open(path);
        Assert.Equal("letters", dataset.Name);
        Assert.Equal(["a", "b", "ç"], dataset.Classes);
        Assert.Null(dataset.Validation);
        Assert.Equal(7, dataset.Train!.Count);
        Assert.Equal([0, 1, 2, 0, 1], dataset.Test!.Labels.ToArray());
        Assert.Equal(new ImageShape(2, 3, 4), dataset.Train.ImageShape);

        using Device device = Device.Open("cpu", 1);
        using ImageBatch batch = new(device, new ImageShape(2, 3, 4), new PixelNormalization([0.25, 0.5], [0.5, 2]));
        dataset.Train.Read([4, 0, 6], batch);
        float[] pixels = Encoders.VisionCase.Download(batch.Images);
        int[] samples = [4, 0, 6];
        for (int k = 0; k < pixels.Length; k++)
        {
            byte value = (byte)((17 * samples[k / 24]) + (k % 24));
            (float mean, float std) = k % 24 < 12 ? (0.25f, 0.5f) : (0.5f, 2f);
            Assert.Equal(((value / 255f) - mean) / std, pixels[k]);
        }

        Assert.Equal([1, 0, 0], batch.Labels.HostSpan.ToArray());
        Assert.Contains("there is no split \"validation\", expected one of train, test.", Message(() => dataset.Require("validation")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void IDX_files_are_read_packed_or_not(bool packed)
    {
        string end = packed ? ".gz" : "";
        byte[] Pack(byte[] data) => packed ? DatasetFile.Gzip(data) : data;
        File.WriteAllBytes(_directory.File($"train-images-idx3-ubyte{end}"), Pack(DatasetFile.IdxImages(6, 3, 5)));
        File.WriteAllBytes(_directory.File($"train-labels-idx1-ubyte{end}"), Pack(DatasetFile.IdxLabels(6, 4)));
        File.WriteAllBytes(_directory.File($"t10k-images-idx3-ubyte{end}"), Pack(DatasetFile.IdxImages(2, 3, 5)));
        File.WriteAllBytes(_directory.File($"t10k-labels-idx1-ubyte{end}"), Pack(DatasetFile.IdxLabels(2, 4)));
        Dataset dataset = Dataset.Open(_directory.Path);
        Assert.Equal(6, dataset.Train!.Count);
        Assert.Equal(2, dataset.Test!.Count);
        Assert.Equal(["0", "1", "2", "3"], dataset.Classes);
        Assert.Equal(new ImageShape(1, 3, 5), dataset.Train.ImageShape);
        using Device device = Device.Open("cpu", 1);
        using ImageBatch batch = new(device, new ImageShape(1, 3, 5), new PixelNormalization([0], [1], rescale: 1));
        dataset.Train.Read([5], batch);
        Assert.Equal(Enumerable.Range(0, 15).Select(p => (float)(byte)(85 + p)), batch.Images.HostSpan.ToArray());
    }

    [Fact]
    public void An_input_file_has_pixels_as_they_are_and_perhaps_labels()
    {
        string path = _directory.File("input.safetensors");
        SafetensorsWriter.Write(path, [TensorContent.FromFloat32("images", [2, 1, 1, 3], new[] { 1f, -2, 3.5f, 4, 5, 6 })]);
        Dataset dataset = Dataset.Open(path);
        DatasetSplit split = dataset["input"]!;
        Assert.True(split.Labels.IsEmpty);
        using Device device = Device.Open("cpu", 1);
        using ImageBatch batch = new(device, new ImageShape(1, 1, 3), PixelNormalization.Half(1));
        split.Read([1, 0], batch);
        Assert.Equal([4f, 5, 6, 1, -2, 3.5f], batch.Images.HostSpan.ToArray());
    }

    [Fact]
    public void Shifts_move_the_image_and_fill_with_the_background()
    {
        foreach (bool bytes in new[] { true, false })
        {
            const int Side = 6;
            byte[] pixels = DatasetFile.Pixels(50, Side * Side);
            PixelNormalization normalization = PixelNormalization.Half(1);
            string path = _directory.File($"shift-{bytes}.safetensors");
            TensorContent images = bytes
                ? new TensorContent("train.images", Tensors.Numerics.DType.U8, [50, 1, Side, Side], pixels)
                : TensorContent.FromFloat32("train.images", [50, 1, Side, Side], pixels.Select(p => normalization.Table(0)[p]).ToArray());
            SafetensorsWriter.Write(path, [images, TensorContent.FromInt32("train.labels", [50], new int[50])]);
            DatasetSplit split = Dataset.Open(path).Train!;
            using Device device = Device.Open("cpu", 1);
            using ImageBatch batch = new(device, new ImageShape(1, Side, Side), normalization);
            Augmentation augmentation = Augmentation.Shift(2, seed: 9, "task") with { Epoch = 3 };
            int[] all = [.. Enumerable.Range(0, 50)];
            split.Read(all, batch, augmentation);
            float[] together = Encoders.VisionCase.Download(batch.Images);
            var seen = new HashSet<(int, int)>();
            for (int i = 0; i < 50; i++)
            {
                (int dx, int dy) = augmentation.ShiftOf(i);
                seen.Add((dx, dy));
                for (int y = 0; y < Side; y++)
                {
                    for (int x = 0; x < Side; x++)
                    {
                        bool inside = y - dy is >= 0 and < Side && x - dx is >= 0 and < Side;
                        byte expected = inside ? pixels[(i * Side * Side) + ((y - dy) * Side) + x - dx] : (byte)0;
                        Assert.Equal(normalization.Table(0)[expected], together[(i * Side * Side) + (y * Side) + x]);
                    }
                }
            }

            // 25 shifts, 50 samples: most are drawn, none beyond two pixels.
            Assert.InRange(seen.Count, 15, 25);
            Assert.All(seen, s => Assert.True(Math.Abs(s.Item1) <= 2 && Math.Abs(s.Item2) <= 2));

            // The same shifts, whatever the batches are.
            split.Read([17], batch, augmentation);
            Assert.Equal(together[(17 * Side * Side)..(18 * Side * Side)], Encoders.VisionCase.Download(batch.Images));
        }
    }

    [Fact]
    public void Shifts_differ_by_epoch_task_and_seed()
    {
        (int, int)[] Of(Augmentation augmentation) => [.. Enumerable.Range(0, 40).Select(augmentation.ShiftOf)];
        Augmentation some = Augmentation.Shift(2, 1, "a");
        Assert.Equal(Of(some), Of(Augmentation.Shift(2, 1, "a")));
        Assert.NotEqual(Of(some), Of(some with { Epoch = 1 }));
        Assert.NotEqual(Of(some), Of(Augmentation.Shift(2, 1, "b")));
        Assert.NotEqual(Of(some), Of(Augmentation.Shift(2, 2, "a")));
        Assert.All(Of(default), s => Assert.Equal((0, 0), s));
    }

    [Fact]
    public void An_epoch_visits_every_sample_once_and_ends_with_a_partial_batch()
    {
        string path = _directory.File("task.safetensors");
        SafetensorsWriter.Write(path, DatasetFile.Split("train", 23, 1, 2, 2, 3));
        using Device device = Device.Open("cpu", 1);
        using ClassificationHead head = ClassificationHead.Random(device, 3, 4, 0);
        var task = new TrainingTask("t", Dataset.Open(path), head);
        var cursor = new DataCursor(task, 5, seed: 3);
        Assert.Equal(5, cursor.StepsPerEpoch);
        var epochs = new List<int[]>();
        for (int epoch = 0; epoch < 2; epoch++)
        {
            var samples = new List<int>();
            for (int step = 0; step < 5; step++)
            {
                ReadOnlySpan<int> batch = cursor.Next(out int current);
                Assert.Equal(epoch, current);
                Assert.Equal(step < 4 ? 5 : 3, batch.Length);
                samples.AddRange(batch);
            }

            Assert.Equal(Enumerable.Range(0, 23), samples.Order());
            epochs.Add([.. samples]);
        }

        Assert.NotEqual(epochs[0], epochs[1]);
        Assert.Equal(new DataPosition(2, 0), cursor.Position);
        cursor.Position = new DataPosition(1, 10);
        Assert.Equal(epochs[1][10..15], cursor.Next(out _).ToArray());
        var given = new DataCursor(task with { Order = (epoch, order) => order.Reverse() }, 4, 0);
        Assert.Equal([22, 21, 20, 19], given.Next(out _).ToArray());
    }

    [Fact]
    public void Data_that_does_not_fit_the_model_or_the_head_gets_a_sentence()
    {
        using Device device = Device.Open("cpu", 1);
        using VisionTransformer encoder = VisionTransformer.Load(device, FixtureFiles.PathOf("vit-hf"));
        using ClassificationHead head = encoder.CreateCheckpointHead()!;
        string path = _directory.File("task.safetensors");
        SafetensorsWriter.Write(path, DatasetFile.Split("train", 4, 3, 28, 28, 3));
        Assert.Equal(
            $"{path}: the split train has images of the shape [3, 28, 28], expected [1, 28, 28] for this model.",
            Message(() => new TrainingTask("t", Dataset.Open(path), head).Check(encoder, "train")));
        SafetensorsWriter.Write(path, DatasetFile.Split("train", 12, 1, 28, 28, 12));
        Assert.Equal(
            $"{path}: label 10 of sample 10 in the split train is not one of the 10 classes of the head, expected 0 to 9.",
            Message(() => new TrainingTask("t", Dataset.Open(path), head).Check(encoder, "train")));
        using ClassificationHead narrow = ClassificationHead.Random(device, 10, 20, 0);
        SafetensorsWriter.Write(path, DatasetFile.Split("train", 4, 1, 28, 28, 3));
        Assert.Contains("has 20 columns, expected 48", Message(() => new TrainingTask("t", Dataset.Open(path), narrow).Check(encoder, "train")), StringComparison.Ordinal);
        SafetensorsWriter.Write(path, [TensorContent.FromFloat32("images", [1, 1, 28, 28], new float[784])]);
        Assert.Contains("the split input has no labels.", Message(() => new TrainingTask("t", Dataset.Open(path), head).Check(encoder, "input")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("digits", 10, 1100, 200, 497)]
    [InlineData("kana", 46, 1500, 300, 600)]
    public void The_vision8_tasks_open(string task, int classes, int train, int validation, int test)
    {
        string path = Path.Combine(FixtureFiles.PathOf(".."), "..", "..", "shared", "data", "vision8", $"{task}.safetensors");
        Assert.SkipUnless(File.Exists(path), "The vision8 data is not beside the repository.");
        Dataset dataset = Dataset.Open(path);
        Assert.Equal(task, dataset.Name);
        Assert.Equal(classes, dataset.Classes.Count);
        Assert.Equal((train, validation, test), (dataset.Train!.Count, dataset.Validation!.Count, dataset.Test!.Count));
    }

    private static string Message(Func<object> open) => Assert.Throws<ModelException>(open).Message;
}
