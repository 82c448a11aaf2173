namespace MergeEngine.Tensors.Cuda;

/// <summary>A CUDA library is missing, or a call of one failed: one sentence says what was being done, what came back and what it means.</summary>
public sealed class CudaException : Exception
{
    public CudaException(string message)
        : base(message)
    {
    }

    public CudaException(string message, int code)
        : base(message) => Code = code;

    /// <summary>CUresult or cublasStatus_t; 0 where no call was made.</summary>
    public int Code { get; }
}
