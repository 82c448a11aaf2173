namespace MergeEngine.Tensors.Operations;

/// <content>Vectors whose elements fall into groups, rows or columns, with numbers of their own in float64.</content>
public abstract partial class OperationSet
{
    /// <summary>
    /// output[i] ← Σ_k coefficients[k·groups + g]·inputs[k][i] with g = (i / runLength) mod groups: a fused chain in float64 in the order given,
    /// rounded once. One group is the whole vector; a run length of a row's makes the rows groups, one of 1 the columns. An input whose
    /// coefficient is 0 takes no part, so a single coefficient of 1 copies the bits. May alias an input; the same bits on every device.
    /// </summary>
    /// <param name="output">[n].</param>
    /// <param name="inputs">K vectors of [n].</param>
    /// <param name="coefficients">[K, groups].</param>
    /// <param name="groups">Number of groups.</param>
    /// <param name="runLength">Neighbouring elements of one group.</param>
    public void CombineGroups(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> inputs, DeviceSpan<double> coefficients, long groups, long runLength)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(groups, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(runLength, 1);
        CheckInputs(inputs, inputs.Length, output.Length);
        Check(output, output.Length);
        Check(coefficients, inputs.Length * groups);
        if (output.Length > 0) CombineGroupsCore(output, inputs, coefficients, groups, runLength);
    }

    /// <summary>
    /// products[r·P + i(i + 1)/2 + j] ← Σ_c v_i[r, c]·v_j[r, c] for all j ≤ i of K vectors, P = K(K + 1)/2: the Gram matrix of every row. Each
    /// product is exact; element c is added to lane c mod 16 in float64 and the lanes are halved four times, the same bits on every device.
    /// </summary>
    /// <param name="products">[rows, P].</param>
    /// <param name="vectors">The vectors, whole rows of each; at most <see cref="MaxSumVectors"/>.</param>
    /// <param name="rowLength">Elements of a row.</param>
    public void RowProducts(DeviceSpan<double> products, ReadOnlySpan<DeviceSpan<float>> vectors, long rowLength)
    {
        long rows = RowsOf(vectors, rowLength);
        Check(products, rows * SumCount(vectors.Length, SumTerms.Products));
        if (rows > 0) RowProductsCore(products, vectors, rowLength);
    }

    /// <summary>
    /// products[p·columns + c] += Σ_r v_i[r, c]·v_j[r, c] for pair p = i(i + 1)/2 + j, row after row in float64, each product exact: the Gram matrix of
    /// every column, from chunks of whole rows. The same bits on every device and for every cutting into chunks.
    /// </summary>
    /// <param name="products">[P, columns].</param>
    /// <param name="vectors">The chunk of each vector, whole rows; at most <see cref="MaxSumVectors"/> vectors.</param>
    /// <param name="columns">Elements of a row.</param>
    /// <param name="firstRow">Rows of all chunks before; 0 begins new sums.</param>
    public void AccumulateColumnProducts(DeviceSpan<double> products, ReadOnlySpan<DeviceSpan<float>> vectors, long columns, long firstRow)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        long rows = RowsOf(vectors, columns);
        Check(products, columns * SumCount(vectors.Length, SumTerms.Products));
        if (rows > 0) AccumulateColumnProductsCore(products, vectors, columns, firstRow);
    }

    /// <summary>
    /// divergences[r] ← Σ_c P_c ln(P_c / Q_c) with P = softmax(values[r]) + floor and Q = softmax(origin[r]) + floor, in float64. The sum is taken
    /// over Q_c·((1 + u) ln(1 + u) − u), u = (P_c − Q_c)/Q_c, whose terms are not negative, so that rows that hardly differ keep their digits.
    /// NaN for a row with a number that is not finite. The same bits on every device but the reference, which differs by 5e-15·√D + 5e-12·D at most.
    /// </summary>
    /// <param name="divergences">[rows].</param>
    /// <param name="values">[rows, rowLength].</param>
    /// <param name="origin">[rows, rowLength].</param>
    /// <param name="rowLength">Elements of a row.</param>
    /// <param name="floor">Positive.</param>
    public void RowDivergence(DeviceSpan<double> divergences, DeviceSpan<float> values, DeviceSpan<float> origin, long rowLength, double floor)
    {
        long rows = RowsOf([values, origin], rowLength);
        Check(divergences, rows);
        if (!(floor > 0 && double.IsFinite(floor))) throw new ArgumentOutOfRangeException(nameof(floor), floor, "The floor of a probability is a positive number.");
        if (rows > 0) RowDivergenceCore(divergences, values, origin, rowLength, floor);
    }

    /// <summary>
    /// output[i] ← s·values[i] + (1 − s)·origin[i] with s = min(1, reach/max(|d|, 1e-6)), d = values[i] − origin[i]: the value itself where it is
    /// within reach, otherwise the point at that distance towards it. In float64, rounded once; the same bits on every device.
    /// </summary>
    /// <param name="output">Exactly n elements; may be one of the others.</param>
    /// <param name="origin">[n].</param>
    /// <param name="values">[n].</param>
    /// <param name="reach">0 or more.</param>
    public void NearSwap(DeviceSpan<float> output, DeviceSpan<float> origin, DeviceSpan<float> values, float reach)
    {
        Check(output, output.Length);
        Check(origin, output.Length);
        Check(values, output.Length);
        if (!(reach >= 0)) throw new ArgumentOutOfRangeException(nameof(reach), reach, "The reach is a distance.");
        NearSwapCore(output, origin, values, reach);
    }

    protected abstract void CombineGroupsCore(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> inputs, DeviceSpan<double> coefficients, long groups, long runLength);

    protected abstract void RowProductsCore(DeviceSpan<double> products, ReadOnlySpan<DeviceSpan<float>> vectors, long rowLength);

    protected abstract void AccumulateColumnProductsCore(DeviceSpan<double> products, ReadOnlySpan<DeviceSpan<float>> vectors, long columns, long firstRow);

    protected abstract void RowDivergenceCore(DeviceSpan<double> divergences, DeviceSpan<float> values, DeviceSpan<float> origin, long rowLength, double floor);

    protected abstract void NearSwapCore(DeviceSpan<float> output, DeviceSpan<float> origin, DeviceSpan<float> values, float reach);

    private long RowsOf(ReadOnlySpan<DeviceSpan<float>> vectors, long rowLength)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rowLength, 1);
        long length = vectors.Length == 0 ? 0 : vectors[0].Length;
        CheckInputs(vectors, vectors.Length, length);
        if (length % rowLength != 0) throw new ArgumentException($"{length} elements are no whole number of rows of {rowLength}.", nameof(rowLength));
        return length / rowLength;
    }
}
