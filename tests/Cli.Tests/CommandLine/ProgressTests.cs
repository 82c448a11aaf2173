using MergeEngine.Cli.Terminal;

namespace MergeEngine.Cli.Tests.CommandLine;

public sealed class ProgressTests : IDisposable
{
    private readonly StringWriter output = new() { NewLine = "\n" };
    private readonly Clock clock = new();

    public void Dispose() => output.Dispose();

    [Fact]
    public void Lines_come_at_most_every_five_seconds()
    {
        var lines = new ProgressLines("steps", output, clock);
        for (int step = 0; step <= 120; step++)
        {
            clock.Seconds = step / 10.0;
            lines.Report("tuning", step, 240);
        }

        Assert.Equal("tuning: 50 of 240 steps, 10 steps/s, 21 % of all, 19 s left\ntuning: 100 of 240 steps, 10 steps/s, 42 % of all, 14 s left\n", output.ToString());
    }

    [Fact]
    public void Work_that_is_over_soon_says_nothing()
    {
        var lines = new ProgressLines("samples", output, clock);
        clock.Seconds = 4.9;
        lines.Report("encoding", 10, 10);
        Assert.Equal("", output.ToString());
    }

    [Fact]
    public void The_rate_is_that_of_the_phase_and_the_time_left_that_of_the_whole()
    {
        var lines = new ProgressLines("steps", output, clock);
        lines.Report("first", 100, 100, 100, 200);
        clock.Seconds = 10;
        lines.Report("second", 40, 100, 140, 240);
        clock.Seconds = 16;
        lines.Report("second", 100, 160, 200, 300);
        // 60 units in 6 seconds of the second phase; 100 of all in 16 seconds, so 16 more for 100.
        Assert.EndsWith("second: 100 of 160 steps, 10 steps/s, 67 % of all, 16 s left\n", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Another_detail_is_the_same_phase_and_a_count_that_starts_again_is_not()
    {
        var lines = new ProgressLines("steps", output, clock);
        lines.Report("atm: mnist", 0, 100);
        clock.Seconds = 10;
        lines.Report("atm: kana", 50, 100);
        clock.Seconds = 20;
        lines.Report("atm: mnist", 0, 100);
        Assert.Equal("atm: kana: 50 of 100 steps, 5 steps/s, 50 % of all, 10 s left\natm: mnist: 0 of 100 steps, 0 % of all\n", output.ToString());
    }

    [Fact]
    public void Bytes_are_shown_as_megabytes()
    {
        var lines = new ProgressLines("B", output, clock);
        lines.Report("reading", 0, 10_000_000_000);
        clock.Seconds = 8;
        lines.Report("reading", 4_000_000_000, 10_000_000_000);
        Assert.Equal("reading: 4000 of 10000 MB, 500 MB/s, 40 % of all, 12 s left\n", output.ToString());
    }

    private sealed class Clock : TimeProvider
    {
        public double Seconds { get; set; }

        public override long TimestampFrequency => 1_000_000;

        public override long GetTimestamp() => (long)(Seconds * TimestampFrequency);
    }
}
