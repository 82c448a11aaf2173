using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>The elements with |value| = magnitude.</summary>
internal readonly unsafe struct EqualMagnitudes(float* values, float magnitude) : IEqualElements
{
    private readonly float* _values = values;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public int CountEqual<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        V wanted = S.Create(magnitude);
        int found = 0, i = 0;
        for (; i <= count - S.Count; i += S.Count) found += S.CountMask(S.Equal(S.Abs(S.Load(_values + start + i)), wanted));
        for (; i < count; i++) found += IsEqual(start + i) ? 1 : 0;
        return found;
    }

    public bool IsEqual(long index) => MathF.Abs(_values[index]) == magnitude;
}
