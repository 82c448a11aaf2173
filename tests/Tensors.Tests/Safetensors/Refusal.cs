using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Tensors.Tests.Safetensors;

/// <summary>Asserts the exact sentence that bad input gets.</summary>
internal static class Refusal
{
    public static void Of(Action action, string file, string sentence)
    {
        var refusal = Assert.Throws<SafetensorsException>(action);
        Assert.Equal($"{file}: {sentence}", refusal.Message);
    }

    /// <summary>Of a file with such a header and so many bytes of zeros after it.</summary>
    public static void OfHeader(ReadOnlySpan<byte> header, int dataLength, string sentence)
    {
        using var directory = new TemporaryDirectory();
        string path = directory["x.safetensors"];
        File.WriteAllBytes(path, RawFile.Bytes(header, new byte[dataLength]));
        Of(() => SafetensorsFile.Open(path), path, sentence);
    }

    public static void Of(Func<object> action, string file, string sentence) => Of(() => { _ = action(); }, file, sentence);
}
