using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Tokens;

/// <summary>Between images and rows of patches, one image after the other, a run of p pixels at a time.</summary>
internal readonly unsafe struct Patches(Matrix patches, DeviceSpan<float> images, PatchShape shape, bool backward) : IVectorKernel
{
    private readonly Rows _patches = new(patches);
    private readonly float* _images = images.Pointer;
    private readonly int _block = (int)Math.Clamp(Blocks.Elements / Math.Max(1, shape.ImageLength), 1, Math.Max(1, shape.Batch));

    public int Tasks => Blocks.Count(shape.Batch, _block);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct
    {
        int p = shape.Patch, down = shape.Height / p, across = shape.Width / p;
        bool covered = down * p == shape.Height && across * p == shape.Width;
        int end = Math.Min((task + 1) * _block, shape.Batch);
        for (int n = task * _block; n < end; n++)
        {
            float* image = _images + (n * (nint)shape.ImageLength);
            if (backward && !covered) Clear<S, V>(image, shape.ImageLength);
            for (int channel = 0; channel < shape.Channels; channel++)
            {
                for (int y = 0; y < down * p; y++)
                {
                    float* pixels = image + ((((nint)channel * shape.Height) + y) * shape.Width);
                    int row = (n * shape.PatchesPerImage) + (y / p * across), column = (((channel * p) + (y % p)) * p);
                    for (int x = 0; x < across; x++)
                    {
                        float* patch = _patches[row + x] + column;
                        if (backward) Lanes.Copy<S, V>(pixels + (x * p), patch, p);
                        else Lanes.Copy<S, V>(patch, pixels + (x * p), p);
                    }
                }
            }
        }
    }

    private static void Clear<S, V>(float* target, long length)
        where S : struct, ISimd<V>
        where V : struct
    {
        for (long i = 0; i < length; i += Blocks.Elements) Lanes.Clear<S, V>(target + i, (int)Math.Min(Blocks.Elements, length - i));
    }
}
