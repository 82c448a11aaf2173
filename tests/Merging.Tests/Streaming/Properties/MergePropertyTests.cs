using FsCheck;
using FsCheck.Fluent;
using MergeEngine.Merging.Recipes.Catalog;

namespace MergeEngine.Merging.Tests.Streaming.Properties;

/// <summary>What holds for whole merges from file to file, whatever the models are: every registered method, through planner and executor.</summary>
public class MergePropertyTests
{
    private static readonly MethodDescription[] s_methods =
    [
        .. from method in MethodTable.All
           where Merging.TensorMethods.TensorMethods.Find(method.Name, method.Dialect) is not null && !method.PerModel.Any(p => p is { Type: ParameterType.File, Required: true })
           select method,
    ];

    public static TheoryData<string, Dialect> Methods => Of(_ => true);

    public static TheoryData<string, Dialect> WithLambda => Of(m => m.Find("lambda") is not null);

    /// <summary>All but ties, which is what others without trimming are compared with; as published, dare_ties elects otherwise than ties where signs cancel.</summary>
    public static TheoryData<string, Dialect> Thinning => Of(m => m.Find("density") is not null && m.Name != "ties" && m is not { Name: "dare_ties", Dialect: Dialect.Paper });

    /// <summary>All but those for which models have a place: slerp's ends, the first of equal magnitudes, and a mask that belongs to a number.</summary>
    public static TheoryData<string, Dialect> Symmetric => Of(m => m.MostModels > 1 && m.Name is not ("nuslerp" or "magmax"));

    /// <summary>
    /// All but those with magnitudes of their own: what is added to a norm or compared with a constant (multislerp, karcher, model_stock, sce, ram), a distance of the recipe (nearswap), a
    /// divergence of exponentials (arcee_fusion), and ranks in histograms of fixed bins.
    /// </summary>
    public static TheoryData<string, Dialect> WithoutScale =>
        Of(m => m.Name is not ("multislerp" or "karcher" or "model_stock" or "sce" or "ram" or "ramplus_tl" or "nearswap" or "arcee_fusion" or "tsv" or "iso_c" or "iso_cts" or "lines" or "pcb"));

    private static TheoryData<string, Dialect> Of(Func<MethodDescription, bool> which) => new(s_methods.Where(which).Select(m => (m.Name, m.Dialect)));

    private static MethodDescription Find(string name, Dialect dialect) => MethodTable.Find(name, dialect)!;

    private static void ForAll(MethodDescription method, int salt, Action<DrawnModels, Draw> holds, int tests = 6)
    {
        // A mask that several models must hold needs so many.
        int least = Math.Max(Math.Max(1, method.LeastModels), (int)(method.Find("least_models")?.Default?.Number ?? 1));
        Gen<long[]> shape = from rank in Gen.Choose(0, 3) from sizes in Gen.Choose(1, 9).ArrayOf(rank) select sizes.Select(s => (long)s).ToArray();
        Gen<Draw> draw =
            from seed in Gen.Choose(0, int.MaxValue)
            from models in Gen.Choose(least, Math.Min(4, method.MostModels))
            from count in Gen.Choose(1, 4)
            from shapes in shape.ArrayOf(count)
            from columns in Gen.Choose(10, 400)
            select new Draw(seed, models, [.. shapes, [3, columns]]);
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(tests).WithReplay((ulong)(31 + salt), 17).WithQuietOnSuccess(true), Prop.ForAll(draw.ToArbitrary(), x =>
        {
            using var models = new DrawnModels(x);
            holds(models, x);
        }));
    }

    private static string[] Names(Draw draw) => [.. Enumerable.Range(0, draw.Models).Select(DrawnModels.NameOf)];

    private static void Same(float[][] expected, float[][] found)
    {
        for (int t = 0; t < expected.Length; t++)
            Assert.Equal(Array.ConvertAll(expected[t], BitConverter.SingleToUInt32Bits), Array.ConvertAll(found[t], BitConverter.SingleToUInt32Bits));
    }

    /// <summary>Within so many units of the last place of values below 1.</summary>
    private static void Near(float[][] expected, float[][] found, int units)
    {
        double bound = units * Math.Pow(2, -23);
        for (int t = 0; t < expected.Length; t++)
        {
            Assert.Equal(expected[t].Length, found[t].Length);
            for (int i = 0; i < found[t].Length; i++)
                Assert.True(Math.Abs((double)found[t][i] - expected[t][i]) <= bound * Math.Max(1, Math.Abs(expected[t][i])), $"Tensor {t}, element {i}: {found[t][i]:g9}, expected {expected[t][i]:g9}.");
        }
    }

    /// <summary>Differences are exactly zero, and interpolation between equal numbers with weights of quarters is exact.</summary>
    [Theory]
    [MemberData(nameof(Methods))]
    public void Models_like_the_base_merge_to_the_base(string method, Dialect dialect) => ForAll(Find(method, dialect), 1, (models, draw) =>
    {
        for (int k = 0; k < draw.Models; k++) models.Write(DrawnModels.NameOf(k), models.Base);
        float[][] merged = models.Merge(DrawnModels.Recipe(Find(method, dialect), Names(draw)));
        // Unit vectors and back: a few roundings.
        if (method is "karcher" or "multislerp" or "nuslerp") Near(models.Base, merged, 4);
        else Same(models.Base, merged);
    });

    [Theory]
    [MemberData(nameof(WithLambda))]
    public void Lambda_zero_gives_the_base_bit_for_bit(string method, Dialect dialect) => ForAll(Find(method, dialect), 2, (models, draw) =>
        Same(models.Base, models.Merge(DrawnModels.Recipe(Find(method, dialect), Names(draw), "lambda: 0", Find(method, dialect).Find("density") is null ? "" : "density: 0.4"))));

    [Theory]
    [MemberData(nameof(Thinning))]
    public void Density_one_equals_no_trimming(string method, Dialect dialect) => ForAll(Find(method, dialect), 3, (models, draw) =>
    {
        MethodDescription description = Find(method, dialect);
        // The election of ties is what is left of the methods that have one.
        string plain = method is "della" || method.EndsWith("ties", StringComparison.Ordinal) ? "ties" : "task_arithmetic";
        string shared = description.Find("normalize") is null ? "lambda: 0.5" : "lambda: 0.5, normalize: false";
        Same(models.Merge(DrawnModels.Recipe(Find(plain, dialect), Names(draw), shared, plain == "ties" ? "density: 1" : "")), models.Merge(DrawnModels.Recipe(description, Names(draw), shared, "density: 1")));
    });

    /// <summary>Random masks belong to a place in the recipe, so nothing is drawn here. Sums in another order: a few roundings.</summary>
    [Theory]
    [MemberData(nameof(Symmetric))]
    public void The_order_of_the_models_does_not_matter(string method, Dialect dialect) => ForAll(Find(method, dialect), 4, (models, draw) =>
    {
        MethodDescription description = Find(method, dialect);
        string perModel = description.Find("density") is null ? "" : method.StartsWith('d') ? "density: 1" : "density: 0.4";
        string[] names = Names(draw);
        double[] weights = [.. names.Select((_, k) => 0.25 * (k + 1))];
        int[] order = [.. Enumerable.Range(0, names.Length)];
        new Random(draw.Seed).Shuffle(order);
        float[][] straight = models.Merge(DrawnModels.Recipe(description, names, perModel: perModel, weights: weights));
        float[][] shuffled = models.Merge(DrawnModels.Recipe(description, [.. order.Select(k => names[k])], perModel: perModel, weights: [.. order.Select(k => weights[k])]));
        // Of pcb each value is a quotient of sums of weights that may nearly cancel.
        Near(straight, shuffled, method == "pcb" ? 256 : 8);
    });

    /// <summary>A power of two scales every input exactly, so it scales every rounding on the way.</summary>
    [Theory]
    [MemberData(nameof(WithoutScale))]
    public void Scaled_models_give_the_scaled_merge_bit_for_bit(string method, Dialect dialect) => ForAll(Find(method, dialect), 5, (models, draw) =>
    {
        string recipe = DrawnModels.Recipe(Find(method, dialect), Names(draw), perModel: Find(method, dialect).Find("density") is null ? "" : "density: 0.4");
        float[][] once = models.Merge(recipe);
        models.Write("base", models.Base, 8);
        for (int k = 0; k < draw.Models; k++) models.Write(DrawnModels.NameOf(k), models.Models[k], 8);
        Same([.. once.Select(t => Array.ConvertAll(t, v => v * 8))], models.Merge(recipe));
    });

    /// <summary>On these values every product and sum is exact, so the merge of sums is the sum of merges to the last bit. The mask of dare_linear does not see the values.</summary>
    [Theory]
    [InlineData("linear", "normalize: false", "")]
    [InlineData("task_arithmetic", "lambda: 0.5", "")]
    [InlineData("dare_linear", "rescale: false", "density: 0.5")]
    [InlineData("passthrough", "", "scale: -1.25")]
    public void Linear_methods_are_linear(string method, string shared, string perModel) => ForAll(Find(method, Dialect.Mergekit), 6, (models, draw) =>
    {
        MethodDescription description = Find(method, Dialect.Mergekit);
        string recipe = DrawnModels.Recipe(description, Names(draw), shared, perModel);
        float[][] one = models.Merge(recipe), baseTwo = models.Moved(models.Base, 20);
        float[][][] two = [.. models.Models.Select(m => models.Moved(m, 9))];
        models.Write("base", baseTwo);
        for (int k = 0; k < draw.Models; k++) models.Write(DrawnModels.NameOf(k), two[k]);
        float[][] other = models.Merge(recipe);

        float[][] Sum(float[][] a, float[][] b) => [.. a.Zip(b, (x, y) => x.Zip(y, (p, q) => p - (2 * q)).ToArray())];
        models.Write("base", Sum(models.Base, baseTwo));
        for (int k = 0; k < draw.Models; k++) models.Write(DrawnModels.NameOf(k), Sum(models.Models[k], two[k]));
        // Zero has two signs, and a sum of products does not keep that of a difference of sums.
        float[][] Unsigned(float[][] tensors) => [.. tensors.Select(t => Array.ConvertAll(t, v => v + 0f))];
        Same(Unsigned(Sum(one, other)), Unsigned(models.Merge(recipe)));
    });

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_merge_run_twice_is_the_same_whatever_threads_chunks_and_shards(string method, Dialect dialect) => ForAll(Find(method, dialect), 7, (models, draw) =>
    {
        string recipe = DrawnModels.Recipe(Find(method, dialect), Names(draw), perModel: Find(method, dialect).Find("density") is null ? "" : "density: 0.4");
        Same(models.Merge(recipe), models.Merge(recipe));
    }, tests: 3);

    /// <summary>Each listing has its own weight; mergekit loses one of them.</summary>
    [Fact]
    public void A_model_that_is_listed_twice_counts_twice() => ForAll(Find("task_arithmetic", Dialect.Mergekit), 8, (models, draw) =>
    {
        MethodDescription method = Find("task_arithmetic", Dialect.Mergekit);
        Same(
            models.Merge(DrawnModels.Recipe(method, ["m0"], weights: [0.75])),
            models.Merge(DrawnModels.Recipe(method, ["m0", "m0"], weights: [0.25, 0.5])));
    });
}
