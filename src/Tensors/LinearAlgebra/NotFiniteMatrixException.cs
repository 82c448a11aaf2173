namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>A matrix has an element that is NaN or infinite, so it has no singular values.</summary>
public sealed class NotFiniteMatrixException : ArgumentException
{
    public NotFiniteMatrixException()
    {
    }

    public NotFiniteMatrixException(string message)
        : base(message)
    {
    }

    public NotFiniteMatrixException(string message, string parameter)
        : base(message, parameter)
    {
    }

    public NotFiniteMatrixException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
