using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.Normalization;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Elementwise;

/// <summary>output[r, c] ← input[r, c]·scale[c] + residual[r, c].</summary>
internal readonly unsafe struct ScaleColumnsForward(Matrix output, Matrix input, DeviceSpan<float> scale, Matrix residual) : IVectorKernel
{
    private readonly Rows _output = new(output), _input = new(input), _residual = new(residual);
    private readonly float* _scale = scale.Pointer;
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
            float* y = _output[r], x = _input[r], residual = _residual.IsNone ? null : _residual[r];
            for (int c = 0; c < _width; c += S.Count)
            {
                int left = _width - c;
                V old = residual == null ? S.Zero : Lanes.Load<S, V>(residual + c, left);
                Lanes.Store<S, V>(y + c, S.MultiplyAdd(Lanes.Load<S, V>(x + c, left), Lanes.Load<S, V>(_scale + c, left), old), left);
            }
        }
    }
}

/// <summary>inputGradient ← outputGradient·scale[c], and the sums of outputGradient ⊙ input for the scale's gradient.</summary>
internal readonly unsafe struct ScaleColumnsBackward(
    Matrix inputGradient, Matrix outputGradient, Matrix input, DeviceSpan<float> scale, SampleSums sums, bool parameters) : IVectorKernel
{
    private readonly Rows _inputGradient = new(inputGradient), _outputGradient = new(outputGradient), _input = new(input);
    private readonly float* _scale = scale.Pointer;
    private readonly int _width = input.Columns;

    public int Tasks => sums.Tasks;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct
    {
        (int first, int end) = sums.Begin<S, V>(task);
        float* sum = sums.Running(task, 0);
        for (int r = first; r < end; r++)
        {
            float* dy = _outputGradient[r], x = _input[r], dx = _inputGradient[r];
            for (int c = 0; c < _width; c += S.Count)
            {
                int left = _width - c;
                V gradient = Lanes.Load<S, V>(dy + c, left);
                if (parameters) S.Store(sum + c, S.MultiplyAdd(gradient, Lanes.Load<S, V>(x + c, left), S.Load(sum + c)));
                Lanes.Store<S, V>(dx + c, S.Multiply(gradient, Lanes.Load<S, V>(_scale + c, left)), left);
            }

            if (parameters) sums.EndRow<S, V>(task, r);
        }
    }
}
