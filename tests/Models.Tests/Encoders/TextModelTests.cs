using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Training;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Encoders;

/// <summary>What holds for every text encoder, on configurations and texts drawn at random.</summary>
public sealed class TextModelTests
{
    private const int Models = 24, Clips = 12, Texts = 9;
    private const double SlopeBound = 3e-4;

    public static TheoryData<int> Seeds() => [.. AllSeeds];

    private static IEnumerable<int> AllSeeds => Enumerable.Range(0, Models).Concat(Enumerable.Range(TextModel.FirstClip, Clips));

    /// <summary>As for vision models: the derivative along a direction of length 1 in every parameter, from extrapolated central differences.</summary>
    [Theory]
    [MemberData(nameof(Seeds))]
    public void The_gradient_is_the_slope_of_the_loss(int seed)
    {
        using var model = new TextModel("reference", seed, texts: 4);
        using var gradients = new ParameterVector(model.Device, model.Encoder.Layout);
        model.Backward(GradientReduction.Sum, gradients);
        using ParameterVector direction = Directions.Of(seed, gradients), moved = model.Encoder.Parameters.Clone();
        double expected = model.Device.Operations.Dot(gradients.Values, direction.Values);
        double slope = Directions.Slope(step =>
        {
            model.Device.Operations.WeightedSum(moved.Values, [model.Encoder.Parameters.Values, direction.Values], [1, step]);
            return model.Loss(moved);
        });
        Assert.True(Math.Abs(slope - expected) <= SlopeBound * expected, $"{model.Encoder.Config}: the slope is {slope}, the gradient says {expected}.");
    }

    /// <summary>Nine batches of one text against one batch of nine: another order of summation, so 1.5e-5 of the largest value as for fixtures.</summary>
    [Theory]
    [MemberData(nameof(Seeds))]
    public void Reductions_over_a_batch_are_made_of_single_texts(int seed)
    {
        using var model = new TextModel("cpu-256x2", seed, Texts);
        OperationSet operations = model.Device.Operations;
        ParameterLayout layout = model.Encoder.Layout;
        using ParameterVector sum = new(model.Device, layout), absolute = new(model.Device, layout), expectedSum = new(model.Device, layout),
            expectedAbsolute = new(model.Device, layout), one = new(model.Device, layout);
        model.Backward(GradientReduction.Sum, sum);
        model.Backward(GradientReduction.AbsolutePerSample, absolute);
        for (int i = 0; i < Texts; i++)
        {
            operations.Fill(one.Values, 0);
            model.Fill(i);
            model.Backward(GradientReduction.Sum, one);
            operations.WeightedSum(expectedSum.Values, [expectedSum.Values, one.Values], [1, 1]);
            operations.AccumulateAbsolute(expectedAbsolute.Values, one.Values);
        }

        Directions.AssertClose(expectedSum, sum);
        Directions.AssertClose(expectedAbsolute, absolute);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Features_do_not_depend_on_how_texts_are_batched_or_padded(int seed)
    {
        using var packed = new TextModel("cpu-256x2", seed, Texts, lengthStep: 1);
        float[] together = packed.Features();
        foreach (int step in new[] { 3, 100 })
        {
            using var padded = new TextModel("cpu-256x2", seed, Texts, step);
            Directions.AssertClose(together, padded.Features(), 3e-6);
        }

        int width = packed.Encoder.FeatureWidth;
        int[] order = [4, 0, 8, 2, 6, 1, 7, 3, 5];
        packed.Fill(order);
        float[] shuffled = packed.Features();
        for (int i = 0; i < Texts; i++) Directions.AssertClose(together[(order[i] * width)..((order[i] + 1) * width)], shuffled[(i * width)..((i + 1) * width)], 3e-6);
        for (int i = 0; i < Texts; i++)
        {
            packed.Fill(i);
            Directions.AssertClose(together[(i * width)..((i + 1) * width)], packed.Features(), 3e-6);
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Features_are_the_same_bits_whatever_is_kept_for_later(int seed)
    {
        using var model = new TextModel("cpu-256x2", seed, Texts);
        float[] plain = model.Features();
        Assert.Equal(plain, model.Features(keepForBackward: true));
        model.Encoder.KeepHiddenStates = true;
        Assert.Equal(plain, model.Features());
        Assert.Equal(plain, model.Features(keepForBackward: true));
    }

    [Fact]
    public void Packed_texts_have_no_padding_on_the_processor()
    {
        using var model = new TextModel("cpu", 3, Texts);
        Assert.Equal(model.Texts.TokenCount, model.Batch.TokenCount);
    }

    public static TheoryData<string, TextPooling> Poolings()
    {
        var data = new TheoryData<string, TextPooling>();
        foreach (string device in new[] { "cpu-256x1", CudaUnderTest.Name })
        {
            foreach (TextPooling pooling in Enum.GetValues<TextPooling>()) data.Add(device, pooling);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Poolings))]
    public void A_training_step_allocates_nothing_after_the_longest_one(string deviceName, TextPooling pooling)
    {
        int seed = AllSeeds.First(s =>
        {
            using var candidate = new TextModel("cpu-256x1", s, 1);
            return candidate.Encoder.Config.Pooling == pooling;
        });
        using var model = new TextModel(deviceName, seed, 40);
        var split = new TextSplit("texts", "train", model.Texts, model.Labels);
        var task = new TrainingTask("task", new Dataset("texts", "task", null, [split]), model.Head);
        using var trainer = new Trainer(model.Encoder, new TrainingOptions { BatchSize = 8, LearningRate = 1e-3 });
        using ParameterVector parameters = model.Encoder.Parameters.Clone();
        using OptimizerState state = trainer.CreateState();
        int[] all = [.. Enumerable.Range(0, 40)];
        void Step(int first, int count)
        {
            trainer.Accumulate(task, parameters, all.AsSpan(first, count), 0);
            trainer.Update(parameters, state);
        }

        // All texts at once are the largest batch there is.
        for (int i = 0; i < 3; i++) Step(0, 40);
        for (int i = 0; i < 40; i += 8) Step(i, 8);
        long device = model.Device.AllocatedBytes, smallest = long.MaxValue;
        for (int round = 0; round < 4; round++)
        {
            // The first rounds may still make room in a device's lists of launches.
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 40; i += 8) Step(i, 8);
            smallest = Math.Min(smallest, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.Equal(0, smallest);
        Assert.Equal(device, model.Device.AllocatedBytes);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(TextModel.FirstClip)]
    public void Training_on_texts_lowers_the_loss_and_repeats_to_the_bit(int seed)
    {
        (double[] losses, float[] weights) = Train("cpu-256x1", seed);
        Assert.True(losses[^1] < 0.5 * losses[0], $"{losses[0]} to {losses[^1]}");
        (double[] again, float[] same) = Train("cpu-256x3", seed);
        Assert.Equal(losses, again);
        Assert.Equal(weights, same);
    }

    [Fact]
    public void Texts_that_a_model_cannot_take_are_refused_with_the_row()
    {
        using var model = new TextModel("cpu", 0, 2);
        TextTransformerConfig config = model.Encoder.Config;
        string Refusal(Action<TokenTable> add)
        {
            var texts = new TokenTable();
            texts.Add([2, 3]);
            add(texts);
            Assert.Contains("Text 1 has ", Assert.Throws<ArgumentException>(() => model.Batch.Fill(texts, [0, 1])).Message, StringComparison.Ordinal);
            return model.Encoder.Refuses(new TextSplit("file", "input", texts, []))!;
        }

        Assert.Equal(
            $"has the id {config.Vocabulary} at position 1, expected 0 to {config.Vocabulary - 1} as the model's vocabulary has {config.Vocabulary} tokens, in row 1",
            Refusal(texts => texts.Add([2, config.Vocabulary])));
        Assert.StartsWith("has the id -1 at position 0", Refusal(texts => texts.Add([-1])), StringComparison.Ordinal);
        Assert.StartsWith("has the token type 2 at position 1, expected 0", Refusal(texts => texts.Add([2, 2], [0, 2])), StringComparison.Ordinal);
        Assert.Equal(
            $"has {config.MaxTokens + 1} tokens, expected at most {config.MaxTokens} as the model has {config.Positions} positions, in row 1",
            Refusal(texts => texts.Add([.. Enumerable.Repeat(2, config.MaxTokens + 1)])));
    }

    private static (double[] Losses, float[] Weights) Train(string device, int seed)
    {
        using var model = new TextModel(device, seed, 24);
        var split = new TextSplit("texts", "train", model.Texts, model.Labels);
        var task = new TrainingTask("task", new Dataset("texts", "task", null, [split]), model.Head);
        using var trainer = new Trainer(model.Encoder, new TrainingOptions { BatchSize = 8, LearningRate = 3e-3, TrainHead = true });
        using ParameterVector parameters = model.Encoder.Parameters.Clone();
        using OptimizerState state = trainer.CreateState();
        TrainingRun run = trainer.Run(task, parameters, state, default, 90);
        Assert.Equal(run.Losses.Length, run.Steps);
        return ([.. run.Losses.Chunk(3).Select(epoch => epoch.Average())], VisionCase.Download(parameters.Values));
    }
}
