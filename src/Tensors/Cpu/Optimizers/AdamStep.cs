using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Optimizers;

/// <summary>
/// One step of Adam or AdamW over a block of elements: four vectors read, three written, once.
/// </summary>
/// <remarks>
/// The moments are moved by (1 − β)·(new − old), whose rounded coefficient only changes how fast
/// they move, where β·old + (1 − β)·new with a rounded β would move their level a little at each of thousands of steps. The
/// parameter is rounded once: decay and step are added first.
/// </remarks>
internal readonly unsafe struct AdamStep(
    DeviceSpan<float> parameters, DeviceSpan<float> gradients, DeviceSpan<float> firstMoment, DeviceSpan<float> secondMoment, in AdamSettings settings, int step, double clip) : IVectorKernel
{
    private readonly float* _parameters = parameters.Pointer, _gradients = gradients.Pointer, _first = firstMoment.Pointer, _second = secondMoment.Pointer;
    private readonly long _length = parameters.Length;
    private readonly float _clip = (float)clip;
    private readonly AdamScalars _with = new(settings, step);

    public int Tasks => Blocks.Count(_length, Blocks.Elements);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct
    {
        long first = (long)task * Blocks.Elements;
        int length = (int)Math.Min(Blocks.Elements, _length - first);
        float* p = _parameters + first, g = _gradients + first, m = _first + first, v = _second + first;
        int i = 0;
        for (; i <= length - S.Count; i += S.Count) Update<S, V>(p + i, g + i, m + i, v + i, S.Count);
        if (i < length) Update<S, V>(p + i, g + i, m + i, v + i, length - i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Update<S, V>(float* parameters, float* gradients, float* first, float* second, int count)
        where S : struct, ISimd<V>
        where V : struct
    {
        V p = Lanes.Load<S, V>(parameters, count), m = Lanes.Load<S, V>(first, count), v = Lanes.Load<S, V>(second, count);
        V g = S.Multiply(Lanes.Load<S, V>(gradients, count), S.Create(_clip));
        g = S.MultiplyAdd(S.Create(_with.Coupled), p, g);
        m = S.MultiplyAdd(S.Create(_with.Gain1), S.Subtract(g, m), m);
        v = S.MultiplyAdd(S.Create(_with.Gain2), S.Subtract(S.Multiply(g, g), v), v);
        V root = S.MultiplyAdd(S.Sqrt(v), S.Create(_with.RootScale), S.Create(_with.Epsilon));
        V change = S.MultiplyAdd(S.Create(_with.Decoupled), p, S.Divide(S.Multiply(m, S.Create(_with.Rate)), root));
        Lanes.Store<S, V>(parameters, S.Subtract(p, change), count);
        Lanes.Store<S, V>(first, m, count);
        Lanes.Store<S, V>(second, v, count);
    }
}
