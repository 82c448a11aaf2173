using System.Runtime.CompilerServices;

namespace MergeEngine.Tensors.Cpu.Kernels;

/// <summary>The rows of a matrix as kernels see them: an address and a stride. Nothing for a matrix that was not given.</summary>
internal readonly unsafe struct Rows(Matrix matrix)
{
    private readonly float* _data = matrix.Data.Pointer;
    private readonly nint _stride = matrix.Stride;

    public bool IsNone => _data == null;

    public nint Stride => _stride;

    public float* this[int row]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _data + (row * _stride);
    }
}
