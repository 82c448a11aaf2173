using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;

namespace MergeEngine.Models.Datasets;

/// <summary>
/// Token ids of some texts. They lie sorted by length and packed, texts of one length beside each other, so that no work is done on padding;
/// what comes out of an encoder is in the caller's order again.
/// </summary>
public sealed class TextBatch : Batch
{
    /// <summary>Where every launch costs time, a little padding that makes longer runs is cheaper than many short ones.</summary>
    private const int StepOnDevice = 8;

    private readonly TokenLimits _limits;
    private readonly DeviceArray<int> _values;
    private long[] _order = [];
    private int[] _lengths = [];
    private bool _hasHiddenKeys;

    /// <summary>An empty batch; <c>TextTransformer.CreateBatch</c> makes the one that a model needs.</summary>
    /// <param name="device">Where it lies.</param>
    /// <param name="limits">Which tokens are taken.</param>
    /// <param name="lengthStep">Lengths are rounded up to multiples of this many tokens; changes speed alone, but for rounding. 0 chooses by the device.</param>
    public TextBatch(Device device, TokenLimits limits, int lengthStep = 0)
        : base(device)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(lengthStep);
        _limits = limits;
        LengthStep = lengthStep > 0 ? lengthStep : device.IsHostMemory ? 1 : StepOnDevice;
        _values = new DeviceArray<int>(device);
    }

    public TokenLimits Limits => _limits;

    /// <summary>Lengths are rounded up to multiples of this.</summary>
    public int LengthStep { get; }

    /// <summary>Rows of the encoder's matrices: the tokens of all texts, padding to the next multiple of <see cref="LengthStep"/> included.</summary>
    public int TokenCount => Rows.Rows;

    /// <summary>How the rows are cut into texts, in the batch's own order.</summary>
    internal SampleRows Rows { get; } = new();

    /// <summary>[rows].</summary>
    internal DeviceSpan<int> Ids => Part(0, Rows.Rows);

    /// <summary>[rows].</summary>
    internal DeviceSpan<int> Types => Part(Rows.Rows, Rows.Rows);

    /// <summary>[rows].</summary>
    internal DeviceSpan<int> Positions => Part(2 * Rows.Rows, Rows.Rows);

    /// <summary>[rows]: 0 for a token that no other one sees; <c>default</c> where all are seen.</summary>
    internal DeviceSpan<int> KeyMask => _hasHiddenKeys ? Part(3 * Rows.Rows, Rows.Rows) : default;

    /// <summary>[count]: the row of the token that stands for each text (<see cref="TokenLimits.PooledToken"/>), in the caller's order.</summary>
    internal DeviceSpan<int> PooledRows => Part(4 * Rows.Rows, Count);

    /// <summary>[count]: the batch's place of each of the caller's texts.</summary>
    internal DeviceSpan<int> Places => Part((4 * Rows.Rows) + Count, Count);

    /// <summary>[count]: the caller's number of the text in each of the batch's places.</summary>
    internal DeviceSpan<int> Order => Part((4 * Rows.Rows) + (2 * Count), Count);

    /// <summary>Puts texts into the batch.</summary>
    /// <param name="tokens">Where they are.</param>
    /// <param name="texts">Which texts, in the order of the features.</param>
    /// <param name="labels">One of each text of the table; empty for none.</param>
    /// <exception cref="ArgumentException">A text is not one that the model takes; the message says why.</exception>
    public void Fill(TokenTable tokens, ReadOnlySpan<int> texts, ReadOnlySpan<int> labels = default)
    {
        ArgumentOutOfRangeException.ThrowIfZero(texts.Length, nameof(texts));
        Sort(tokens, texts);
        Span<int> ownLabels = StageLabels(texts.Length);
        for (int i = 0; i < texts.Length; i++) ownLabels[i] = labels.IsEmpty ? 0 : labels[texts[i]];
        Write(tokens, texts, _values.Stage(checked((4 * Rows.Rows) + (3 * Count))));
        _values.Upload((4 * Rows.Rows) + (3 * Count));
        UploadLabels();
    }

    /// <summary>The caller's number of the text in one of the batch's places.</summary>
    internal int CallerOf(int place) => (int)_order[place];

    /// <summary>Tokens of the text in one of the batch's places, padding left out.</summary>
    internal int LengthOf(int place) => _lengths[place];

    protected override void Dispose(bool disposing)
    {
        if (disposing) _values.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>Orders the texts by length, those of one length as the caller gave them.</summary>
    private void Sort(TokenTable tokens, ReadOnlySpan<int> texts)
    {
        if (_order.Length < texts.Length) _order = new long[Math.Max(texts.Length, 2 * _order.Length)];
        for (int i = 0; i < texts.Length; i++)
        {
            if (_limits.FindFault(tokens.Ids(texts[i]), tokens.Types(texts[i])) is { } fault) throw new ArgumentException($"Text {texts[i]} {fault}.", nameof(texts));
            int length = tokens.LengthOf(texts[i]), rounded = (int)Math.Min(((long)length + LengthStep - 1) / LengthStep * LengthStep, int.MaxValue);
            _order[i] = ((long)Math.Max(length, Math.Min(rounded, _limits.MaxTokens)) << 32) | (uint)i;
        }

        Span<long> order = _order.AsSpan(0, texts.Length);
        order.Sort();
        Rows.Clear();
        for (int first = 0; first < order.Length;)
        {
            int next = first + 1;
            while (next < order.Length && order[next] >> 32 == order[first] >> 32) next++;
            Rows.Add(next - first, (int)(order[first] >> 32));
            first = next;
        }
    }

    private void Write(TokenTable tokens, ReadOnlySpan<int> texts, Span<int> values)
    {
        int rows = Rows.Rows;
        Span<int> ids = values[..rows], types = values.Slice(rows, rows), positions = values.Slice(2 * rows, rows), mask = values.Slice(3 * rows, rows);
        Span<int> pooledRows = values.Slice(4 * rows, Count), places = values.Slice((4 * rows) + Count, Count), order = values.Slice((4 * rows) + (2 * Count), Count);
        _hasHiddenKeys = false;
        if (_lengths.Length < _order.Length) _lengths = new int[_order.Length];
        int row = 0;
        for (int place = 0; place < Count; place++)
        {
            int caller = (int)_order[place], text = texts[caller], length = tokens.LengthOf(text), padded = (int)(_order[place] >> 32);
            tokens.Ids(text).CopyTo(ids[row..]);
            tokens.Types(text).CopyTo(types[row..]);
            tokens.Mask(text).CopyTo(mask[row..]);
            ids.Slice(row + length, padded - length).Fill(_limits.Padding);
            types.Slice(row + length, padded - length).Clear();
            mask.Slice(row + length, padded - length).Clear();
            _limits.NumberPositions(ids.Slice(row, padded), positions.Slice(row, padded));
            _hasHiddenKeys |= mask.Slice(row, padded).Contains(0);
            pooledRows[caller] = row + _limits.PlaceOfPooled(tokens.Ids(text));
            places[caller] = place;
            order[place] = caller;
            _lengths[place] = length;
            row += padded;
        }
    }

    private DeviceSpan<int> Part(int start, int length) => _values.Values((4L * Rows.Rows) + (3L * Count)).Slice(start, length);
}
