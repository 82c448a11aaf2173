using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Normalization;

/// <summary>
/// Backward pass of LayerNorm over a block of rows: dx = (g − mean(g) − x̂·mean(g ⊙ x̂))/σ with g = dy ⊙ weight and x̂ = (x − μ)/σ; the sums
/// for dweight = Σ dy ⊙ x̂ and dbias = Σ dy are made while the row is in the first-level cache.
/// </summary>
internal readonly unsafe struct LayerNormBackward(
    Matrix inputGradient, Matrix outputGradient, Matrix input, DeviceSpan<float> mean, DeviceSpan<float> inverseDeviation,
    DeviceSpan<float> weight, SampleSums sums, bool parameters, bool accumulate) : IVectorKernel
{
    private readonly Rows _inputGradient = new(inputGradient), _outputGradient = new(outputGradient), _input = new(input);
    private readonly float* _mean = mean.Pointer, _inverse = inverseDeviation.Pointer, _weight = weight.Pointer;
    private readonly int _width = input.Columns;

    public int Tasks => sums.Tasks;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct
    {
        (int first, int end) = sums.Begin<S, V>(task);
        float* weightSum = parameters ? sums.Running(task, 0) : null, biasSum = sums.Running(task, 1);
        for (int r = first; r < end; r++)
        {
            float* dy = _outputGradient[r], x = _input[r], dx = _inputGradient[r];
            V mean = S.Create(_mean[r]), inverse = S.Create(_inverse[r]);
            V sum = S.Zero, product = S.Zero;
            int c = 0;
            for (; c <= _width - S.Count; c += S.Count) Gather<S, V>(c, S.Count, dy, x, mean, inverse, weightSum, biasSum, ref sum, ref product);
            if (c < _width) Gather<S, V>(c, _width - c, dy, x, mean, inverse, weightSum, biasSum, ref sum, ref product);

            V average = S.Create((float)(S.SumDouble(sum) / _width)), slope = S.Create((float)(S.SumDouble(product) / _width));
            for (c = 0; c <= _width - S.Count; c += S.Count) Write<S, V>(c, S.Count, dx, dy, x, mean, inverse, average, slope);
            if (c < _width) Write<S, V>(c, _width - c, dx, dy, x, mean, inverse, average, slope);
            if (parameters) sums.EndRow<S, V>(task, r);
        }
    }

    /// <remarks>Lanes behind the end have dy = 0, so they add nothing.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Gather<S, V>(int c, int count, float* dy, float* x, V mean, V inverse, float* weightSum, float* biasSum, ref V sum, ref V product)
        where S : struct, ISimd<V>
        where V : struct
    {
        V gradient = Lanes.Load<S, V>(dy + c, count);
        V normal = S.Multiply(S.Subtract(Lanes.Load<S, V>(x + c, count), mean), inverse);
        V g = S.Multiply(gradient, Lanes.Load<S, V>(_weight + c, count));
        sum = S.Add(sum, g);
        product = S.MultiplyAdd(g, normal, product);
        if (weightSum != null)
        {
            S.Store(weightSum + c, S.MultiplyAdd(gradient, normal, S.Load(weightSum + c)));
            S.Store(biasSum + c, S.Add(gradient, S.Load(biasSum + c)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Write<S, V>(int c, int count, float* dx, float* dy, float* x, V mean, V inverse, V average, V slope)
        where S : struct, ISimd<V>
        where V : struct
    {
        V normal = S.Multiply(S.Subtract(Lanes.Load<S, V>(x + c, count), mean), inverse);
        V g = S.Multiply(Lanes.Load<S, V>(dy + c, count), Lanes.Load<S, V>(_weight + c, count));
        V centred = S.Subtract(S.Subtract(g, average), S.Multiply(normal, slope));
        V old = accumulate ? Lanes.Load<S, V>(dx + c, count) : S.Zero;
        Lanes.Store<S, V>(dx + c, S.MultiplyAdd(centred, inverse, old), count);
    }
}
