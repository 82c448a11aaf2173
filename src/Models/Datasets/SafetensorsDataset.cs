using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Datasets;

/// <summary>
/// Datasets in one safetensors file: <c>{train,validation,test}.images</c> U8, or F32 that is normalised already, [N, C, H, W], with integer
/// <c>.labels</c> [N]; metadata <c>task</c> and <c>classes</c>, a JSON list. An input file has <c>images</c> F32 and perhaps <c>labels</c>. Texts
/// have <c>input_ids</c> in the place of images, see <see cref="SafetensorsTexts"/>.
/// </summary>
internal static class SafetensorsDataset
{
    private static readonly string[] SplitNames = ["train", "validation", "test"];

    public static Dataset Open(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path, Dataset.Expected);
        var splits = new List<DatasetSplit>();
        foreach (string split in SplitNames)
        {
            if (file.TryGet($"{split}.images", out _)) splits.Add(Read(file, split, $"{split}.", labelsRequired: true));
            if (SafetensorsTexts.AreIn(file, $"{split}.")) splits.Add(SafetensorsTexts.Read(file, split, $"{split}.", labelsRequired: true));
        }

        if (file.TryGet("images", out _)) splits.Add(Read(file, "input", "", labelsRequired: false));
        if (SafetensorsTexts.AreIn(file, "")) splits.Add(SafetensorsTexts.Read(file, "input", "", labelsRequired: false));
        if (splits.Count == 0)
        {
            throw new ModelException(
                $"{path}: there is no tensor \"train.images\", \"validation.images\", \"test.images\" or \"images\", expected a dataset or an input, of texts with input_ids for images.");
        }

        string name = file.Metadata.TryGetValue("task", out string? task) ? task : Path.GetFileNameWithoutExtension(path);
        return new Dataset(path, name, file.Metadata.TryGetValue(ClassNames.Key, out string? json) ? ClassNames.Parse(path, ClassNames.Key, json) : null, splits);
    }

    private static ImageSplit Read(SafetensorsFile file, string split, string prefix, bool labelsRequired)
    {
        TensorEntry images = file[$"{prefix}images"];
        if (images.Shape.Rank != 4 || images.ElementCount == 0 || images.Shape.Any(d => d > int.MaxValue))
            throw new ModelException($"{file.FilePath}: tensor \"{images.Name}\" is {images.Shape}, expected [samples, channels, height, width].");
        if (images.ElementCount > Array.MaxLength) throw new ModelException($"{file.FilePath}: tensor \"{images.Name}\" has {images.ElementCount} elements, expected at most {Array.MaxLength}.");
        int[] labels = ReadLabels(file, prefix, images.Shape[0], "image", labelsRequired);
        var shape = new ImageShape((int)images.Shape[1], (int)images.Shape[2], (int)images.Shape[3]);
        if (images.DType == DType.U8)
        {
            byte[] bytes = new byte[images.ByteLength];
            file.ReadBytes(images, 0, bytes);
            return new ImageSplit(file.FilePath, split, shape, bytes, labels);
        }

        if (!images.DType.IsArithmetic()) throw new ModelException($"{file.FilePath}: tensor \"{images.Name}\" is {images.DType.Name()}, expected U8 or F32.");
        return new ImageSplit(file.FilePath, split, shape, file.ReadFloat32(images.Name), labels);
    }

    /// <summary>One label for each sample; empty where there are none and need not be.</summary>
    public static int[] ReadLabels(SafetensorsFile file, string prefix, long count, string sample, bool required)
    {
        if (!required && !file.TryGet($"{prefix}labels", out _)) return [];
        TensorEntry entry = file[$"{prefix}labels"];
        if (entry.Shape != new Shape(count)) throw new ModelException($"{file.FilePath}: tensor \"{entry.Name}\" is {entry.Shape}, expected [{count}], one label for each {sample}.");
        return file.ReadInt32(entry.Name);
    }
}
