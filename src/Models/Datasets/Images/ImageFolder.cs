using MergeEngine.Models.Datasets.Tables;

namespace MergeEngine.Models.Datasets.Images;

/// <summary>
/// A folder of PNG, JPEG or PPM files in the way of ImageNet: <c>train/CLASS/…</c>, <c>val/CLASS/…</c> and <c>test/CLASS/…</c>, or <c>CLASS/…</c> alone, or
/// files without classes. Classes are the names of their folders in ordinal order, over all splits; the samples of a class are all files below its folder in
/// ordinal order of their paths. Names that begin with a dot are passed over.
/// </summary>
public static class ImageFolder
{
    private static readonly string[] Read = [".png", ".jpg", ".jpeg", ".ppm", ".pgm"];

    /// <summary>Images that are not read: leaving them out would make another dataset of the folder.</summary>
    private static readonly string[] Refused = [".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".jp2"];

    /// <summary>True for a directory below which there is an image file; it need not be one that is read.</summary>
    public static bool Matches(string path)
    {
        if (!Directory.Exists(path)) return false;
        try
        {
            return FolderWalk.FilesBelow(path).Any(file => IsImage(file) || IsRefused(file));
        }
        catch (ModelException)
        {
            // What is wrong with it, opening it says.
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>True for a file that is an image by its name; it need not be one that is read.</summary>
    public static bool IsImageFile(string path) => File.Exists(path) && (IsImage(path) || IsRefused(path));

    /// <summary>One image as an input without a label.</summary>
    public static Dataset OpenFile(string path) =>
        new(path, Path.GetFileNameWithoutExtension(path), null, [new ImageFileSplit(path, "input", Path.GetDirectoryName(path) ?? "", [Path.GetFileName(path)], [])]);

    /// <summary>Opens a folder; no image is read yet.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="name">The task; null for the folder's name.</param>
    /// <exception cref="ModelException">There is no image, or one of a kind that is not read; one sentence.</exception>
    public static Dataset Open(string path, string? name = null)
    {
        List<(string Split, string Path)> splits = [];
        foreach (string directory in Subdirectories(path))
        {
            if (TextFiles.SplitOf(Path.GetFileName(directory)) is not { } split) continue;
            if (splits.Find(known => known.Split == split).Path is { } other) throw new ModelException($"{path}: {Path.GetFileName(other)} and {Path.GetFileName(directory)} are both there, expected one folder for the split {split}.");
            splits.Add((split, directory));
        }

        // A folder may be called train or test because it is a class of its own; then it holds files and no folders.
        if (splits.Count > 0 && !splits.Exists(split => Subdirectories(split.Path).Count > 0)) splits.Clear();
        return Open(path, splits.Count > 0 ? splits : [("input", path)], name);
    }

    /// <summary>Opens folders of classes, one for each split.</summary>
    /// <param name="source">What the user called them, for messages.</param>
    /// <param name="splits">Name and folder of each.</param>
    /// <param name="name">The task; null for the source's name.</param>
    /// <exception cref="ModelException">As <see cref="Open(string, string?)"/>.</exception>
    public static Dataset Open(string source, IReadOnlyList<(string Split, string Path)> splits, string? name = null)
    {
        foreach ((_, string path) in splits)
        {
            if (!Directory.Exists(path)) throw new ModelException($"{path}: there is no such folder, expected one with a folder of images for each class.");
        }

        string[] classes = [.. splits.SelectMany(split => Subdirectories(split.Path)).Select(directory => Path.GetFileName(directory)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        if (classes.Length > LabelNames.MostClasses) throw new ModelException($"{source}: has {classes.Length} folders, expected at most {LabelNames.MostClasses}, one for each class.");
        var data = new Dataset(source, name ?? NameOf(source), classes.Length > 0 ? classes : null, [.. splits.Select(split => ReadSplit(split.Split, split.Path, classes))]);
        return data;
    }

    private static ImageFileSplit ReadSplit(string split, string path, string[] classes)
    {
        var files = new List<string>();
        var labels = new List<int>();
        if (classes.Length == 0)
        {
            files.AddRange(Images(path, path));
        }
        else
        {
            if (Files(path).FirstOrDefault(file => IsImage(file) || IsRefused(file)) is { } stray) throw new ModelException($"{stray}: is an image beside folders of classes, expected it in one of them.");
            for (int c = 0; c < classes.Length; c++)
            {
                string directory = Path.Combine(path, classes[c]);
                if (!Directory.Exists(directory)) continue;
                files.AddRange(Images(path, directory));
                while (labels.Count < files.Count) labels.Add(c);
            }
        }

        if (files.Count == 0) throw new ModelException($"{path}: there is no image in it, expected PNG, JPEG or PPM files, those of a class in a folder of its name.");
        return new ImageFileSplit(path, split, path, files, [.. labels]);
    }

    /// <summary>The images below a folder by their names relative to a root, in ordinal order.</summary>
    private static List<string> Images(string root, string directory)
    {
        var files = new List<string>();
        try
        {
            foreach (string file in FolderWalk.FilesBelow(directory))
            {
                if (IsRefused(file)) throw new ModelException($"{file}: is a {Path.GetExtension(file)} file, expected PNG, JPEG or PPM images.");
                if (IsImage(file)) files.Add(Path.GetRelativePath(root, file));
            }
        }
        catch (Exception e) when (e is UnauthorizedAccessException || (e is IOException && e is not ModelException))
        {
            throw new ModelException($"{directory}: cannot be listed ({e.Message.TrimEnd('.')}).", e);
        }

        files.Sort(StringComparer.Ordinal);
        return files;
    }

    private static List<string> Subdirectories(string path) => List(path, Directory.EnumerateDirectories);

    private static List<string> Files(string path) => List(path, Directory.EnumerateFiles);

    private static List<string> List(string path, Func<string, IEnumerable<string>> enumerate)
    {
        try
        {
            return [.. enumerate(path).Where(entry => !FolderWalk.IsHidden(entry)).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{path}: cannot be listed ({e.Message.TrimEnd('.')}).", e);
        }
    }

    private static bool IsImage(string path) => Read.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase);

    private static bool IsRefused(string path) => Refused.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase);

    private static string NameOf(string path) => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)));
}
