using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>Takes a tile of sums to C: alpha, beta, ragged right edge and, after the last part of the sum, the epilogue.</summary>
internal static unsafe class TileFinish<S, V>
    where S : struct, ISimd<V>
    where V : struct
{
    /// <param name="product">The product that the tile belongs to.</param>
    /// <param name="tile">rows × 2 vectors of sums, side by side.</param>
    /// <param name="part">What of C the tile covers.</param>
    /// <param name="block">The block of the sum that the tile holds.</param>
    public static void Apply(in ProductArguments product, float* tile, in OutputPart part, in SumBlock block)
    {
        Activation activation = block.IsLast || product.DerivativeInEveryBlock ? product.Epilogue.Activation : Activation.None;
        switch (activation)
        {
            case Activation.GeluErf:
                Apply<GeluErf>(product, tile, part, block);
                break;
            case Activation.GeluTanh:
                Apply<GeluTanh>(product, tile, part, block);
                break;
            case Activation.GeluQuick:
                Apply<QuickGelu>(product, tile, part, block);
                break;
            case Activation.Tanh:
                Apply<HyperbolicTangent>(product, tile, part, block);
                break;
            default:
                Apply<Identity>(product, tile, part, block);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Apply<A>(in ProductArguments product, float* tile, in OutputPart part, in SumBlock block)
        where A : struct, IActivation
    {
        int row = part.Row, column = part.Column, columns = part.Columns;
        bool last = block.IsLast;
        V alpha = S.Create(product.Alpha);
        // Old values with a factor other than 0 and 1 exist only in the first part; a factor of 0 does not read them (they may be NaN).
        float factor = block.IsFirst ? product.Beta : 1f;
        V beta = S.Create(factor);
        float* bias = last && product.Epilogue.Bias != null ? product.Epilogue.Bias + column : null;
        bool inBlock = product.DerivativeInEveryBlock, atEnd = last && product.Epilogue.IsBackward && !inBlock;
        nint saveStride = product.Epilogue.PreActivationStride;
        float* save = (last || inBlock) && product.Epilogue.PreActivation != null ? product.Epilogue.PreActivation + row * saveStride + column : null;
        float* c = product.C + row * product.StrideC + column;
        for (int r = 0; r < part.Rows; r++)
        {
            for (int offset = 0; offset < columns; offset += S.Count)
            {
                int count = Math.Min(S.Count, columns - offset);
                V x = S.Load(tile + offset);
                V slope = inBlock || atEnd ? A.Derivative<S, V>(LoadLanes(save + offset, count)) : x;
                if (inBlock)
                    x = S.Multiply(x, slope);
                if (factor == 0f)
                    x = S.Multiply(alpha, x);
                else if (factor == 1f)
                    x = S.MultiplyAdd(alpha, x, LoadLanes(c + offset, count));
                else
                    x = S.MultiplyAdd(beta, LoadLanes(c + offset, count), S.Multiply(alpha, x));
                if (bias != null)
                    x = S.Add(x, LoadLanes(bias + offset, count));
                if (atEnd)
                {
                    x = S.Multiply(x, slope);
                }
                else if (!inBlock)
                {
                    if (save != null)
                        StoreLanes(save + offset, x, count);
                    x = A.Value<S, V>(x);
                }
                StoreLanes(c + offset, x, count);
            }
            tile += 2 * S.Count;
            c += product.StrideC;
            if (save != null)
                save += saveStride;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V LoadLanes(float* source, int count) => count == S.Count ? S.Load(source) : S.LoadPartial(source, count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreLanes(float* target, V value, int count)
    {
        if (count == S.Count)
            S.Store(target, value);
        else
            S.StorePartial(target, value, count);
    }
}
