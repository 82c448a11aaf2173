using System.Buffers.Binary;
using System.IO.Compression;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Datasets;

/// <summary>
/// The format of MNIST and its kin: a directory with <c>train-images-idx3-ubyte</c>, <c>train-labels-idx1-ubyte</c>, and the same for
/// <c>t10k</c> (or <c>test</c>) and <c>validation</c>, each perhaps with <c>.gz</c>. A file is 0, 0, the type, the rank, the big-endian
/// dimensions and the data (LeCun, Cortes and Burges, "The MNIST database").
/// </summary>
internal static class IdxDataset
{
    private const byte UnsignedByte = 8;

    /// <summary>Deflate makes at most 1032 bytes of one, so a header can be checked before anything is unpacked.</summary>
    private const long LargestExpansion = 1032;

    private static readonly (string Split, string[] Names)[] Splits =
        [("train", ["train"]), ("validation", ["validation", "val"]), ("test", ["t10k", "test"])];

    /// <summary>True for a directory with a file of images.</summary>
    public static bool Matches(string directory) => Splits.SelectMany(split => split.Names).Any(name => Find(directory, $"{name}-images-idx3-ubyte") is not null);

    public static Dataset Open(string directory)
    {
        var splits = new List<DatasetSplit>();
        foreach ((string split, string[] names) in Splits)
        {
            foreach (string name in names)
            {
                if (Find(directory, $"{name}-images-idx3-ubyte") is not { } images) continue;
                string labels = Find(directory, $"{name}-labels-idx1-ubyte")
                    ?? throw new ModelException($"{images}: there is no {name}-labels-idx1-ubyte beside it, with or without .gz.");
                splits.Add(Read(split, images, labels));
                break;
            }
        }

        if (splits.Count == 0) throw new ModelException($"{directory}: there is no train-images-idx3-ubyte or t10k-images-idx3-ubyte, with or without .gz, and no image file, expected an IDX dataset or a folder of images.");
        return new Dataset(directory, Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory))), null, splits);
    }

    private static string? Find(string directory, string name)
    {
        // Some copies write a dot for the last dash.
        string[] candidates = [name, $"{name}.gz", name.Replace("-idx", ".idx", StringComparison.Ordinal), name.Replace("-idx", ".idx", StringComparison.Ordinal) + ".gz"];
        return candidates.Select(candidate => Path.Combine(directory, candidate)).FirstOrDefault(File.Exists);
    }

    private static ImageSplit Read(string split, string imagesPath, string labelsPath)
    {
        (int[] shape, byte[] pixels) = ReadFile(imagesPath, 3);
        (int[] labelShape, byte[] labels) = ReadFile(labelsPath, 1);
        if (labelShape[0] != shape[0]) throw new ModelException($"{labelsPath}: there are {labelShape[0]} labels, expected {shape[0]} as {Path.GetFileName(imagesPath)} has images.");
        return new ImageSplit(imagesPath, split, new ImageShape(1, shape[1], shape[2]), pixels, [.. labels.Select(label => (int)label)]);
    }

    private static (int[] Shape, byte[] Data) ReadFile(string path, int rank)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            bool packed = path.EndsWith(".gz", StringComparison.Ordinal);
            using Stream stream = packed ? new GZipStream(file, CompressionMode.Decompress) : file;
            Span<byte> header = stackalloc byte[4 + (4 * rank)];
            if (stream.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) < header.Length) throw new ModelException($"{path}: the file ends inside its header, expected {header.Length} bytes of it.");
            if (header[0] != 0 || header[1] != 0 || header[2] != UnsignedByte || header[3] != rank)
                throw new ModelException($"{path}: the file begins with {Convert.ToHexString(header[..4])}, expected {$"00000{UnsignedByte}0{rank}"} for an IDX file of bytes with {rank} dimensions.");
            var shape = new int[rank];
            long length = 1;
            for (int i = 0; i < rank; i++)
            {
                shape[i] = BinaryPrimitives.ReadInt32BigEndian(header[(4 + (4 * i))..]);
                if (shape[i] < 1) throw new ModelException($"{path}: dimension {i} is {shape[i]}, expected a positive number.");
                length = Math.Min(length * shape[i], int.MaxValue);
            }

            long possible = packed ? file.Length * LargestExpansion : file.Length - header.Length;
            if (length > possible || length >= Array.MaxLength)
                throw new ModelException($"{path}: the header promises [{string.Join(", ", shape)}] bytes, but the file holds at most {possible}.");
            byte[] data = new byte[length];
            int read = stream.ReadAtLeast(data, data.Length, throwOnEndOfStream: false);
            if (read < data.Length) throw new ModelException($"{path}: the data ends after {Counting.Of(read, "byte")}, expected {data.Length} for [{string.Join(", ", shape)}].");
            if (stream.ReadByte() >= 0) throw new ModelException($"{path}: there is more than the {data.Length} bytes of [{string.Join(", ", shape)}].");
            return (shape, data);
        }
        catch (InvalidDataException e) when (path.EndsWith(".gz", StringComparison.Ordinal))
        {
            // The decompressor's own words are about archives.
            throw new ModelException($"{path}: cannot be read (damaged, or no gzip file).", e);
        }
        catch (Exception e) when (e is InvalidDataException or UnauthorizedAccessException || (e is IOException && e is not ModelException))
        {
            throw new ModelException($"{path}: cannot be read ({e.Message.TrimEnd('.')}).", e);
        }
    }
}
