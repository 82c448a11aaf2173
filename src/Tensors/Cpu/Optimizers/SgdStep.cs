using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Optimizers;

/// <summary>One step of SGD over a block of elements: g ← g + λp; b ← μb + g, b = g at step 1; p ← p − lr·b (or lr·(g + μb), Nesterov).</summary>
internal readonly unsafe struct SgdStep(
    DeviceSpan<float> parameters, DeviceSpan<float> gradients, DeviceSpan<float> momentum, in SgdSettings settings, int step, double clip) : IVectorKernel
{
    private readonly float* _parameters = parameters.Pointer, _gradients = gradients.Pointer, _momentum = settings.Momentum == 0 ? null : momentum.Pointer;
    private readonly long _length = parameters.Length;
    private readonly float _clip = (float)clip, _decay = (float)settings.WeightDecay, _rate = (float)-settings.LearningRate, _keep = (float)settings.Momentum;
    private readonly bool _nesterov = settings.Nesterov, _first = step == 1;

    public int Tasks => Blocks.Count(_length, Blocks.Elements);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct
    {
        long first = (long)task * Blocks.Elements;
        int length = (int)Math.Min(Blocks.Elements, _length - first);
        float* p = _parameters + first, g = _gradients + first, b = _momentum == null ? null : _momentum + first;
        for (int i = 0; i < length; i += S.Count)
        {
            int left = length - i;
            V parameter = Lanes.Load<S, V>(p + i, left);
            V change = S.Multiply(Lanes.Load<S, V>(g + i, left), S.Create(_clip));
            change = S.MultiplyAdd(S.Create(_decay), parameter, change);
            if (b != null)
            {
                V velocity = _first ? change : S.MultiplyAdd(S.Create(_keep), Lanes.Load<S, V>(b + i, left), change);
                Lanes.Store<S, V>(b + i, velocity, left);
                change = _nesterov ? S.MultiplyAdd(S.Create(_keep), velocity, change) : velocity;
            }

            Lanes.Store<S, V>(p + i, S.MultiplyAdd(S.Create(_rate), change, parameter), left);
        }
    }
}
