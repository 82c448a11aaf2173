using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Tokens;

/// <summary>hidden[r] ← table[ids[r]], or +=.</summary>
internal readonly unsafe struct EmbeddingForward(Matrix hidden, DeviceSpan<int> ids, Matrix table, bool accumulate) : IVectorKernel
{
    private readonly Rows _hidden = new(hidden), _table = new(table);
    private readonly int* _ids = ids.Pointer;
    private readonly int _rows = hidden.Rows, _width = hidden.Columns, _block = Blocks.RowsFor(hidden.Columns);

    public int Tasks => Blocks.Count(_rows, _block);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct
    {
        int end = Math.Min((task + 1) * _block, _rows);
        for (int r = task * _block; r < end; r++)
        {
            float* target = _hidden[r], source = _table[_ids[r]];
            if (!accumulate)
            {
                Lanes.Copy<S, V>(target, source, _width);
                continue;
            }

            for (int c = 0; c < _width; c += S.Count)
            {
                int left = _width - c;
                Lanes.Store<S, V>(target + c, S.Add(Lanes.Load<S, V>(target + c, left), Lanes.Load<S, V>(source + c, left)), left);
            }
        }
    }
}
