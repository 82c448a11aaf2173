using System.Reflection;
using System.Text;

namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>
/// All compiled kernels: the PTX of each file of <c>native/parts</c>, embedded in the assembly where the build had a compiler for it, or one file
/// with every kernel that the environment names. The driver takes seconds to compile all of the PTX for a card that it has not seen; a part takes a fraction.
/// </summary>
internal sealed class KernelImages
{
    /// <summary>Names a file with all kernels to load instead: PTX, a cubin or a fatbin of <c>native/kernels.cu</c>, say one that nvcc made for the very card.</summary>
    public const string FileVariable = "MERGE_ENGINE_KERNELS";

    private const string Folder = "kernels/";

    private static readonly Lazy<KernelImages> s_embedded = new(Embedded);
    private static readonly Lazy<KernelImages> s_emulated = new(Emulated);
    private static KernelImages? s_file;

    private readonly KernelImage[] _images;

    /// <summary>The image of each kernel; none where there is one image for all.</summary>
    private readonly Dictionary<string, int>? _places;

    private KernelImages(KernelImage[] images, Dictionary<string, int>? places)
    {
        _images = images;
        _places = places;
    }

    /// <summary>In the order of their names; empty where the build had no compiler.</summary>
    public ReadOnlySpan<KernelImage> All => _images;

    /// <summary>What the environment names, or else what is embedded.</summary>
    /// <exception cref="CudaException">The file that the environment names cannot be read.</exception>
    public static KernelImages Current =>
        Environment.GetEnvironmentVariable(FileVariable) is { Length: > 0 } path ? s_file ??= FromFile(path) : s_embedded.Value;

    /// <summary>The images for a device; the emulated one carries the kernels itself and needs none.</summary>
    /// <exception cref="CudaException">There are none, or the file that the environment names cannot be read.</exception>
    public static KernelImages For(bool emulated)
    {
        KernelImages images = Current;
        if (images._images.Length > 0) return images;
        return emulated
            ? s_emulated.Value
            : throw new CudaException("This build of the engine carries no GPU kernels: build it again after ./build.sh kernels, which needs clang 16 or newer, or nvcc.");
    }

    /// <summary>The place of the image that holds a kernel in <see cref="All"/>.</summary>
    /// <exception cref="CudaException">None does.</exception>
    public int Find(string kernel)
    {
        if (_places is null) return 0;
        return _places.TryGetValue(kernel, out int place)
            ? place
            : throw new CudaException($"Kernel {kernel} is in none of the {_images.Length} parts of the kernels that this build of the engine carries: build it again after ./build.sh kernels.");
    }

    private static KernelImages Embedded()
    {
        Assembly assembly = typeof(KernelImages).Assembly;
        string[] names = [.. assembly.GetManifestResourceNames().Where(name => name.StartsWith(Folder, StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        var images = new KernelImage[names.Length];
        var places = new Dictionary<string, int>(128);
        for (int i = 0; i < names.Length; i++)
        {
            var resource = (UnmanagedMemoryStream)assembly.GetManifestResourceStream(names[i])!;
            images[i] = KernelImage.Of(resource, $"part '{names[i][Folder.Length..]}' of the kernels");
            Enter(images[i].Bytes, i, places);
        }

        return new KernelImages(images, places);
    }

    /// <summary>Notes the kernels that a PTX text defines: <c>.visible .entry name(</c>.</summary>
    private static void Enter(ReadOnlySpan<byte> text, int place, Dictionary<string, int> places)
    {
        ReadOnlySpan<byte> directive = ".entry "u8;
        for (int at = text.IndexOf(directive); at >= 0; at = text.IndexOf(directive))
        {
            text = text[(at + directive.Length)..];
            places.Add(Encoding.ASCII.GetString(text[..text.IndexOf((byte)'(')]), place);
        }
    }

    private static KernelImages Emulated() =>
        new([KernelImage.Of(".version 8.0\n.target sm_80\n.address_size 64\n"u8, "the emulated device's own kernels")], null);

    /// <summary>One image that holds every kernel.</summary>
    /// <exception cref="CudaException">The file cannot be read, or is no image.</exception>
    public static KernelImages FromFile(string path)
    {
        if (Directory.Exists(path)) throw new CudaException($"{FileVariable} names {path}, which is a directory; it must be a file with PTX, a cubin or a fatbin.");
        try
        {
            byte[] bytes = File.ReadAllBytes(path);
            return IsImage(bytes)
                ? new KernelImages([KernelImage.Of(bytes, $"{path}, which {FileVariable} names,")], null)
                : throw new CudaException($"{FileVariable} names {path}, which is no PTX, cubin or fatbin.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CudaException($"{path}, which {FileVariable} names, cannot be read: {exception.Message}");
        }
    }

    /// <summary>Whether bytes begin like a cubin (ELF) or a fatbin (with or without the wrapper that nvcc links in), or give a PTX version.</summary>
    private static bool IsImage(ReadOnlySpan<byte> bytes) =>
        bytes.StartsWith("\u007fELF"u8) || bytes.StartsWith((ReadOnlySpan<byte>)[0x50, 0xED, 0x55, 0xBA]) || bytes.StartsWith((ReadOnlySpan<byte>)[0xB1, 0x43, 0x62, 0x46])
        || bytes.IndexOf(".version"u8) >= 0;
}
