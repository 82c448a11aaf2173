using System.Globalization;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Streaming.Planning.Reports;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Streaming.Execution;

/// <summary>
/// tests/Fixtures/tatr from files to files: masks and merges that others computed in float64. Sums are float64 here and rounded once, so half a unit of the last place is the bound, and
/// what 2⁻⁵³ of Σ|τ| and of |θ| adds.
/// </summary>
public sealed class TatrFileTests
{
    private const int Tasks = 4;

    public static TheoryData<string> Devices => [.. DeviceCases.Kinds];

    [Theory, MemberData(nameof(Devices))]
    public void Masks_are_exact_and_merges_within_half_a_unit(string device)
    {
        using var fixture = new Fixture(device);
        foreach (int rho in new[] { 99, 90, 50 })
        {
            int[] mask = fixture.Case.ReadInt32($"mask.rho{rho}");
            float[] merged = fixture.Merge("tatr", $"parameters: {{lambda: 0.3, rho: 0.{rho}}}", k => $"weight: 1, gradients: {fixture.Gradients(k)}");
            fixture.Near(fixture.Case.ReadFloat64($"merged.rho{rho}"), merged);
            fixture.HasMask(mask, merged);
        }
    }

    [Theory, MemberData(nameof(Devices))]
    public void Masks_without_gradients_are_exact(string device)
    {
        using var fixture = new Fixture(device);
        foreach (int rho in new[] { 99, 90, 50 })
        {
            int[] mask = fixture.Case.ReadInt32($"mask_zs.rho{rho}");
            float[] merged = fixture.Merge("tatr", $"parameters: {{lambda: 0.3, rho: 0.{rho}}}", _ => "weight: 1");
            fixture.Near(fixture.Masked(mask, 0.3), merged);
            fixture.HasMask(mask, merged);
        }
    }

    [Theory, MemberData(nameof(Devices))]
    public void Ties_and_task_arithmetic_as_published_are_within_half_a_unit(string device)
    {
        using var fixture = new Fixture(device);
        fixture.Near(fixture.Case.ReadFloat64("ties.lambda1"), fixture.Merge("ties", "dialect: paper", _ => ""));
        fixture.Near(fixture.Case.ReadFloat64("task_arithmetic"), fixture.Merge("task_arithmetic", "dialect: paper\nparameters: {lambda: 0.3}", _ => "weight: 1"));
    }

    /// <summary>A tensor that one gradient file lacks is not live: it is merged whole, and the share that is dropped is one of the rest.</summary>
    [Fact]
    public void Tensors_without_gradients_are_not_live()
    {
        const string Without = "encoder.layer.0.intermediate.dense.weight";
        using var fixture = new Fixture("cpu");
        float[] merged = fixture.Merge("tatr", "parameters: {lambda: 0.3, rho: 0.5}", k => $"weight: 1, gradients: {fixture.Gradients(k, k == 2 ? Without : null)}");
        float[] plain = fixture.Merge("task_arithmetic", "parameters: {lambda: 0.3}", _ => "weight: 1");
        int first = fixture.FirstIndex(Without), length = 28 * 32;
        Assert.Equal(plain[first..(first + length)], merged[first..(first + length)]);
        bool Live(int i) => (i < first || i >= first + length) && fixture.TaskVectors.Any(t => t[i] != 0);
        int live = Enumerable.Range(0, plain.Length).Count(Live), kept = Enumerable.Range(0, plain.Length).Count(i => Live(i) && merged[i] == plain[i] && merged[i] != fixture.Base[i]);
        // A sum of task vectors that rounds away, or cancels, cannot be told from a dropped one.
        Assert.InRange(kept, (live / 2) - 20, (live / 2) + 1);
    }

    /// <summary>A file of other tensors would leave tatr without a live position, and so turn it into task arithmetic without a word.</summary>
    [Fact]
    public void A_gradient_file_of_another_model_is_refused_and_what_one_lacks_is_told()
    {
        using var fixture = new Fixture("cpu");
        string other = fixture.Files.File("other.safetensors");
        SafetensorsWriter.Write(other, [TensorContent.FromFloat32("other.weight", new Shape(1), new float[1], DType.F32)]);
        string problem = Assert.Single(Assert.Throws<PlanningException>(() => fixture.Files.Plan(Fixture.RecipeOf("tatr", "", k => $"weight: 1, gradients: {(k == 1 ? other : fixture.Gradients(k))}"))).Problems);
        Assert.Equal($"{other}: has none of the {fixture.Tensors} tensors that are merged, such as \"{fixture.First}\", expected a file for this model.", problem);

        string less = fixture.Gradients(2, fixture.First);
        using MergeJob job = fixture.Files.Plan(Fixture.RecipeOf("tatr", "", k => $"weight: 1, gradients: {(k == 2 ? less : fixture.Gradients(k))}"));
        Assert.Contains($"{less}: 1 of {fixture.Tensors} tensors that are merged is not in the file: \"{fixture.First}\".", job.Notes);
    }

    [Theory]
    [InlineData("tatr", true)]
    [InlineData("task_arithmetic", false)]
    public void A_method_that_reads_float64_as_float32_says_so(string method, bool rounds)
    {
        using var fixture = new Fixture("cpu");
        using MergeJob job = fixture.Files.Plan(Fixture.RecipeOf(method, "dtype: float64", _ => "weight: 1"));
        Assert.Equal(rounds ? 1 : 0, job.Notes.Count(n => n == $"'{method}' merges in float32, so tensors in F64 are read as float32."));
        Assert.All(job.Tensors, t => Assert.Equal(!rounds, t.IsFloat64));
    }

    /// <summary>Statistics over the whole model see it in other pieces, and every pass reads the files anew.</summary>
    [Theory]
    [InlineData("tatr", "parameters: {lambda: 0.3, rho: 0.9}", "weight: 1, gradients: GRADIENTS")]
    [InlineData("ties", "dialect: paper", "density: 0.3")]
    [InlineData("dare_ties", "dialect: paper", "density: 0.3")]
    [InlineData("lines", "parameters: {beta: 0.5}", "weight: 0.WEIGHT")]
    [InlineData("consensus", "parameters: {lambda: 0.3}", "mask_lambda: 0.WEIGHT")]
    [InlineData("pcb", "parameters: {lambda: 1.2}", "")]
    [InlineData("emr", "parameters: {task: 2}", "")]
    [InlineData("fisher", "parameters: {normalize: true}", "fisher: GRADIENTS")]
    public void Memory_limits_do_not_show_in_the_bits(string method, string head, string perModel)
    {
        using var fixture = new Fixture("cpu");
        string Of(int k) => perModel.Replace("GRADIENTS", fixture.Gradients(k), StringComparison.Ordinal).Replace("WEIGHT", (k + 3).ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
        float[] whole = fixture.Merge(method, head, Of);
        float[] small = fixture.Merge(method, head, Of, new ExecutionOptions { Device = fixture.Device, Threads = 1, MemoryLimit = 16 * 1024 });
        Assert.Equal(Array.ConvertAll(whole, BitConverter.SingleToUInt32Bits), Array.ConvertAll(small, BitConverter.SingleToUInt32Bits));
        Assert.InRange(Enumerable.Range(0, whole.Length).Count(i => whole[i] != fixture.Base[i]), 1, whole.Length);
    }

    /// <summary>Five models and four gradient files, read for statistics and again for the merge.</summary>
    [Fact]
    public void A_plan_names_the_passes_over_the_whole_model()
    {
        using var fixture = new Fixture("cpu");
        string recipe = Fixture.RecipeOf("tatr", "parameters: {lambda: 0.3}", k => $"weight: 1, gradients: {fixture.Gradients(k)}");
        using MergeJob job = fixture.Files.Plan(recipe);
        PlanReport report = PlanReporter.Describe(job, Assert.Single(RecipeFile.Parse(recipe, "r.yml", Path.Exists).Recipes), fixture.Device, 1 << 20);
        Assert.Equal(14648L * sizeof(float) * 9, report.Totals.ReadBytes);
        Assert.Equal(report.Totals.ReadBytes, report.Totals.StatisticsBytes);
        Assert.All(report.Tensors, t => Assert.True(t.Statistics));
    }

    private sealed class Fixture : IDisposable
    {
        private readonly string[] _names;

        public Fixture(string device)
        {
            Device = DeviceCases.Open(device, 2);
            Case = FixtureFiles.Open("tatr/case.safetensors");
            using Checkpoint origin = Checkpoint.Open(FixtureFiles.PathOf("tatr/base"));
            _names = [.. origin.Names.Order(StringComparer.Ordinal)];
            Base = [.. _names.SelectMany(origin.ReadFloat32)];
            TaskVectors = [.. Enumerable.Range(0, Tasks).Select(k => Case.ReadFloat32($"tau_flat.{k}"))];
        }

        public GeneratedModels Files { get; } = new();

        public Device Device { get; }

        public SafetensorsFile Case { get; }

        public float[] Base { get; }

        public float[][] TaskVectors { get; }

        public int Tensors => _names.Length;

        /// <summary>The first tensor's name.</summary>
        public string First => _names[0];

        public int FirstIndex(string tensor)
        {
            using Checkpoint origin = Checkpoint.Open(FixtureFiles.PathOf("tatr/base"));
            return (int)_names.TakeWhile(n => n != tensor).Sum(n => origin[n].Shape.ElementCount);
        }

        /// <summary>A task's gradients as a file.</summary>
        public string Gradients(int task, string? without = null)
        {
            string path = Files.File($"gradients-{task}{(without is null ? "" : "-less")}.safetensors");
            if (!File.Exists(path))
            {
                SafetensorsWriter.Write(path, _names.Where(n => n != without).Select(n =>
                    TensorContent.FromFloat32(n, Case[$"abs_grad.{task}.{n}"].Shape, Case.ReadFloat32($"abs_grad.{task}.{n}"), DType.F32)).ToList());
            }

            return path;
        }

        /// <summary>The merged model in flat order.</summary>
        public float[] Merge(string method, string head, Func<int, string> perModel, ExecutionOptions? options = null)
        {
            using MergeJob job = Files.Plan(RecipeOf(method, head, perModel));
            using Checkpoint merged = Checkpoint.Open(Files.Merge(job, Device, options));
            return [.. _names.SelectMany(merged.ReadFloat32)];
        }

        public static string RecipeOf(string method, string head, Func<int, string> perModel) =>
            $"merge_method: {method}\n{head}\nbase_model: {FixtureFiles.PathOf("tatr/base")}\nmodels:\n" + string.Concat(Enumerable.Range(0, Tasks).Select(k =>
                string.Create(CultureInfo.InvariantCulture, $"- {{model: {FixtureFiles.PathOf($"tatr/task-{k}")}, parameters: {{{perModel(k)}}}}}\n")));

        public double[] Masked(int[] mask, double lambda) =>
            [.. Base.Select((b, i) => b + (mask[i] == 0 ? 0 : lambda * TaskVectors.Sum(t => (double)t[i])))];

        public void Near(double[] expected, float[] found)
        {
            Assert.Equal(expected.Length, found.Length);
            for (int i = 0; i < found.Length; i++)
            {
                double bound = (Math.Abs(expected[i]) * Math.Pow(2, -24)) + ((Math.Abs(Base[i]) + TaskVectors.Sum(t => Math.Abs((double)t[i]))) * Math.Pow(2, -50));
                Assert.True(Math.Abs(found[i] - expected[i]) <= bound, $"Element {i} is {found[i]:g9}, expected {expected[i]:g17} within {bound:g3}.");
            }
        }

        /// <summary>The base's bits where the mask is 0; something else where it is 1 and the sum is more than the base's rounding.</summary>
        public void HasMask(int[] mask, float[] merged)
        {
            for (int i = 0; i < mask.Length; i++)
            {
                bool moves = Math.Abs(0.3 * TaskVectors.Sum(t => (double)t[i])) > Math.Abs(Base[i]) * Math.Pow(2, -23);
                if (mask[i] == 0) Assert.Equal(BitConverter.SingleToUInt32Bits(Base[i]), BitConverter.SingleToUInt32Bits(merged[i]));
                else Assert.True(!moves || merged[i] != Base[i], $"Element {i} is kept and has the base's value.");
            }
        }

        public void Dispose()
        {
            Case.Dispose();
            Files.Dispose();
            Assert.Equal(0, Device.AllocatedBytes);
            Device.Dispose();
        }
    }
}
