namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>The PTX that is embedded in the assembly where the build had a compiler for it.</summary>
internal static unsafe class KernelImage
{
    private const string Resource = "kernels.ptx";

    /// <summary>NUL-terminated text, as the driver wants it; empty where there is none.</summary>
    public static ReadOnlySpan<byte> Ptx
    {
        get
        {
            // A resource of a loaded assembly is mapped memory that stays where it is.
            return typeof(KernelImage).Assembly.GetManifestResourceStream(Resource) is UnmanagedMemoryStream stream
                ? new ReadOnlySpan<byte>(stream.PositionPointer, checked((int)stream.Length))
                : default;
        }
    }
}
