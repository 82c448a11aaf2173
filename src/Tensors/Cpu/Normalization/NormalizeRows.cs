using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Normalization;

/// <summary>Rows divided by their Euclidean length.</summary>
internal readonly unsafe struct NormalizeRowsForward(Matrix output, DeviceSpan<float> norms, Matrix input) : IVectorKernel
{
    private readonly Rows _output = new(output), _input = new(input);
    private readonly float* _norms = norms.Pointer;
    private readonly int _rows = input.Rows, _width = input.Columns, _block = Blocks.RowsFor(input.Columns);

    public int Tasks => Blocks.Count(_rows, _block);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct
    {
        int end = Math.Min((task + 1) * _block, _rows);
        for (int r = task * _block; r < end; r++)
        {
            float* x = _input[r], y = _output[r];
            V sum = S.Zero;
            int c = 0;
            for (; c <= _width - S.Count; c += S.Count) sum = S.MultiplyAdd(S.Load(x + c), S.Load(x + c), sum);
            if (c < _width)
            {
                V last = S.LoadPartial(x + c, _width - c);
                sum = S.MultiplyAdd(last, last, sum);
            }

            double square = S.SumDouble(sum);
            // Outside this range float32 squares have overflowed or lost digits (NaN fails the comparison too).
            if (!(square is > 1e-28 and < 1e36)) square = SquareInDouble(x);
            double norm = Math.Sqrt(square), factor = 1 / Math.Max(norm, 1e-12);
            if (_norms != null) _norms[r] = (float)norm;
            if (norm < 1e30) Scale<S, V>(y, x, (float)factor);
            else ScaleInDouble(y, x, norm);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Scale<S, V>(float* y, float* x, float factor)
        where S : struct, ISimd<V>
        where V : struct
    {
        V scale = S.Create(factor);
        int c = 0;
        for (; c <= _width - S.Count; c += S.Count) S.Store(y + c, S.Multiply(S.Load(x + c), scale));
        if (c < _width) S.StorePartial(y + c, S.Multiply(S.LoadPartial(x + c, _width - c), scale), _width - c);
    }

    private double SquareInDouble(float* x)
    {
        double square = 0;
        for (int c = 0; c < _width; c++) square += (double)x[c] * x[c];
        return square;
    }

    private void ScaleInDouble(float* y, float* x, double norm)
    {
        for (int c = 0; c < _width; c++) y[c] = (float)(x[c] / norm);
    }
}

/// <summary>dx = (dy − y·⟨y, dy⟩)/‖x‖ by row.</summary>
internal readonly unsafe struct NormalizeRowsBackward(Matrix inputGradient, Matrix outputGradient, Matrix output, DeviceSpan<float> norms) : IVectorKernel
{
    private readonly Rows _inputGradient = new(inputGradient), _outputGradient = new(outputGradient), _output = new(output);
    private readonly float* _norms = norms.Pointer;
    private readonly int _rows = output.Rows, _width = output.Columns, _block = Blocks.RowsFor(output.Columns);

    public int Tasks => Blocks.Count(_rows, _block);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct
    {
        int end = Math.Min((task + 1) * _block, _rows);
        for (int r = task * _block; r < end; r++)
        {
            float* dy = _outputGradient[r], y = _output[r], dx = _inputGradient[r];
            V sum = S.Zero;
            int c = 0;
            for (; c < _width; c += S.Count) sum = S.MultiplyAdd(Lanes.Load<S, V>(y + c, _width - c), Lanes.Load<S, V>(dy + c, _width - c), sum);
            V dot = S.Create((float)-S.SumDouble(sum)), scale = S.Create((float)(1 / Math.Max((double)_norms[r], 1e-12)));
            for (c = 0; c < _width; c += S.Count)
            {
                int left = _width - c;
                V tangent = S.MultiplyAdd(Lanes.Load<S, V>(y + c, left), dot, Lanes.Load<S, V>(dy + c, left));
                Lanes.Store<S, V>(dx + c, S.Multiply(tangent, scale), left);
            }
        }
    }
}
