using System.Globalization;
using MergeEngine.Cli.Terminal;
using MergeEngine.Merging.Experiments;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Reports;

/// <summary>What <c>experiment --dry-run</c> shows.</summary>
internal static class ExperimentPlanReport
{
    public static void Print(ExperimentPlan plan, TextWriter output)
    {
        output.WriteLine($"{Printable.Of(plan.Name)}, seed {plan.Seed}: {Counting.Of(plan.Tasks.Count, "task")} ({Printable.Of(string.Join(", ", plan.Tasks))})");
        foreach (PlannedRow row in plan.Rows)
        {
            string steps = row.StepsPerTask switch { null => "as many steps as the data has", 0 => "no steps", 1 => "1 step a task", { } count => $"{count} steps a task" };
            string choice = row.Candidates == 1 ? "" : $", chosen of {row.Candidates} on validation";
            string expected = row.Expected is { } average ? string.Create(CultureInfo.InvariantCulture, $"; published: {average:0.0#}") : "";
            output.WriteLine($"  {Printable.Of(row.Name)}: {steps}{choice}{expected}");
        }

        if (plan.Missing.Count == 0) output.WriteLine("Every file is there.");
        foreach (string path in plan.Missing) output.WriteLine($"missing: {Printable.Of(path)}");
        foreach (string source in plan.Sources) output.WriteLine($"source: {Printable.Of(source)}");
    }
}
