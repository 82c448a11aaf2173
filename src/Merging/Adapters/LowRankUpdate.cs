using System.Buffers;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Adapters;

/// <summary>
/// W' = W + s·B·A (Hu et al., arXiv 2106.09685), or W + s·(B·A)ᵀ where W is stored [in, out] and for embeddings. For each element the products with the rank's index k are added up
/// in the order of k by fused multiplication and addition, and so is s times the sum to W.
/// </summary>
/// <remarks>
/// As L·R with one row of L for a row of W: the rows of L are read with each piece; R, whose rows are as long as those of W, is kept while pieces are asked for.
/// </remarks>
internal sealed unsafe class LowRankUpdate : AdaptedTensor
{
    private const int RowsAtOnce = 256;

    /// <summary>Elements of L that are read at a time, unless one row has more.</summary>
    private const int MostLeft = 1 << 18;

    private readonly SafetensorsFile _leftFile;
    private readonly SafetensorsFile _rightFile;
    private readonly TensorEntry _left;
    private readonly TensorEntry _right;
    private readonly int _rank;
    private readonly bool _transposed;
    private readonly float _scale;
    private readonly long _rowLength;
    private readonly FactorMemory _panels;
    private readonly Checkpoint _adapter;

    /// <param name="file">What holds W.</param>
    /// <param name="entry">W, [rows, …]; [rows, columns] if transposed.</param>
    /// <param name="stored">What the result is rounded to.</param>
    /// <param name="adapter">What holds the factors.</param>
    /// <param name="a">[r, in, …].</param>
    /// <param name="b">[out, r, …].</param>
    /// <param name="transposed">Whether W is [in, out].</param>
    /// <param name="scale">s.</param>
    public LowRankUpdate(Checkpoint file, TensorEntry entry, DType stored, Checkpoint adapter, TensorEntry a, TensorEntry b, bool transposed, double scale)
        : base(file, entry, stored)
    {
        (_left, _right) = transposed ? (a, b) : (b, a);
        _adapter = adapter;
        (_leftFile, _rightFile) = (adapter.FileOf(_left.Name), adapter.FileOf(_right.Name));
        (_transposed, _scale) = (transposed, (float)scale);
        _rank = checked((int)a.Shape[0]);
        _rowLength = entry.Shape[0] == 0 ? 0 : entry.ElementCount / entry.Shape[0];
        _panels = new FactorMemory(Elements(_rank, _rowLength), entry.ElementCount);
    }

    public override long WorkingBytes => _panels.ByteLength;

    public override long InputBytes => base.InputBytes + _left.ByteLength + _right.ByteLength;

    public override IReadOnlyList<TensorSource> Others => [.. base.Others, Part(_adapter, _left), Part(_adapter, _right)];

    /// <summary>Elements that are kept of a factor, whose rows are filled up to whole panels.</summary>
    public static long Elements(long rank, long rowLength) => LowRankProduct.Panels(rowLength) * LowRankProduct.PanelWidth * rank;

    protected override void Change(long first, Span<float> values)
    {
        if (_rank == 0 || _scale == 0 || values.IsEmpty) return;
        float* panels = _panels.Acquire(LoadPanels);
        try
        {
            int most = Math.Clamp(MostLeft / _rank, 1, RowsAtOnce);
            for (long at = first, end = first + values.Length; at < end;)
            {
                long row = at / _rowLength, rows = Math.Min(most, ((end - 1) / _rowLength) - row + 1);
                long stop = Math.Min(end, (row + rows) * _rowLength);
                float[] left = ReadLeft(row, (int)rows);
                LowRankProduct.Add(values[(int)(at - first)..(int)(stop - first)], at - (row * _rowLength), _rowLength, left, panels, _rank, _scale);
                ArrayPool<float>.Shared.Return(left);
                at = stop;
            }
        }
        finally
        {
            _panels.Release(values.Length);
        }
    }

    /// <summary>Rows of L, [rows, r].</summary>
    private float[] ReadLeft(long row, int rows)
    {
        float[] left = ArrayPool<float>.Shared.Rent(rows * _rank);
        if (!_transposed)
        {
            _leftFile.ReadFloat32(_left, row * _rank, left.AsSpan(0, rows * _rank));
            return left;
        }

        Span<float> column = stackalloc float[RowsAtOnce];
        for (int k = 0; k < _rank; k++)
        {
            _leftFile.ReadFloat32(_left, (k * _left.Shape[1]) + row, column[..rows]);
            for (int i = 0; i < rows; i++) left[(i * _rank) + k] = column[i];
        }

        return left;
    }

    /// <summary>R in panels, as the product wants it.</summary>
    private void LoadPanels(Span<float> panels)
    {
        panels.Clear();
        int length = checked((int)(_transposed ? _rank : _rowLength));
        float[] line = ArrayPool<float>.Shared.Rent(length);
        for (long i = 0, lines = _transposed ? _rowLength : _rank; i < lines; i++)
        {
            Span<float> values = line.AsSpan(0, length);
            _rightFile.ReadFloat32(_right, i * length, values);
            if (_transposed) for (int k = 0; k < length; k++) panels[LowRankProduct.Place(k, i, _rank)] = values[k];
            else for (int j = 0; j < length; j++) panels[LowRankProduct.Place((int)i, j, _rank)] = values[j];
        }

        ArrayPool<float>.Shared.Return(line);
    }
}
