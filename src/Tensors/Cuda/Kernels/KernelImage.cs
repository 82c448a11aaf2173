namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>The compiled kernels: PTX that is embedded in the assembly where the build had a compiler for it, or a file that the environment names.</summary>
internal static unsafe class KernelImage
{
    /// <summary>Names a file with kernels to load instead: PTX, a cubin or a fatbin of the same native/kernels.cu, say one that nvcc made for the very card.</summary>
    public const string FileVariable = "MERGE_ENGINE_KERNELS";

    private const string Resource = "kernels.ptx";

    private static byte[]? s_file;

    /// <summary>NUL-terminated where it is text, as the driver wants it; empty where there is none.</summary>
    /// <exception cref="CudaException">The file that the environment names cannot be read.</exception>
    public static ReadOnlySpan<byte> Bytes
    {
        get
        {
            if (Environment.GetEnvironmentVariable(FileVariable) is { Length: > 0 } path) return s_file ??= Read(path);
            // A resource of a loaded assembly is mapped memory that stays where it is.
            return typeof(KernelImage).Assembly.GetManifestResourceStream(Resource) is UnmanagedMemoryStream stream
                ? new ReadOnlySpan<byte>(stream.PositionPointer, checked((int)stream.Length))
                : default;
        }
    }

    private static byte[] Read(string path)
    {
        try
        {
            byte[] bytes = File.ReadAllBytes(path);
            // One NUL more harms no image, and text needs it.
            Array.Resize(ref bytes, bytes.Length + 1);
            return bytes;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CudaException($"{path}, which {FileVariable} names, cannot be read: {exception.Message}");
        }
    }
}
