using MergeEngine.Merging.Experiments;
using MergeEngine.Merging.Yaml;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Experiments;

/// <summary>Entries under <c>methods</c>.</summary>
public sealed class MethodEntryTests
{
    [Fact]
    public void Methods_have_the_defaults_of_the_documentation()
    {
        Assert.Equal([0.3], One("task-arithmetic").Lambda);
        MethodEntry ties = One("ties"), tatr = One("tatr"), zeroShot = One("tatr-zero-shot"), both = One("tatr-ties");
        Assert.Equal([1.0], ties.Lambda);
        Assert.Equal(0.2, ties.Density);
        Assert.Equal([0.3], tatr.Lambda);
        Assert.Equal([0.99], tatr.Rho);
        Assert.Equal(128, tatr.Samples);
        Assert.Equal([0.3], zeroShot.Lambda);
        Assert.Equal([1.0], both.Lambda);
        Assert.Equal(0.2, both.Density);
        Assert.Empty(One("joint").LearningRate);
        Assert.Equal(new RoundsEntry(), One("atm").Rounds);
        Assert.Equal(new RoundsEntry { Outer = "nesterov", KeepsInnerState = true }, One("atm-momentum").Rounds);
        Assert.Equal(new RoundsEntry { OnValidation = true }, One("atm-post-hoc: { start: pretrained }").Rounds);
    }

    [Fact]
    public void Every_option_is_read()
    {
        MethodEntry both = One("tatr-ties: { lambda: [0.5, 1], rho: [0.9, 1, 0], samples: 7, density: 1, name: mine }");
        Assert.Equal([0.5, 1], both.Lambda);
        Assert.Equal([0.9, 1, 0], both.Rho);
        Assert.Equal((7, 1.0, "mine"), (both.Samples, both.Density, both.Name));
        Assert.Equal([1e-4, 5e-4], One("joint: { learning_rate: [1e-4, 5e-4] }").LearningRate);
        Assert.Equal(
            new RoundsEntry
            {
                Rounds = 3,
                Every = 6,
                CountsSteps = true,
                Alpha = 0.25,
                Outer = "adam",
                OuterMomentum = 0.8,
                OuterLearningRate = 0.01,
                KeepsInnerState = true,
                Merge = "ties",
                OnValidation = true,
            },
            One("atm: { rounds: 3, merge_every: 6 steps, alpha: 0.25, outer: adam, outer_momentum: 0.8, outer_learning_rate: 0.01, inner_state: kept, merge: ties, split: validation }").Rounds);
    }

    [Theory]
    [InlineData("epochs: 2", 2, false)]
    [InlineData("merge_every: 6 steps", 6, true)]
    [InlineData("merge_every: 1 step", 1, true)]
    [InlineData("merge_every: 2 epochs", 2, false)]
    [InlineData("merge_every: 1 epoch", 1, false)]
    [InlineData("merge_every: epochs", 1, false)]
    [InlineData("merge_every: steps, every: 6", 6, true)]
    [InlineData("merge_every: epochs, every: 3", 3, false)]
    public void Merges_come_after_epochs_or_steps(string options, int every, bool countsSteps)
    {
        RoundsEntry rounds = One($"atm: {{ {options} }}").Rounds!;
        Assert.Equal((every, countsSteps), (rounds.Every, rounds.CountsSteps));
    }

    [Theory]
    [InlineData("atm: { rounds: 1, epochs: 10 }", "atm-1x10")]
    [InlineData("atm: { rounds: 10 }", "atm-10x1")]
    [InlineData("atm: { rounds: 4, merge_every: 6 steps }", "atm-4x6steps")]
    [InlineData("atm-momentum: { rounds: 40 }", "atm-momentum")]
    [InlineData("atm: { rounds: 2, name: mine }", "mine")]
    [InlineData("tatr-zero-shot", "tatr-zero-shot")]
    public void Rows_have_names(string text, string row) => Assert.Equal(row, One(text).Name);

    [Fact]
    public void A_post_hoc_run_starts_from_a_row_above_it()
    {
        IReadOnlyList<MethodEntry> methods = Read("task-arithmetic", "atm: { rounds: 2, epochs: 3 }", "ties: { name: sparse }", "atm-post-hoc", "atm-post-hoc: { start: atm, name: b }", "atm-post-hoc: { start: sparse, name: c }", "atm-post-hoc: { start: atm-2x3, name: d }");
        Assert.Same(methods[0], methods[3].Rounds!.Start);
        Assert.Same(methods[1], methods[4].Rounds!.Start);
        Assert.Same(methods[2], methods[5].Rounds!.Start);
        Assert.Same(methods[1], methods[6].Rounds!.Start);
    }

    [Theory]
    [InlineData("the start is 'task-arithmetic', expected the row of one model above this one: pretrained.", "atm-post-hoc", "task-arithmetic")]
    [InlineData("the start is 'tie', expected the row of one model above this one: pretrained, ties.", "ties", "atm-post-hoc: { start: tie }")]
    [InlineData("the start is 'atm-post-hoc', expected the row of one model above this one: pretrained.", "atm-post-hoc: { start: atm-post-hoc }")]
    [InlineData("the start is 'individual', expected the row of one model above this one: pretrained, average.", "individual", "average", "atm-post-hoc: { start: individual }")]
    [InlineData("the start is 'atm', expected the row of one model above this one: pretrained, atm-2x1, atm-3x1.", "atm: { rounds: 2 }", "atm: { rounds: 3 }", "atm-post-hoc: { start: atm }")]
    [InlineData("The method 'atm' has no option 'start'; it knows alpha, epochs, inner_state, merge, merge_every, name, outer, outer_learning_rate, outer_momentum, rounds, split.", "atm: { start: pretrained }")]
    [InlineData("the row 'ties' occurs twice; give one of them another 'name'.", "ties", "ties: { lambda: 2 }")]
    [InlineData("the row 'atm-2x1' occurs twice; give one of them another 'name'.", "atm: { rounds: 2, alpha: 1 }", "atm: { rounds: 2 }")]
    [InlineData("the 'name' of a row is empty.", "ties: { name: '' }")]
    public void Rows_that_cannot_be_told_apart_or_do_not_stand_are_refused(string sentence, params string[] entries) => Refuses(sentence, entries);

    [Theory]
    [InlineData("give 'epochs' or 'merge_every', not both.", "atm: { epochs: 1, merge_every: 2 steps }")]
    [InlineData("'merge_every' must be a number of steps or epochs, such as '6 steps', found '6'.", "atm: { merge_every: 6 }")]
    [InlineData("'merge_every' must be a number of steps or epochs, such as '6 steps', found 'steps 6'.", "atm: { merge_every: steps 6 }")]
    [InlineData("'merge_every' must be a number of steps or epochs, such as '6 steps', found '0 steps'.", "atm: { merge_every: 0 steps }")]
    [InlineData("'merge_every' must be a number of steps or epochs, such as '6 steps', found '1000001 steps'.", "atm: { merge_every: 1000001 steps }")]
    [InlineData("'merge_every' must be a number of steps or epochs, such as '6 steps', found '6 full steps'.", "atm: { merge_every: 6 full steps }")]
    [InlineData("'merge_every' must be a single value, found a list.", "atm: { merge_every: [6] }")]
    [InlineData("'every' must lie in [1, 1000000], found 0.", "atm: { merge_every: steps, every: 0 }")]
    [InlineData("'rounds' must lie in [1, 1000000], found 0.", "atm: { rounds: 0 }")]
    [InlineData("'epochs' must lie in [1, 1000000], found 0.", "atm: { epochs: 0 }")]
    [InlineData("'outer' must be one of none, nesterov, adam, found 'sgd'.", "atm: { outer: sgd }")]
    [InlineData("'outer_momentum' must lie in [0, 0.9999], found 1.", "atm-momentum: { outer_momentum: 1 }")]
    [InlineData("'outer_learning_rate' must be above 0, found 0.", "atm-momentum: { outer_learning_rate: 0 }")]
    [InlineData("'inner_state' must be one of fresh, kept, found 'warm'.", "atm: { inner_state: warm }")]
    [InlineData("'merge' must be one of mean, ties, found 'tatr'.", "atm: { merge: tatr }")]
    [InlineData("'split' must be one of train, validation, found 'test'.", "atm: { split: test }")]
    [InlineData("'alpha' must be a number, found '1/T'.", "atm: { alpha: 1/T }")]
    [InlineData("there is no method 'TIES'; known methods are pretrained, individual, average, task-arithmetic, ties, tatr, tatr-zero-shot, tatr-ties, atm, atm-momentum, atm-post-hoc, joint.", "TIES")]
    [InlineData("The method 'average' has no option 'lambda'; it knows name.", "average: { lambda: 1 }")]
    [InlineData("options must be a mapping, found '0.3'.", "ties: 0.3")]
    [InlineData("a method is a name, or one name with options under it.", "[ties]")]
    [InlineData("a method is a name, or one name with options under it.", "{ ties: , average: }")]
    [InlineData("'density' must be above 0 and at most 1, found 0.", "ties: { density: 0 }")]
    [InlineData("'rho' must lie in [0, 1], found 1.5.", "tatr: { rho: [0.9, 1.5] }")]
    [InlineData("'samples' must lie in [1, 2147483647], found 0.", "tatr: { samples: 0 }")]
    [InlineData("'lambda' is an empty list.", "ties: { lambda: [] }")]
    [InlineData("'learning_rate' must be at least 0, found -1.", "joint: { learning_rate: [-1] }")]
    public void Options_that_make_no_sense_are_refused(string sentence, string entry) => Refuses(sentence, entry);

    private static void Refuses(string sentence, params string[] entries)
    {
        var error = Assert.Throws<YamlException>(() => Read(entries));
        Assert.EndsWith($": {sentence}", error.Message, StringComparison.Ordinal);
        // Each entry has a line of its own, and the last of those that are read is the wrong one.
        Assert.InRange(error.Place.Line, 5, 4 + entries.Length);
    }

    private static MethodEntry One(string entry) => Assert.Single(Read(entry));

    private static IReadOnlyList<MethodEntry> Read(params string[] entries)
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("e.yml");
        File.WriteAllText(path, "model: m\nheads: h\ntasks: [{ data: a }]\nmethods:\n" + string.Concat(entries.Select(e => $"  - {e}\n")));
        return ExperimentFile.Load(path).Methods;
    }
}
