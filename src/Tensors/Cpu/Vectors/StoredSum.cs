using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// output[i] ← origin[i] + Σ_k weights[k]·inputs[k][i] over vectors of any arithmetic dtype, as the same chain of fused multiply-adds as
/// <see cref="WeightedSum"/>. A strip of elements at a time is widened into the first cache, summed there and narrowed, so memory is read and written
/// once. Without inputs it converts the origin. The output may be a vector of its own dtype that is read.
/// </summary>
internal unsafe struct StoredSum : IRangeKernel
{
    /// <summary>Elements of a strip: sum, origin and one input in float32 take 12 KiB.</summary>
    private const int Strip = 1024;

    public Vector Output;

    /// <summary>Null bytes: none.</summary>
    public Vector Origin;
    public Vector* Inputs;
    public float* Weights;
    public int Count;

    /// <summary>Where 0 the origin is stored; null: nowhere. Only with an origin.</summary>
    public byte* Mask;

    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        float* sum = stackalloc float[3 * Strip], kept = sum + Strip, input = kept + Strip;
        for (int i = 0; i < count; i += Strip)
        {
            long at = start + i;
            int elements = Math.Min(Strip, count - i);
            if (Origin.Bytes == null)
                new Span<float>(sum, elements).Fill(-0f); // w·x + (−0) has the bits of w·x, whatever x is.
            else
                Origin.Load(at, sum, elements);
            if (Mask != null) new ReadOnlySpan<float>(sum, elements).CopyTo(new Span<float>(kept, elements));
            for (int k = 0; k < Count; k++)
            {
                float* x = input;
                if (Inputs[k].DType == DType.F32)
                    x = (float*)Inputs[k].Bytes + at;
                else
                    Inputs[k].Load(at, input, elements);
                Add<S, V, D>(sum, x, Weights[k], elements);
            }

            if (Count > 0) Finish<S, V, D>(sum, Mask == null ? null : Mask + at, kept, elements);
            Output.Store(at, sum, elements);
        }
    }

    /// <summary>sum ← fma(weight, x, sum).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add<S, V, D>(float* sum, float* x, float weight, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        V w = S.Create(weight);
        int i = 0, width = S.Count;
        for (; i <= count - (4 * width); i += 4 * width)
        {
            V r0 = S.FusedMultiplyAdd(w, S.Load(x + i), S.Load(sum + i));
            V r1 = S.FusedMultiplyAdd(w, S.Load(x + i + width), S.Load(sum + i + width));
            V r2 = S.FusedMultiplyAdd(w, S.Load(x + i + (2 * width)), S.Load(sum + i + (2 * width)));
            V r3 = S.FusedMultiplyAdd(w, S.Load(x + i + (3 * width)), S.Load(sum + i + (3 * width)));
            S.Store(sum + i, r0);
            S.Store(sum + i + width, r1);
            S.Store(sum + i + (2 * width), r2);
            S.Store(sum + i + (3 * width), r3);
        }

        for (; i < count; i++) sum[i] = MathF.FusedMultiplyAdd(weight, x[i], sum[i]);
    }

    /// <summary>One NaN for all, since which operand's payload an addition keeps is the processor's choice; the origin's bits where the mask is 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Finish<S, V, D>(float* sum, byte* mask, float* kept, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        float oneNaN = BitConverter.UInt32BitsToSingle(0x7FC0_0000);
        V nan = S.Create(oneNaN);
        int i = 0;
        for (; i <= count - S.Count; i += S.Count)
        {
            V r = S.Load(sum + i);
            r = S.Select(S.Equal(r, r), r, nan);
            if (mask != null) r = S.Select(S.LoadMask(mask + i), r, S.Load(kept + i));
            S.Store(sum + i, r);
        }

        for (; i < count; i++)
        {
            if (mask != null && mask[i] == 0) sum[i] = kept[i];
            else if (float.IsNaN(sum[i])) sum[i] = oneNaN;
        }
    }

    /// <summary>Elements in memory.</summary>
    internal struct Vector
    {
        public byte* Bytes;
        public DType DType;
        private int _elementBytes;

        public static Vector Of(StoredVector vector) =>
            vector.IsNone ? default : new() { Bytes = vector.Bytes.Pointer, DType = vector.DType, _elementBytes = vector.ElementBytes };

        public readonly void Load(long at, float* target, int count) =>
            Conversion.ToSingle(DType, new ReadOnlySpan<byte>(Bytes + (at * _elementBytes), count * _elementBytes), new Span<float>(target, count));

        public readonly void Store(long at, float* source, int count) =>
            Conversion.FromSingle(new ReadOnlySpan<float>(source, count), DType, new Span<byte>(Bytes + (at * _elementBytes), count * _elementBytes));
    }
}
