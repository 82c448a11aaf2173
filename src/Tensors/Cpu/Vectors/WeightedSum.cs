using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// output[i] ← origin[i] + Σ_k weights[k]·inputs[k][i] as a chain of fused multiply-adds in the order of k, or the sum alone, from
/// weights[0]·inputs[0][i], where there is no origin. A few vectors of accumulators stay in registers while k runs, so every input is read
/// once and any number of inputs takes the same path. The output may be the origin or an input.
/// </summary>
internal unsafe struct WeightedSum : IRangeKernel
{
    public float* Output;

    /// <summary>null: none.</summary>
    public float* Origin;
    public float** Inputs;
    public float* Weights;
    public int Count;

    /// <summary>Where 0 the origin's bits are stored; null: nowhere. Only with an origin.</summary>
    public byte* Mask;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        float* output = Output + start, origin = Origin == null ? null : Origin + start, weights = Weights;
        float** inputs = Inputs;
        byte* mask = Mask == null ? null : Mask + start;
        int i = 0, width = S.Count, n = Count;
        for (; i <= count - (4 * width); i += 4 * width)
        {
            V r0, r1, r2, r3;
            int k = 0;
            if (origin != null)
            {
                r0 = S.Load(origin + i);
                r1 = S.Load(origin + i + width);
                r2 = S.Load(origin + i + (2 * width));
                r3 = S.Load(origin + i + (3 * width));
            }
            else
            {
                float* x = inputs[0] + start + i;
                V w = S.Create(weights[0]);
                r0 = S.Multiply(w, S.Load(x));
                r1 = S.Multiply(w, S.Load(x + width));
                r2 = S.Multiply(w, S.Load(x + (2 * width)));
                r3 = S.Multiply(w, S.Load(x + (3 * width)));
                k = 1;
            }

            for (; k < n; k++)
            {
                float* x = inputs[k] + start + i;
                V w = S.Create(weights[k]);
                r0 = S.FusedMultiplyAdd(w, S.Load(x), r0);
                r1 = S.FusedMultiplyAdd(w, S.Load(x + width), r1);
                r2 = S.FusedMultiplyAdd(w, S.Load(x + (2 * width)), r2);
                r3 = S.FusedMultiplyAdd(w, S.Load(x + (3 * width)), r3);
            }

            if (mask != null)
            {
                r0 = S.Select(S.LoadMask(mask + i), r0, S.Load(origin + i));
                r1 = S.Select(S.LoadMask(mask + i + width), r1, S.Load(origin + i + width));
                r2 = S.Select(S.LoadMask(mask + i + (2 * width)), r2, S.Load(origin + i + (2 * width)));
                r3 = S.Select(S.LoadMask(mask + i + (3 * width)), r3, S.Load(origin + i + (3 * width)));
            }

            S.Store(output + i, r0);
            S.Store(output + i + width, r1);
            S.Store(output + i + (2 * width), r2);
            S.Store(output + i + (3 * width), r3);
        }

        for (; i < count; i++)
        {
            float sum = origin != null ? origin[i] : weights[0] * inputs[0][start + i];
            if (mask == null || mask[i] != 0)
            {
                for (int k = origin != null ? 0 : 1; k < n; k++) sum = MathF.FusedMultiplyAdd(weights[k], inputs[k][start + i], sum);
            }

            output[i] = sum;
        }
    }
}
