namespace MergeEngine.Tensors.Safetensors;

/// <summary>
/// A checkpoint cannot be read or written. The message is one sentence that names the file and, where it concerns one, the tensor, with
/// what was found and what was expected.
/// </summary>
public sealed class SafetensorsException : IOException
{
    public SafetensorsException()
    {
    }

    public SafetensorsException(string message)
        : base(message)
    {
    }

    public SafetensorsException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
