using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Elementwise;

/// <summary>output ← source, or output += source, between matrices of any strides.</summary>
internal readonly unsafe struct CopyRows(Matrix output, Matrix source, bool accumulate) : IVectorKernel
{
    private readonly Rows _output = new(output), _source = new(source);
    private readonly int _rows = source.Rows, _width = source.Columns, _block = Blocks.RowsFor(source.Columns);
    private readonly bool _contiguous = output.Stride == source.Columns && source.Stride == source.Columns;

    public int Tasks => Blocks.Count(_rows, _block);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct
    {
        int first = task * _block, rows = Math.Min(_block, _rows - first), width = _width;
        if (_contiguous)
        {
            width *= rows;
            rows = 1;
        }

        for (int r = first; r < first + rows; r++)
        {
            if (accumulate) Add<S, V>(_output[r], _source[r], width);
            else Lanes.Copy<S, V>(_output[r], _source[r], width);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<S, V>(float* target, float* source, int length)
        where S : struct, ISimd<V>
        where V : struct
    {
        for (int c = 0; c < length; c += S.Count)
        {
            int left = length - c;
            Lanes.Store<S, V>(target + c, S.Add(Lanes.Load<S, V>(target + c, left), Lanes.Load<S, V>(source + c, left)), left);
        }
    }
}
