namespace MergeEngine.Models.Datasets.Images;

/// <summary>Files below a folder. Names that begin with a dot are passed over, such as what macOS leaves beside every file.</summary>
internal static class FolderWalk
{
    /// <summary>All files below a folder, in no certain order.</summary>
    /// <exception cref="ModelException">A link leads to a folder that it lies in: every image would be there many times, also under the names of other classes.</exception>
    public static IEnumerable<string> FilesBelow(string directory) => FilesBelow(directory, []);

    public static bool IsHidden(string path) => Path.GetFileName(path).StartsWith('.');

    /// <param name="directory">The folder.</param>
    /// <param name="around">Full paths of the folders that it lies in, and of what links on the way led to.</param>
    private static IEnumerable<string> FilesBelow(string directory, List<string> around)
    {
        int outside = around.Count;
        around.Add(Path.GetFullPath(directory));
        foreach (FileSystemInfo entry in new DirectoryInfo(directory).EnumerateFileSystemInfos("*", Options))
        {
            string path = Path.Combine(directory, entry.Name);
            if (IsHidden(path)) continue;
            if (entry is not DirectoryInfo)
            {
                yield return path;
                continue;
            }

            int inside = around.Count;
            if (entry.ResolveLinkTarget(returnFinalTarget: true) is { } target)
            {
                string place = Path.TrimEndingDirectorySeparator(target.FullName);
                if (around.Contains(place)) throw new ModelException($"{path}: links to {place}, which it lies in, expected no circle of folders.");
                around.Add(place);
            }

            foreach (string file in FilesBelow(path, around)) yield return file;
            around.RemoveRange(inside, around.Count - inside);
        }

        around.RemoveRange(outside, around.Count - outside);
    }

    private static EnumerationOptions Options { get; } = new() { IgnoreInaccessible = false, AttributesToSkip = FileAttributes.System };
}
