namespace MergeEngine.Tensors.Operations.Reference;

/// <content>Patches, tokens, embeddings and pooling.</content>
public unsafe partial class ReferenceOperations
{
    protected override void PatchesForwardCore(Matrix patches, DeviceSpan<float> images, PatchShape shape)
    {
        for (int r = 0; r < patches.Rows; r++)
        {
            for (int c = 0; c < patches.Columns; c++) Row(patches, r)[c] = images.Pointer[PixelOf(shape, r, c)];
        }
    }

    protected override void PatchesBackwardCore(DeviceSpan<float> imageGradient, Matrix patchGradient, PatchShape shape)
    {
        FillCore(imageGradient, 0);
        for (int r = 0; r < patchGradient.Rows; r++)
        {
            for (int c = 0; c < patchGradient.Columns; c++) imageGradient.Pointer[PixelOf(shape, r, c)] = Row(patchGradient, r)[c];
        }
    }

    protected override void AssembleTokensForwardCore(Matrix hidden, Matrix patches, Matrix prefix, Matrix positions, int positionStart, int batch, int tokens)
    {
        int prefixRows = prefix.IsNone ? 0 : prefix.Rows;
        for (int n = 0; n < batch; n++)
        {
            for (int t = 0; t < tokens; t++)
            {
                float* source = t < prefixRows ? Row(prefix, t) : Row(patches, (n * (tokens - prefixRows)) + t - prefixRows);
                for (int c = 0; c < hidden.Columns; c++)
                    Row(hidden, (n * tokens) + t)[c] = source[c] + (t < positionStart ? 0 : Row(positions, t - positionStart)[c]);
            }
        }
    }

    protected override void AssembleTokensBackwardCore(
        Matrix patchGradient, Matrix prefixGradient, Matrix positionGradient, Matrix hiddenGradient, int prefixRows, int positionStart, GradientReduction reduction, int batch, int tokens)
    {
        for (int t = 0; t < tokens; t++)
        {
            for (int c = 0; c < hiddenGradient.Columns; c++)
            {
                double sum = 0;
                for (int n = 0; n < batch; n++)
                {
                    double dy = Row(hiddenGradient, (n * tokens) + t)[c];
                    sum += reduction == GradientReduction.Sum ? dy : Math.Abs(dy);
                    if (t >= prefixRows) Row(patchGradient, (n * (tokens - prefixRows)) + t - prefixRows)[c] = (float)dy;
                }

                if (t < prefixRows && !prefixGradient.IsNone) Row(prefixGradient, t)[c] = (float)(Row(prefixGradient, t)[c] + sum);
                if (t >= positionStart && !positionGradient.IsNone)
                    Row(positionGradient, t - positionStart)[c] = (float)(Row(positionGradient, t - positionStart)[c] + sum);
            }
        }
    }

    protected override void EmbeddingForwardCore(Matrix hidden, DeviceSpan<int> ids, Matrix table, bool accumulate)
    {
        for (int r = 0; r < hidden.Rows; r++)
        {
            for (int c = 0; c < hidden.Columns; c++)
                Row(hidden, r)[c] = (accumulate ? Row(hidden, r)[c] : 0) + Row(table, ids.Pointer[r])[c];
        }
    }

    protected override void EmbeddingBackwardCore(Matrix tableGradient, DeviceSpan<int> ids, Matrix hiddenGradient, GradientReduction reduction, int rowsPerSample)
    {
        double[] sum = new double[hiddenGradient.Columns];
        for (int first = 0; first < hiddenGradient.Rows; first += rowsPerSample)
        {
            for (int r = first; r < first + rowsPerSample; r++)
            {
                int id = ids.Pointer[r];
                if (FirstUse(ids, id, first, r) != r) continue;
                Array.Clear(sum);
                for (int s = r; s < first + rowsPerSample; s++)
                {
                    if (ids.Pointer[s] != id) continue;
                    for (int c = 0; c < sum.Length; c++) sum[c] += Row(hiddenGradient, s)[c];
                }

                for (int c = 0; c < sum.Length; c++) Reduce(Row(tableGradient, id) + c, sum[c], reduction);
            }
        }
    }

    protected override void MeanPoolForwardCore(Matrix output, Matrix hidden, int firstToken, DeviceSpan<int> mask, int tokens)
    {
        for (int n = 0; n < output.Rows; n++)
        {
            int shown = Shown(n, firstToken, mask, tokens);
            for (int c = 0; c < output.Columns; c++)
            {
                double sum = 0;
                for (int t = firstToken; t < tokens; t++)
                {
                    if (IsShown(n, t, mask, tokens)) sum += Row(hidden, (n * tokens) + t)[c];
                }

                Row(output, n)[c] = (float)(shown == 0 ? 0 : sum / shown);
            }
        }
    }

    protected override void MeanPoolBackwardCore(Matrix hiddenGradient, Matrix outputGradient, int firstToken, DeviceSpan<int> mask, int tokens)
    {
        for (int r = 0; r < hiddenGradient.Rows; r++)
        {
            int n = r / tokens, t = r % tokens, shown = Shown(n, firstToken, mask, tokens);
            bool used = t >= firstToken && IsShown(n, t, mask, tokens);
            for (int c = 0; c < hiddenGradient.Columns; c++)
                Row(hiddenGradient, r)[c] = used ? (float)((double)Row(outputGradient, n)[c] / shown) : 0;
        }
    }

    private static bool IsShown(int n, int t, DeviceSpan<int> mask, int tokens) => mask.IsNone || mask.Pointer[((long)n * tokens) + t] != 0;

    private static int Shown(int n, int firstToken, DeviceSpan<int> mask, int tokens)
    {
        int shown = 0;
        for (int t = firstToken; t < tokens; t++) shown += IsShown(n, t, mask, tokens) ? 1 : 0;
        return shown;
    }

    private static int FirstUse(DeviceSpan<int> ids, int id, int first, int last)
    {
        int r = first;
        while (r < last && ids.Pointer[r] != id) r++;
        return r;
    }

    private static long PixelOf(PatchShape shape, int row, int column)
    {
        int across = shape.Width / shape.Patch;
        int n = row / shape.PatchesPerImage, i = row % shape.PatchesPerImage;
        int channel = column / (shape.Patch * shape.Patch), within = column % (shape.Patch * shape.Patch);
        int y = ((i / across) * shape.Patch) + (within / shape.Patch), x = ((i % across) * shape.Patch) + (within % shape.Patch);
        return ((((long)n * shape.Channels) + channel) * shape.Height + y) * shape.Width + x;
    }
}
