namespace MergeEngine.Merging.TensorMethods.Geometry;

/// <summary>What is one vector for a <see cref="Weighing"/>.</summary>
internal enum WeighedPart
{
    Tensor,

    /// <summary>The last dimension.</summary>
    Row,

    /// <summary>Dimension 0.</summary>
    Column,
}

/// <summary>A merge that is a <see cref="Weighing"/> of vectors: what the methods on spheres come down to, in float32 by chunks and in float64.</summary>
/// <param name="Models">Indices of the inputs that are weighed.</param>
/// <param name="Base">Input whose differences they are; −1 for the inputs themselves.</param>
/// <param name="Weighing">Their shares.</param>
/// <param name="Part">What is one vector.</param>
internal sealed record WeighedMerge(int[] Models, int Base, Weighing Weighing, WeighedPart Part = WeighedPart.Tensor)
{
    public TensorMerge Begin(TensorTask task) => PartOf(task) switch
    {
        WeighedPart.Row => new RowMerge(task, Models, Base, Weighing),
        WeighedPart.Column => new ColumnMerge(task, Models, Base, Weighing),
        _ => new WholeMerge(task, Models, Base, Weighing),
    };

    /// <summary>Part after part: the dot products, the shares, and the sum.</summary>
    public void MergeFloat64(TensorTask task, IReadOnlyList<double[]> inputs, double[] output)
    {
        WeighedInputs.CheckCount(task, Models.Length);
        (int parts, int length, int between, int step) = PartOf(task) switch
        {
            WeighedPart.Row => ((int)(task.Length / task.RowLength), (int)task.RowLength, (int)task.RowLength, 1),
            WeighedPart.Column => ((int)(task.Length / task.Shape[0]), (int)task.Shape[0], 1, (int)(task.Length / task.Shape[0])),
            _ => (1, output.Length, 0, 1),
        };
        double[] products = new double[Models.Length * (Models.Length + 1) / 2], shares = new double[Models.Length];
        for (int part = 0; part < parts; part++)
        {
            int first = part * between, end = first + (length * step), at = 0;
            for (int i = 0; i < Models.Length; i++)
            {
                for (int j = 0; j <= i; j++)
                {
                    // Angles between models that are much alike feel every digit of these sums, so they are compensated: right to the last place
                    // but for a share of 2⁻¹⁰⁶ (Ogita, Rump and Oishi, SIAM J. Sci. Comput. 26, 2005: Dot2).
                    double sum = 0, lost = 0;
                    for (int e = first; e < end; e += step)
                    {
                        double x = Vector(inputs, i, e), y = Vector(inputs, j, e), product = x * y, next = sum + product, back = next - sum;
                        lost += sum - (next - back) + (product - back) + Math.FusedMultiplyAdd(x, y, -product);
                        sum = next;
                    }

                    products[at++] = double.IsFinite(lost) ? sum + lost : sum;
                }
            }

            Weighing(new GramMatrix(products, Models.Length), shares);
            for (int e = first; e < end; e += step) output[e] = Combine(inputs, shares, e);
        }
    }

    private WeighedPart PartOf(TensorTask task) => task.Shape.Rank < 2 || task.Length == 0 ? WeighedPart.Tensor : Part;

    private double Vector(IReadOnlyList<double[]> inputs, int model, int element) =>
        inputs[Models[model]][element] - (Base < 0 ? 0 : inputs[Base][element]);

    /// <summary>Σ s_k·v_k, and the base where the v_k are differences: what has no share takes no part.</summary>
    private double Combine(IReadOnlyList<double[]> inputs, double[] shares, int element)
    {
        double sum = 0, rest = Base < 0 ? 0 : 1;
        for (int k = 0; k < shares.Length; k++)
        {
            if (shares[k] == 0) continue;
            sum += shares[k] * inputs[Models[k]][element];
            if (Base >= 0) rest -= shares[k];
        }

        // What is left of shares that sum to 1 by rounding is nothing of the base.
        return Math.Abs(rest) < 1e-14 ? sum : sum + (rest * inputs[Base][element]);
    }
}
