using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>The float64 keys that equal one.</summary>
internal readonly unsafe struct EqualKeys(double* keys, double key) : IEqualElements
{
    private readonly double* _keys = keys;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public int CountEqual<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D wanted = S.CreateDouble(key);
        int found = 0, i = 0, width = S.Count / 2;
        for (; i <= count - width; i += width) found += S.CountMask(S.Equal(S.LoadDouble(_keys + start + i), wanted));
        for (; i < count; i++) found += IsEqual(start + i) ? 1 : 0;
        return found;
    }

    public bool IsEqual(long index) => _keys[index] == key;
}
