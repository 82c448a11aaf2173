namespace MergeEngine.Tensors.Cuda;

/// <summary>A CUDA library is missing, or a call of one failed: one sentence says what was being done, what came back and what it means.</summary>
public sealed class CudaException : Exception
{
    /// <summary>What a sentence says without a call of the driver.</summary>
    public CudaException(string message)
        : base(message)
    {
    }

    /// <summary>What a call came back with.</summary>
    /// <param name="message">The sentence.</param>
    /// <param name="code">CUresult or cublasStatus_t.</param>
    public CudaException(string message, int code)
        : base(message) => Code = code;

    /// <summary>CUresult or cublasStatus_t; 0 where no call was made.</summary>
    public int Code { get; }
}
