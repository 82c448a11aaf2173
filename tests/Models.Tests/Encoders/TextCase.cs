using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Tests.Encoders;

/// <summary>A text fixture's inputs as a batch, and the comparison of packed outputs with its padded ones.</summary>
internal sealed class TextCase : IDisposable
{
    private readonly SafetensorsFile _file;

    public TextCase(string path)
    {
        _file = SafetensorsFile.Open(path);
        Values = new VisionCase(path);
    }

    /// <summary>The same file's expected values.</summary>
    public VisionCase Values { get; }

    /// <summary>The texts whose names begin with a prefix.</summary>
    /// <param name="prefix">Before <c>input_ids</c>.</param>
    /// <param name="withTypes">False leaves the token types out.</param>
    public TokenTable Texts(string prefix = "", bool withTypes = true)
    {
        Shape shape = _file[$"{prefix}input_ids"].Shape;
        int columns = (int)shape[1];
        int[] ids = _file.ReadInt32($"{prefix}input_ids"), mask = _file.ReadInt32($"{prefix}attention_mask");
        int[]? types = withTypes && Values.Has($"{prefix}token_type_ids") ? _file.ReadInt32($"{prefix}token_type_ids") : null;
        var texts = new TokenTable();
        for (int i = 0; i < shape[0]; i++)
        {
            Range row = (i * columns)..((i + 1) * columns);
            texts.Add(ids.AsSpan()[row], types is null ? default : types.AsSpan()[row], mask.AsSpan()[row]);
        }

        return texts;
    }

    public TextBatch Batch(TextTransformer encoder, string prefix = "", int lengthStep = 0, bool withTypes = true)
    {
        var batch = new TextBatch(encoder.Device, encoder.Config.Limits, lengthStep);
        TokenTable texts = Texts(prefix, withTypes);
        batch.Fill(texts, [.. Enumerable.Range(0, texts.Count)], Values.Has($"{prefix}labels") ? Values.Integers($"{prefix}labels") : []);
        return batch;
    }

    /// <summary>Packed rows against [texts, columns, width], where the mask is 1: what a hidden position computes is nobody's business.</summary>
    public void AssertSequence(string name, TextBatch batch, Matrix actual, double bound, string prefix = "")
    {
        double[] expected = Values.Doubles(name);
        int[] mask = Values.Integers($"{prefix}attention_mask");
        int columns = (int)_file[name].Shape[1], width = actual.Columns, compared = 0;
        float[] rows = VisionCase.Download(actual);
        double largest = 0, worst = 0;
        foreach (SampleRun run in batch.Rows.Runs)
        {
            for (int s = 0; s < run.Samples; s++)
            {
                int text = batch.CallerOf(run.FirstSample + s);
                for (int t = 0; t < Math.Min(run.Tokens, columns); t++)
                {
                    if (mask[(text * columns) + t] == 0) continue;
                    compared++;
                    for (int c = 0; c < width; c++)
                    {
                        double want = expected[(((text * columns) + t) * width) + c];
                        largest = Math.Max(largest, Math.Abs(want));
                        worst = Math.Max(worst, Math.Abs(want - rows[((run.FirstRow + (s * run.Tokens) + t) * width) + c]));
                    }
                }
            }
        }

        Assert.Equal(mask.Sum(), compared);
        Assert.True(worst <= bound * largest, $"{name}: largest error {worst:e2} is {worst / largest:e2} of the largest value {largest:g4}, expected at most {bound:e1}.");
    }

    public void Dispose()
    {
        Values.Dispose();
        _file.Dispose();
    }
}
