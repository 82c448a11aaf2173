namespace MergeEngine.Tensors.Operations.Reference;

/// <content>Rows and columns with numbers of their own.</content>
public unsafe partial class ReferenceOperations
{
    protected override void CombineGroupsCore(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> inputs, DeviceSpan<double> coefficients, long groups, long runLength)
    {
        for (long i = 0; i < output.Length; i++)
        {
            double? sum = null;
            for (int k = 0; k < inputs.Length; k++)
            {
                double c = coefficients.Pointer[(k * groups) + (i / runLength % groups)], x = inputs[k].Pointer[i];
                if (c != 0) sum = sum is { } s ? Math.FusedMultiplyAdd(c, x, s) : c * x;
            }

            output.Pointer[i] = (float)(sum ?? 0);
        }
    }

    protected override void RowProductsCore(DeviceSpan<double> products, ReadOnlySpan<DeviceSpan<float>> vectors, long rowLength)
    {
        double* product = products.Pointer, lanes = stackalloc double[SumTree.Lanes];
        for (long first = 0; first < vectors[0].Length; first += rowLength)
        {
            for (int i = 0; i < vectors.Length; i++)
            {
                for (int j = 0; j <= i; j++)
                {
                    new Span<double>(lanes, SumTree.Lanes).Clear();
                    for (long c = 0; c < rowLength; c++) lanes[c % SumTree.Lanes] += (double)vectors[i].Pointer[first + c] * vectors[j].Pointer[first + c];
                    *product++ = SumTree.Halve(lanes);
                }
            }
        }
    }

    protected override void AccumulateColumnProductsCore(DeviceSpan<double> products, ReadOnlySpan<DeviceSpan<float>> vectors, long columns, long firstRow)
    {
        double* sum = products.Pointer;
        for (int i = 0; i < vectors.Length; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                for (long c = 0; c < columns; c++, sum++)
                {
                    if (firstRow == 0) *sum = 0;
                    for (long n = c; n < vectors[0].Length; n += columns) *sum += (double)vectors[i].Pointer[n] * vectors[j].Pointer[n];
                }
            }
        }
    }

    protected override void RowDivergenceCore(DeviceSpan<double> divergences, DeviceSpan<float> values, DeviceSpan<float> origin, long rowLength, double floor)
    {
        for (long row = 0; row < values.Length / rowLength; row++)
        {
            float* x = values.Pointer + (row * rowLength), y = origin.Pointer + (row * rowLength);
            (double mostX, double sumX) = Softmax(x, rowLength);
            (double mostY, double sumY) = Softmax(y, rowLength);
            double sum = 0;
            for (long c = 0; c < rowLength; c++)
            {
                double p = Math.Exp(x[c] - mostX) / sumX, q = Math.Exp(y[c] - mostY) / sumY;
                double u = (p - q) / (q + floor);
                // The series where the digits of the logarithm would cancel: Σ (−u)^n / (n (n − 1)).
                double term = ((1 + u) * Math.Log(1 + u)) - u;
                if (Math.Abs(u) < 0.01)
                {
                    term = 0;
                    for (int n = 9; n >= 2; n--) term = (1.0 / (n * (n - 1))) - (u * term);
                    term *= u * u;
                }

                sum += (q + floor) * term;
            }

            divergences.Pointer[row] = sum;
        }
    }

    protected override void NearSwapCore(DeviceSpan<float> output, DeviceSpan<float> origin, DeviceSpan<float> values, float reach)
    {
        for (long i = 0; i < output.Length; i++)
        {
            double o = origin.Pointer[i], x = values.Pointer[i], d = x - o, size = Math.Max(Math.Abs(d), 1e-6);
            output.Pointer[i] = reach >= size ? values.Pointer[i] : (float)(o + (d * reach / size));
        }
    }

    private static (double Most, double Sum) Softmax(float* x, long length)
    {
        double most = double.NegativeInfinity, sum = 0;
        for (long c = 0; c < length; c++) most = Math.Max(most, x[c]);
        for (long c = 0; c < length; c++) sum += Math.Exp(x[c] - most);
        return (most, sum);
    }
}
