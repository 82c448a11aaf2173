using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Elementwise;

/// <summary>output ← act(input).</summary>
internal readonly unsafe struct ActivationForward<TActivation>(DeviceSpan<float> output, DeviceSpan<float> input) : IVectorKernel
    where TActivation : struct, IActivation
{
    private const int Block = 4096;

    private readonly float* _output = output.Pointer, _input = input.Pointer;
    private readonly long _length = input.Length;

    public int Tasks => Blocks.Count(_length, Block);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct
    {
        long first = (long)task * Block;
        int length = (int)Math.Min(Block, _length - first);
        float* x = _input + first, y = _output + first;
        int i = 0;
        for (; i <= length - S.Count; i += S.Count) S.Store(y + i, TActivation.Value<S, V>(S.Load(x + i)));
        if (i < length) S.StorePartial(y + i, TActivation.Value<S, V>(S.LoadPartial(x + i, length - i)), length - i);
    }
}

/// <summary>inputGradient ← outputGradient ⊙ act′(input).</summary>
internal readonly unsafe struct ActivationBackward<TActivation>(DeviceSpan<float> inputGradient, DeviceSpan<float> outputGradient, DeviceSpan<float> input) : IVectorKernel
    where TActivation : struct, IActivation
{
    private const int Block = 4096;

    private readonly float* _inputGradient = inputGradient.Pointer, _outputGradient = outputGradient.Pointer, _input = input.Pointer;
    private readonly long _length = input.Length;

    public int Tasks => Blocks.Count(_length, Block);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct
    {
        long first = (long)task * Block;
        int length = (int)Math.Min(Block, _length - first);
        float* x = _input + first, dy = _outputGradient + first, dx = _inputGradient + first;
        int i = 0;
        for (; i <= length - S.Count; i += S.Count) S.Store(dx + i, S.Multiply(S.Load(dy + i), TActivation.Derivative<S, V>(S.Load(x + i))));
        int left = length - i;
        if (left > 0) S.StorePartial(dx + i, S.Multiply(S.LoadPartial(dy + i, left), TActivation.Derivative<S, V>(S.LoadPartial(x + i, left))), left);
    }
}
