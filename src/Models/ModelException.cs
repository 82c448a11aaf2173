namespace MergeEngine.Models;

/// <summary>
/// A checkpoint, its config or a dataset cannot be used as a model or its input. The message is one sentence that names the file and the
/// tensor or key, with what was found and what was expected.
/// </summary>
public sealed class ModelException : IOException
{
    public ModelException()
    {
    }

    public ModelException(string message)
        : base(message)
    {
    }

    public ModelException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
