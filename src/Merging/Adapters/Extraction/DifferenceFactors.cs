using System.Buffers;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.LinearAlgebra;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Adapters.Extraction;

/// <summary>
/// The best factors of a rank for the difference of two stored weights: D = U·diag(σ)·Vᵀ cut after r singular values (Eckart and Young, 1936), so that ‖D − B·A‖ is σ_{r+1}. D is a
/// difference of float32, rounded to the files' own type where both have the same half type.
/// </summary>
/// <remarks>
/// Small matrices are decomposed whole, in float64: every σ is right to about 10⁻⁸·σ₁. Where r is less than a quarter of the shorter side the leading vectors are found by
/// eight steps of subspace iteration (<see cref="TruncatedSvd"/>), whose spectral error is at most (1 + √(r/(p − r − 1)) + e·√p/(p − r)·√(min(m, n) − r))^(1/17)·σ_{r+1} in
/// expectation, with p = r + max(10, r/4) vectors: for r = 128 of 4096 1.3 σ_{r+1} where singular values do not fall at all, and next to nothing where they do.
/// </remarks>
/// <param name="device">Where products are made.</param>
/// <param name="host">Whose threads do the inner problems.</param>
/// <param name="cancellation">Stops a decomposition.</param>
internal sealed class DifferenceFactors(Device device, CpuDevice host, CancellationToken cancellation) : IDisposable
{
    private readonly TruncatedSvd _svd = new(host, cancellation);

    /// <summary>B and A of a module, row-major.</summary>
    /// <param name="A">[rank, in].</param>
    /// <param name="B">[out, rank].</param>
    /// <param name="Rank">1 at least: factors of zeros where there is no difference, as programs take no rank of 0.</param>
    /// <param name="Kept">Share of the squared norm.</param>
    /// <param name="Differs">Whether there is any difference.</param>
    public readonly record struct Result(float[] A, float[] B, int Rank, double Kept, bool Differs);

    /// <exception cref="AdapterException">The difference is not finite.</exception>
    public Result Find(ComparedModel model, ComparedModel origin, DecomposedWeight weight, LoraExtractionOptions options)
    {
        int rows = (int)weight.Model.Shape[0], columns = (int)weight.Model.Shape[1], most = Math.Min(options.MaxRank, Math.Min(rows, columns));
        using DeviceBuffer data = device.Allocate<float>((long)rows * columns), left = device.Allocate<float>((long)rows * most), right = device.Allocate<float>((long)most * columns);
        double norm = Load(data.AsSpan<float>(), model, origin, weight);
        if (!double.IsFinite(norm)) throw new AdapterException($"{options.Model}: the tensor {Quoting.Quote(weight.Model.Name)} minus that of {options.BaseModel} is not finite, so it has no singular values.");
        float[] s = new float[most], u = new float[rows * most], v = new float[most * columns];
        if (norm > 0)
        {
            _svd.Decompose(new Matrix(data.AsSpan<float>(), rows, columns), new Matrix(left.AsSpan<float>(), rows, most), s, new Matrix(right.AsSpan<float>(), most, columns));
            device.Download(left.AsSpan<float>(), u);
            device.Download(right.AsSpan<float>(), v);
        }

        int rank = options.SingularValueEpsilon > 0 ? Math.Max(1, s.Count(x => x > options.SingularValueEpsilon)) : most;
        if (options.SingularValueEpsilon > 0 && !(s[0] > options.SingularValueEpsilon)) s[0] = 0;
        double kept = norm == 0 ? 1 : s.Take(rank).Sum(x => (double)x * x) / norm;
        // U is [rows, most], V is [most, columns]; where the weight is stored the other way its columns are the outputs.
        double Out(int k) => options.DistributeScale ? Math.Sqrt(s[k]) : 1;
        double In(int k) => options.DistributeScale ? Math.Sqrt(s[k]) : s[k];
        bool other = weight.IsEmbedding || weight.IsTransposed;
        float U(int i, int k) => u[(i * most) + k];
        float V(int k, int j) => v[(k * columns) + j];
        var a = new float[rank * (other ? rows : columns)];
        var b = new float[rank * (other ? columns : rows)];
        for (int k = 0, inputs = other ? rows : columns; k < rank; k++)
        {
            for (int j = 0; j < inputs; j++) a[(k * inputs) + j] = (float)(In(k) * (other ? U(j, k) : V(k, j)));
        }

        for (int i = 0, outputs = other ? columns : rows; i < outputs; i++)
        {
            for (int k = 0; k < rank; k++) b[(i * rank) + k] = (float)(Out(k) * (other ? V(k, i) : U(i, k)));
        }

        return new Result(a, b, rank, Math.Min(1, kept), norm > 0);
    }

    public void Dispose() => _svd.Dispose();

    /// <summary>Reads the difference; returns its squared norm.</summary>
    private static double Load(DeviceSpan<float> destination, ComparedModel model, ComparedModel origin, DecomposedWeight weight)
    {
        DType type = weight.Model.DType;
        bool rounds = type == weight.Base.DType && type is DType.BF16 or DType.F16;
        double norm = 0;
        destination.Buffer.Device.Upload(destination, 0, (piece, first, _) =>
        {
            const int Block = 1 << 14;
            float[] before = ArrayPool<float>.Shared.Rent(Block);
            byte[] bytes = ArrayPool<byte>.Shared.Rent(Block * 2);
            for (int at = 0; at < piece.Length; at += Block)
            {
                Span<float> block = piece[at..Math.Min(piece.Length, at + Block)], old = before.AsSpan(0, block.Length);
                model.ReadFloat32(weight.Model, first + at, block);
                origin.ReadFloat32(weight.Base, first + at, old);
                for (int i = 0; i < block.Length; i++) block[i] -= old[i];
                if (rounds)
                {
                    Conversion.FromSingle(block, type, bytes.AsSpan(0, block.Length * 2));
                    Conversion.ToSingle(type, bytes.AsSpan(0, block.Length * 2), block);
                }

                foreach (float x in block) norm += (double)x * x;
            }

            ArrayPool<float>.Shared.Return(before);
            ArrayPool<byte>.Shared.Return(bytes);
        });
        return norm;
    }
}
