using System.Text.Json;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Streaming.Planning.Reports;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors;

namespace MergeEngine.Merging.Tests.Streaming.Planning;

public sealed class PlanReportTests(HeaderFixture fixture) : IClassFixture<HeaderFixture>
{
    private const long MiB = 1 << 20;

    private PlanReport Describe(string text, long limit = 512 * MiB, TensorMethod? method = null, int threads = 1)
    {
        Recipe recipe = RecipeText.Read(text);
        using Device device = Device.Open("cpu");
        using MergeJob job = fixture.Plan(recipe, o => method is null ? o : o with { Methods = _ => method });
        return PlanReporter.Describe(job, recipe, new ExecutionOptions { Device = device, Threads = threads, MemoryLimit = limit });
    }

    private string TwoTensors()
    {
        fixture.Write("models/x", ("ids", "I64 2"), ("w", "F32 256x4"));
        fixture.Write("models/y", ("ids", "I64 2"), ("w", "BF16 256x4"));
        return "merge_method: task_arithmetic\nbase_model: models/x\nparameters: {lambda: 0.5}\nmodels: [{model: models/y, parameters: {weight: 0.25}}]";
    }

    [Fact]
    public void Columns_line_up_on_a_terminal_whatever_characters_names_have()
    {
        fixture.Write("models/x", ("ids", "I64 2"), ("重み", "F32 2"));
        var text = new StringWriter { NewLine = "\n" };
        PlanText.Write(Describe("merge_method: passthrough\nmodels: [{model: models/x}]"), text);
        Assert.Contains(
            "\ntensor  dtype  shape  size  method       sources\nids     I64    [2]    16 B  copy         [0]\n重み    F32    [2]     8 B  passthrough  [0] scale=1\n",
            text.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_table_shows_every_tensor_with_all_that_decides_it()
    {
        var text = new StringWriter { NewLine = "\n" };
        PlanText.Write(Describe(TwoTensors()), text);
        string root = fixture.Root + "/";
        Assert.Equal("""
            task_arithmetic (mergekit), 2 inputs:
              [0] models/y: 2 tensors in 1 file, 2.0 KiB, 2.0 KiB read
              [1] models/x: 2 tensors in 1 file, 4.0 KiB, 4.0 KiB read

            tensor  dtype  shape        size  method                                                                    sources
            ids     I64    [2]          16 B  copy                                                                      [1]
            w       F32    [256, 4]  4.0 KiB  task_arithmetic normalize=false rescale=false lambda=0.5 int8_mask=false  [0] BF16 as F32 weight=0.25; [1] base

            note: "ids" is I64 and is copied from models/x.

            2 tensors, 1 merged and 1 copied, 4.0 KiB to write
            6.0 KiB to read, one pass
            peak memory about 64.0 MiB of 512.0 MiB allowed; the least that can be kept to is 64.0 MiB

            """.ReplaceLineEndings("\n"), text.ToString().Replace(root, "", StringComparison.Ordinal));
    }

    [Fact]
    public void The_document_has_the_same_figures()
    {
        using JsonDocument json = JsonDocument.Parse(PlanJson.Write(Describe(TwoTensors())));
        JsonElement totals = json.RootElement.GetProperty("totals"), tensor = json.RootElement.GetProperty("tensors")[1];
        Assert.Equal(2 * 8 + 1024 * 4, totals.GetProperty("output_bytes").GetInt64());
        Assert.Equal(2 * 8 + 1024 * 4 + 1024 * 2, totals.GetProperty("read_bytes").GetInt64());
        Assert.Equal("0.25", tensor.GetProperty("sources")[0].GetProperty("parameters").GetProperty("weight").GetString());
        Assert.True(tensor.GetProperty("sources")[1].GetProperty("base").GetBoolean());
        Assert.Equal("0.5", tensor.GetProperty("parameters").GetProperty("lambda").GetString());
    }

    /// <summary>The registered methods take every tensor of the merges that mergekit has run with them.</summary>
    [Fact]
    public void Methods_take_the_tensors_of_the_reference_merges()
    {
        using Device device = Device.Open("cpu");
        var registered = new PlanOptions();
        int described = 0;
        foreach (Recipe recipe in CasePlanTests.Names.SelectMany(n => CasePlanTests.Read(n.Data).Recipes))
        {
            if (recipe.Models.Any(m => m.IsDocument) || registered.Methods(recipe.Method) is null) continue;
            using MergeJob job = fixture.Plan(recipe, o => o with { Methods = registered.Methods, UnsafeTruncateEmbeddings = true });
            PlanReport report = PlanReporter.Describe(job, recipe, device, 4 * MiB);
            Assert.Equal(recipe.Method.Name, report.Tensors.First(t => t.Method != "copy").Method);
            Assert.InRange(report.Totals.PeakMemory, MemoryPlan.Program, MemoryPlan.Program + MemoryPlan.Least);
            described++;
        }

        Assert.True(described > 60, $"{described} recipes");
    }

    [Fact]
    public void A_dialect_without_arithmetic_for_files_is_refused() =>
        Assert.Equal(["r.yml:1:1: the method 'ties' cannot merge files yet in the dialect paper."], fixture.ProblemsOf(
            "merge_method: ties\ndialect: paper\nbase_model: models/llama-base\nmodels: [{model: models/llama-a}]", o => o with { Methods = m => m.Dialect is Dialect.Paper ? null : HeaderFixture.Find(m) }));

    /// <summary>
    /// 3 tensors of 1024 float32 elements at once are 12 KiB, and the 16 bytes that are copied lie beside them; a chunk of 4 KiB holds 336 elements of each, or of whole fours 340 in room for
    /// 352; one element at once is 12 B, four are 48 B.
    /// </summary>
    [Theory]
    [InlineData(512 * MiB, 1, 1, 0, 12 * 1024 + 16)]
    [InlineData(4096, 1, 1, 0, 12 * 336 + 16)]
    [InlineData(4096, 4, 1, 0, 4 * 12 * 336 + 16)]
    [InlineData(4096, 1, 4, 100, 12 * 352 + 16 + 100)]
    [InlineData(4096, 1, long.MaxValue, 100, 12 * 1024 + 16 + 100)]
    public void Memory_is_what_the_largest_tensors_take_beside_the_program(long limit, int threads, long unit, long working, long peak)
    {
        PlanTotals totals = Describe(TwoTensors(), limit, new Demanding(unit, working), threads).Totals;
        Assert.Equal((peak + MemoryPlan.Program, peak + MemoryPlan.Program), (totals.PeakMemory, totals.LeastMemory));
        Assert.Equal((2, 16 + 1024 * 4 + 1024 * 2), (totals.Passes, totals.AllReadBytes));
        Assert.Equal(1024 * 4 + 1024 * 2, totals.StatisticsBytes);
    }

    [Fact]
    public void Parameters_that_the_method_refuses_are_told_tensor_by_tensor()
    {
        PlanningException error = Assert.Throws<PlanningException>(() => Describe(TwoTensors(), method: new Demanding(0, 0)));
        Assert.Equal(["\"w\": no elements."], error.Problems);
    }

    private sealed class Demanding(long unit, long working) : TensorMethod
    {
        public override string Name => "demanding";

        public override TensorMerge Begin(TensorTask task) => unit > 0 ? new Merge(unit, working) : throw new ArgumentException("no elements.");

        private sealed class Merge(long unit, long working) : TensorMerge
        {
            public override long Unit => unit;

            public override long WorkingBytes => working;

            public override bool NeedsPass => true;

            public override void Map(in TensorChunk chunk) => throw new InvalidOperationException("Plans compute nothing.");
        }
    }
}
