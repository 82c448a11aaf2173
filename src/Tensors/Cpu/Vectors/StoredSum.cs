using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// output[i] ← origin[i] + Σ_k weights[k]·inputs[k][i] over vectors of any arithmetic dtype, as the same chain of fused multiply-adds as
/// <see cref="WeightedSum"/>. A strip of elements at a time is summed in the first cache and narrowed, so memory is read and written once. Inputs of up to 32 bits
/// are read where they are, F64 is rounded to the cache first; a group of inputs is summed in registers. Without inputs it converts the origin. The
/// output may be a vector of its own dtype that is read.
/// </summary>
internal unsafe struct StoredSum : IRangeKernel
{
    /// <summary>Elements of a strip: sum, origin and a group of inputs in float32 take 20 KiB.</summary>
    private const int Strip = 512;

    /// <summary>Inputs that are summed in registers together.</summary>
    private const int Group = 8;

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
        float* sum = stackalloc float[(2 + Group) * Strip], kept = sum + Strip, staged = kept + Strip;
        byte** group = stackalloc byte*[Group];
        DType* stored = stackalloc DType[Group];
        for (int i = 0; i < count; i += Strip)
        {
            long at = start + i;
            int elements = Math.Min(Strip, count - i);
            if (Origin.Bytes == null)
                new Span<float>(sum, elements).Fill(-0f); // w·x + (−0) has the bits of w·x, whatever x is.
            else
                Origin.Load(at, sum, elements);
            if (Mask != null) new ReadOnlySpan<float>(sum, elements).CopyTo(new Span<float>(kept, elements));
            for (int first = 0; first < Count; first += Group)
            {
                int inputs = Math.Min(Group, Count - first);
                for (int g = 0; g < inputs; g++)
                {
                    ref Vector input = ref Inputs[first + g];
                    stored[g] = input.DType;
                    if (input.DType is DType.BF16 or DType.F16 or DType.F32)
                    {
                        group[g] = input.At(at);
                        continue;
                    }

                    input.Load(at, staged + (g * Strip), elements);
                    group[g] = (byte*)(staged + (g * Strip));
                }

                Add<S, V, D>(sum, group, stored, Weights + first, inputs, elements);
            }

            if (Count > 0) Finish<S, V, D>(sum, Mask == null ? null : Mask + at, kept, elements);
            Output.Store(at, sum, elements);
        }
    }

    /// <summary>sum ← fma(weights[g], group[g], sum) for one input after the other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add<S, V, D>(float* sum, byte** group, DType* stored, float* weights, int inputs, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        int i = 0, width = S.Count;
        for (; i <= count - (4 * width); i += 4 * width)
        {
            V r0 = S.Load(sum + i), r1 = S.Load(sum + i + width), r2 = S.Load(sum + i + (2 * width)), r3 = S.Load(sum + i + (3 * width));
            for (int g = 0; g < inputs; g++)
            {
                V w = S.Create(weights[g]);
                if (stored[g] == DType.BF16)
                {
                    ushort* x = (ushort*)group[g] + i;
                    S.Prefetch((float*)(x + Ranges.Ahead));
                    S.Prefetch((float*)(x + Ranges.Ahead + (2 * width)));
                    r0 = S.FusedMultiplyAdd(w, S.LoadBFloat16(x), r0);
                    r1 = S.FusedMultiplyAdd(w, S.LoadBFloat16(x + width), r1);
                    r2 = S.FusedMultiplyAdd(w, S.LoadBFloat16(x + (2 * width)), r2);
                    r3 = S.FusedMultiplyAdd(w, S.LoadBFloat16(x + (3 * width)), r3);
                }
                else if (stored[g] == DType.F16)
                {
                    ushort* x = (ushort*)group[g] + i;
                    S.Prefetch((float*)(x + Ranges.Ahead));
                    S.Prefetch((float*)(x + Ranges.Ahead + (2 * width)));
                    r0 = S.FusedMultiplyAdd(w, S.LoadFloat16(x), r0);
                    r1 = S.FusedMultiplyAdd(w, S.LoadFloat16(x + width), r1);
                    r2 = S.FusedMultiplyAdd(w, S.LoadFloat16(x + (2 * width)), r2);
                    r3 = S.FusedMultiplyAdd(w, S.LoadFloat16(x + (3 * width)), r3);
                }
                else
                {
                    float* x = (float*)group[g] + i;
                    r0 = S.FusedMultiplyAdd(w, S.Load(x), r0);
                    r1 = S.FusedMultiplyAdd(w, S.Load(x + width), r1);
                    r2 = S.FusedMultiplyAdd(w, S.Load(x + (2 * width)), r2);
                    r3 = S.FusedMultiplyAdd(w, S.Load(x + (3 * width)), r3);
                }
            }

            S.Store(sum + i, r0);
            S.Store(sum + i + width, r1);
            S.Store(sum + i + (2 * width), r2);
            S.Store(sum + i + (3 * width), r3);
        }

        for (; i < count; i++)
        {
            for (int g = 0; g < inputs; g++)
            {
                float x = stored[g] switch
                {
                    DType.BF16 => ((BFloat16*)group[g])[i],
                    DType.F16 => (float)((Half*)group[g])[i],
                    _ => ((float*)group[g])[i],
                };
                sum[i] = MathF.FusedMultiplyAdd(weights[g], x, sum[i]);
            }
        }
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

        public readonly byte* At(long index) => Bytes + (index * _elementBytes);

        public readonly void Load(long at, float* target, int count) =>
            Conversion.ToSingle(DType, new ReadOnlySpan<byte>(At(at), count * _elementBytes), new Span<float>(target, count));

        public readonly void Store(long at, float* source, int count) =>
            Conversion.FromSingle(new ReadOnlySpan<float>(source, count), DType, new Span<byte>(At(at), count * _elementBytes));
    }
}
