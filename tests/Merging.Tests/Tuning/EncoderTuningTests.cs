using MergeEngine.Merging.Analysis;
using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Merging.Tuning;
using MergeEngine.Models.Training;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Tests.Tuning;

/// <summary>The loops over a real encoder, beyond what the ATM fixture covers.</summary>
public sealed class EncoderTuningTests
{
    private static readonly TrainingOptions Options = new() { LearningRate = 1e-3, WeightDecay = 0.01, BatchSize = 24, ClipNorm = 1, Shift = 1, Seed = 5 };

    /// <summary>The loops and the trainer's own run are the same steps: data order, epochs with a short last batch, moments, clipping.</summary>
    [Fact]
    public void Individual_tuning_is_the_trainers_run_bit_for_bit()
    {
        using var fixture = EncoderFixture.Exemplars("cpu");
        using var tuning = new EncoderTuning(fixture.Encoder, Options, fixture.Tasks);
        var models = IndividualTuning.Run(tuning.Tasks, fixture.Encoder.Parameters, TuningLength.Steps(7), tuning.CreateOptimizer, Context());
        using var trainer = new Trainer(fixture.Encoder, Options);
        for (int k = 0; k < models.Count; k++)
        {
            using OptimizerState state = trainer.CreateState();
            using ParameterVector expected = fixture.Encoder.Parameters.Clone();
            trainer.Run(fixture.Tasks[k], expected, state, default, 7);
            Assert.Equal(expected.Values.HostSpan.ToArray(), models[k].Parameters.Values.HostSpan.ToArray());
            models[k].Parameters.Dispose();
        }
    }

    [Theory]
    [InlineData(InnerState.Fresh, false)]
    [InlineData(InnerState.Kept, true)]
    public void The_number_of_threads_does_not_change_a_bit(InnerState inner, bool nesterov)
    {
        float[] Run(int threads)
        {
            using var fixture = EncoderFixture.Exemplars("cpu", threads);
            using var tuning = new EncoderTuning(fixture.Encoder, Options, fixture.Tasks);
            var options = new AlternatingOptions(3, TuningLength.Steps(2))
            {
                InnerState = inner,
                Outer = nesterov ? new NesterovOuterOptimizer(0.8) : null,
                Merge = new Tatr(new TrustRegion(0.95), 0.25),
                Sensitivity = tuning.Sensitivity(16, 3),
            };
            using ParameterVector merged = AlternatingTuning.Run(tuning.Tasks, fixture.Encoder.Parameters, options, tuning.CreateOptimizer, Context());
            return merged.Values.HostSpan.ToArray();
        }

        float[] one = Run(1);
        Assert.Equal(one, Run(2));
        Assert.Equal(one, Run(3));
    }

    /// <summary>
    /// With kept moments and one task, a merge every 3 steps is one long run to rounding: τ and its sum are rounded once a round. Key
    /// biases are frozen: their gradient is round-off alone, and AdamW makes whole steps of it.
    /// </summary>
    [Fact]
    public void Kept_moments_go_on_over_rounds()
    {
        using var fixture = EncoderFixture.Exemplars("cpu");
        TrainingOptions frozen = Options with { Frozen = name => name.EndsWith("key.bias", StringComparison.Ordinal) };
        using var tuning = new EncoderTuning(fixture.Encoder, frozen, [fixture.Tasks[0]]);
        using ParameterVector expected = Assert.Single(IndividualTuning.Run(tuning.Tasks, fixture.Encoder.Parameters, TuningLength.Steps(12), tuning.CreateOptimizer, Context())).Parameters;
        double Distance(InnerState inner)
        {
            using ParameterVector merged = AlternatingTuning.Run(
                tuning.Tasks, fixture.Encoder.Parameters, new AlternatingOptions(4, TuningLength.Steps(3)) { InnerState = inner }, tuning.CreateOptimizer, Context());
            fixture.Device.Operations.Subtract(merged.Values, merged.Values, expected.Values);
            return VectorGeometry.Norm(merged);
        }

        Assert.InRange(Distance(InnerState.Kept), 0, 1e-4);
        Assert.InRange(Distance(InnerState.Fresh), 1e-2, 10);
    }

    /// <summary>Joint tuning brings the mean loss of all tasks down, and every step takes one batch of each.</summary>
    [Fact]
    public void Joint_tuning_learns_all_tasks()
    {
        using var fixture = EncoderFixture.Exemplars("cpu");
        using var tuning = new EncoderTuning(fixture.Encoder, Options, fixture.Tasks);
        var ledger = new Ledger();
        using ParameterVector joint = JointTuning.Run(tuning.Tasks, fixture.Encoder.Parameters, TuningLength.Epochs(10), tuning.CreateOptimizer, new TuningContext("joint", ledger));
        foreach (TrainingTask task in fixture.Tasks)
        {
            Assert.True(
                Evaluator.Evaluate(fixture.Encoder, joint, task, "train").Loss < 0.9 * Evaluator.Evaluate(fixture.Encoder, fixture.Encoder.Parameters, task, "train").Loss);
        }

        // 32 samples in batches of 24 and 8.
        Assert.Equal(new LedgerEntry("joint", "", 10 * 32 * 4, 20, 0), ledger.Total("joint") with { Seconds = 0 });
    }

    /// <summary>Two draws of half the exemplars drop much the same coordinates, far from the s / (2 − s) of unrelated masks.</summary>
    [Fact]
    public void Trust_regions_of_different_exemplars_overlap()
    {
        using var fixture = EncoderFixture.Exemplars("cpu");
        using var tuning = new EncoderTuning(fixture.Encoder, Options, fixture.Tasks);
        using TaskVectors taskVectors = fixture.TaskVectors();
        TrustRegionMask[] masks = [.. new ulong[] { 1, 2 }.Select(seed =>
        {
            var sensitivity = tuning.Sensitivity(16, seed);
            ParameterVector[] gradients = [.. fixture.Tasks.Select(_ => new ParameterVector(fixture.Device, fixture.Encoder.Layout))];
            for (int k = 0; k < gradients.Length; k++) sensitivity(k, fixture.Encoder.Parameters, gradients[k]);
            TrustRegionMask mask = TrustRegionMask.Compute(new TrustRegion(0.9), taskVectors, gradients);
            foreach (ParameterVector gradient in gradients) gradient.Dispose();
            return mask;
        })];
        Assert.InRange(MaskOverlap.Dropped(masks[0], masks[1]), 0.4, 0.999);
        foreach (TrustRegionMask mask in masks) mask.Dispose();
    }

    private static TuningContext Context() => new("test", new Ledger());
}
