using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.Kernels;

namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>
/// Singular vectors of one matrix A by its smaller Gram matrix, step by step in one block of memory: the Gram matrix gives way to the reflections that made it tridiagonal, the
/// matrix is read again when its place is free.
/// </summary>
internal sealed unsafe class GramFactors : IDisposable
{
    /// <summary>Ratio of singular values from which on A·v/σ is orthogonal to float32 accuracy without help: its error is 10⁻¹⁶ over the square.</summary>
    public const double WellConditioned = 1e-4;

    /// <summary>Of the longer side, what of the matrix is there in float64 at one time: whole blocks of a product's sums, so that they are added up in the same order.</summary>
    private const int Piece = 4 * DoubleProduct.BlockLength;

    /// <summary>Ratio of singular values below which the direction of A·v is round-off.</summary>
    private const double Noise = 1e-9;

    private readonly DoubleProduct _product;
    private readonly Reflectors _reflectors;
    private readonly Tridiagonalization _tridiagonalization;
    private readonly TridiagonalEigen _eigen;
    private readonly HostMatrices _matrices;
    private readonly Workspace _memory = new();
    private readonly Workspace _values = new();
    private Matrix _a;
    private int _count;
    private DoubleMatrix _vectors;
    private DoubleMatrix _image;

    public GramFactors(CpuDevice device, CancellationToken cancellation)
    {
        Stop = new StopPoint(cancellation);
        _product = new DoubleProduct(device, Stop);
        _reflectors = new Reflectors(_product);
        _tridiagonalization = new Tridiagonalization(device, _product, _reflectors, Stop);
        _eigen = new TridiagonalEigen(device, _product);
        _matrices = new HostMatrices(device);
    }

    public StopPoint Stop { get; }

    /// <summary>[count]: singular values over <see cref="Scale"/>.</summary>
    public double* Sigma { get; private set; }

    /// <summary>A power of two.</summary>
    public double Scale { get; private set; }

    public long ReservedBytes =>
        _memory.Bytes + _values.Bytes + _product.ReservedBytes + _reflectors.ReservedBytes + _tridiagonalization.ReservedBytes + _matrices.ReservedBytes;

    private int Shorter => Math.Min(_a.Rows, _a.Columns);

    private int Longer => Math.Max(_a.Rows, _a.Columns);

    private bool Wide => _a.Rows < _a.Columns;

    private double* Memory => (double*)_memory.Reserve(2 * Room(_a.Rows, _a.Columns, _count), exactly: true);

    /// <summary>float64 numbers of memory for an m x n matrix and some of its vectors, in the steps that need most.</summary>
    public static long Room(int m, int n, int count)
    {
        long k = Math.Min(m, n), longer = Math.Max(m, n), square = k * k, piece = k * Math.Min(Piece, longer), count2 = (long)count * count;
        return Math.Max(Math.Max(square + piece, (count * k) + (count * longer) + Math.Max(piece, count2 / 4)), (2 * square) + TridiagonalEigen.Room((int)k));
    }

    /// <summary>Bytes of working memory at most, for decompositions of m x n matrices of which so many vectors are wanted; those that are known to be on the host take no room to be brought over.</summary>
    public static long WorkingBytes(int m, int n, int count, int threads, bool onHost)
    {
        int k = Math.Min(m, n), longer = Math.Max(m, n);
        long inner = BandReduction.Room(k) + ((long)longer * Reflectors.Block) + Tridiagonalization.Room(k, count, threads) + Reflectors.Room(k) + DoubleProduct.Room(longer, threads) + (8L * k);
        // Pieces that are brought over grow by a quarter more than is asked for.
        return (sizeof(double) * (Room(m, n, count) + inner)) + (onHost ? 0 : sizeof(float) * Math.Max(longer, (long)HostMatrices.Piece) * 5 / 4);
    }

    /// <summary>Finds the leading eigenvectors of AᵀA, or A·Aᵀ for a wide A; their square roots become <see cref="Sigma"/>, falling.</summary>
    /// <exception cref="NotFiniteMatrixException">An element is NaN or infinite.</exception>
    public void Begin(Matrix a, int count)
    {
        (_a, _count) = (a, count);
        int k = Shorter;
        long square = (long)k * k;
        Scale = _matrices.Scale(a);
        double* values = (double*)_values.Reserve(2L * 3 * k, exactly: true), offDiagonal = values + k;
        Sigma = offDiagonal + k;
        DoubleMatrix gram = new(Memory, k, k), all = new(Memory + square, k, k);
        for (int first = 0; first < Longer; first += Piece)
        {
            DoubleMatrix x = Load(Memory + square, first);
            _product.Multiply(gram, x, !Wide, x, Wide, 1, first == 0 ? 0 : 1, lowerOnly: true);
        }

        _tridiagonalization.Reduce(gram, new Span<double>(values, k), new Span<double>(offDiagonal, k));
        _eigen.Solve(values, offDiagonal, all, count, Memory + (2 * square));
        int[] order = Falling(values, k);
        for (int i = 0; i < count; i++) Sigma[i] = Math.Sqrt(Math.Max(0, values[order[i]]));
        Arrange(order.AsSpan(0, count), all);
        _vectors = all.Slice(0, 0, count, k);
        _tridiagonalization.ApplyTo(_vectors, gram);
    }

    /// <summary>Rows of left ← the leading columns of U, rows of right those of Vᵀ; <see cref="Sigma"/> ← more exact values.</summary>
    public (DoubleMatrix Left, DoubleMatrix Right) Vectors()
    {
        int count = _vectors.Rows, k = Shorter;
        var vectors = new DoubleMatrix(Memory, count, k);
        for (int i = 0; i < count; i++) _vectors.Row(i).CopyTo(vectors.Row(i));

        // The longer side: rows of the image are σ·(the other singular vector).
        _image = new DoubleMatrix(Memory + ((long)count * k), count, Longer);
        double* free = Memory + ((long)count * (k + Longer));
        for (int first = 0; first < Longer; first += Piece)
        {
            DoubleMatrix x = Load(free, first);
            _product.Multiply(_image.Slice(0, first, count, Math.Min(Piece, Longer - first)), vectors, false, x, !Wide);
        }

        Normalize(_image, free);
        int[] order = Falling(Sigma, count);
        Arrange(order, vectors);
        Arrange(order, _image);
        double[] sigma = new Span<double>(Sigma, count).ToArray();
        for (int i = 0; i < count; i++) Sigma[i] = sigma[order[i]];
        _vectors = vectors;
        return Wide ? (vectors, _image) : (_image, vectors);
    }

    /// <summary>The first <paramref name="rank"/> singular vectors as U·Vᵀ, where all of their singular values are well conditioned: A·V·diag(1/σ)·Vᵀ, and no other vectors.</summary>
    public DoubleMatrix PolarFromGram(int rank)
    {
        int k = Shorter;
        DoubleMatrix root = new(Memory, k, k), vectors = _vectors.Slice(0, 0, rank, k);
        for (int i = 0; i < rank; i++) DoubleVectors.Scale(vectors[i], 1 / Math.Sqrt(Sigma[i]), k);
        _product.Multiply(root, vectors, true, vectors, false, lowerOnly: true);
        if (!Wide)
        {
            for (int i = 0; i < k; i++)
            {
                for (int j = 0; j < i; j++) root[j][i] = root[i][j];
            }
        }

        var result = new DoubleMatrix(Memory + ((long)k * k), _a.Rows, _a.Columns);
        for (int first = 0; first < Longer; first += Piece)
        {
            DoubleMatrix x = Load(result.Data + ((long)k * Longer), first);
            if (Wide) _product.MultiplySymmetric(result.Slice(0, first, k, x.Columns), root, x, false);
            else _product.Multiply(result.Slice(first, 0, x.Rows, k), x, false, root, false);
        }

        return result;
    }

    /// <summary>The first <paramref name="rank"/> of all singular vectors as U·Vᵀ, or what that is transposed where the matrix is not wide; after <see cref="Vectors"/>, of which the longer are lost.</summary>
    public (DoubleMatrix Product, bool IsTransposed) Polar(int rank)
    {
        double* free = Memory + ((long)_image.Rows * (Shorter + Longer));
        for (int first = 0; first < Longer; first += Piece)
        {
            int count = Math.Min(Piece, Longer - first);
            var part = new DoubleMatrix(free, Shorter, count);
            _product.Multiply(part, _vectors.Slice(0, 0, rank, Shorter), true, _image.Slice(0, first, rank, count), false);
            for (int i = 0; i < Shorter; i++) part.Row(i).CopyTo(_image.Slice(i, first, 1, count).Row(0));
        }

        return (_image, !Wide);
    }

    /// <summary>Target ← factor·rows, or the rows as columns, in float32.</summary>
    public void Store(Matrix target, DoubleMatrix rows, bool transpose, double factor = 1) => _matrices.Store(target, rows, transpose, factor);

    public void Dispose()
    {
        _matrices.Dispose();
        _tridiagonalization.Dispose();
        _reflectors.Dispose();
        _product.Dispose();
        _memory.Dispose();
        _values.Dispose();
    }

    /// <summary>What of the matrix belongs to a piece of the longer side, over its scale.</summary>
    private DoubleMatrix Load(double* memory, int first)
    {
        int count = Math.Min(Piece, Longer - first);
        DoubleMatrix x = Wide ? new(memory, Shorter, count) : new(memory, count, Shorter);
        _matrices.Load(_a, Wide ? 0 : first, Wide ? first : 0, x, Scale);
        return x;
    }

    /// <summary>Makes the rows of the image orthonormal; <see cref="Sigma"/> ← their lengths before, each without its part along those before it.</summary>
    private void Normalize(DoubleMatrix image, double* work)
    {
        double smallest = double.MaxValue, largest = 0;
        for (int i = 0; i < image.Rows; i++)
        {
            Sigma[i] = Math.Sqrt(DoubleVectors.Dot(image[i], image[i], image.Columns));
            (smallest, largest) = (Math.Min(smallest, Sigma[i]), Math.Max(largest, Sigma[i]));
        }

        int good = 0;
        while (good < image.Rows && Sigma[good] > WellConditioned * largest) good++;
        if (smallest <= Noise * largest)
        {
            MakeOrthonormal(image, Sigma);
            return;
        }

        for (int i = 0; i < image.Rows; i++) DoubleVectors.Scale(image[i], 1 / Sigma[i], image.Columns);
        int rest = image.Rows - good;
        if (rest == 0) return;

        // The few that are not orthogonal to the others lose their part along these, twice is enough, and are then made orthonormal among themselves.
        DoubleMatrix first = image.Slice(0, 0, good, image.Columns), last = image.Slice(good, 0, rest, image.Columns);
        var along = new DoubleMatrix(work, rest, good);
        for (int pass = 0; pass < 2; pass++)
        {
            _product.Multiply(along, last, false, first, true);
            _product.Multiply(last, along, false, first, false, -1, 1);
        }

        double[] lengths = new double[rest];
        fixed (double* length = lengths) MakeOrthonormal(last, length);
        for (int i = 0; i < rest; i++) Sigma[good + i] *= lengths[i];
    }

    private void MakeOrthonormal(DoubleMatrix rows, double* lengths)
    {
        _reflectors.Orthonormalize(rows, lengths);
        for (int i = 0; i < rows.Rows; i++)
        {
            if (lengths[i] < 0) DoubleVectors.Scale(rows[i], -1, rows.Columns);
            lengths[i] = Math.Abs(lengths[i]);
        }
    }

    private static int[] Falling(double* values, int count)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        double[] keys = new Span<double>(values, count).ToArray();
        Array.Sort(order, (i, j) => keys[i] != keys[j] ? keys[j].CompareTo(keys[i]) : i.CompareTo(j));
        return order;
    }

    /// <summary>Row i ← row order[i], for the first rows of a matrix; where the others go is not said.</summary>
    private static void Arrange(ReadOnlySpan<int> order, DoubleMatrix rows)
    {
        int[] place = [.. Enumerable.Range(0, rows.Rows)], content = [.. place];
        double[] held = new double[rows.Columns];
        for (int i = 0; i < order.Length; i++)
        {
            int from = place[order[i]];
            if (from == i) continue;
            rows.Row(i).CopyTo(held);
            rows.Row(from).CopyTo(rows.Row(i));
            held.CopyTo(rows.Row(from));
            (content[i], content[from]) = (content[from], content[i]);
            (place[content[i]], place[content[from]]) = (i, from);
        }
    }
}
