using FsCheck;
using FsCheck.Fluent;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Parameters;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Merging.Yaml;

namespace MergeEngine.Merging.Tests.Recipes;

/// <summary>Gradients, filters and scopes: which value a tensor gets.</summary>
public sealed class ParameterResolutionTests
{
    private static readonly Config s_settings = Config.QuickThrowOnFailure.WithMaxTest(300).WithReplay(20260301, 1).WithQuietOnSuccess(true);

    private static readonly Gen<double> s_number = Gen.Choose(-4000, 4000).Select(i => i / 1000.0);

    /// <summary>Task arithmetic of two models, with text at each scope that has parameters.</summary>
    private static string Text(string model = "", string recipe = "", string slice = "", string module = "")
    {
        string Parameters(int indent, string text) => text.Length == 0 ? "" : $"{new string(' ', indent)}parameters: {{ {text} }}\n";
        return "merge_method: task_arithmetic\nbase_model: models/base\nmodules:\n  default:\n    slices:\n      - sources:\n"
            + "          - { model: models/base, layer_range: [0, 5] }\n"
            + "          - model: models/a\n            layer_range: [0, 5]\n" + Parameters(12, model)
            + Parameters(8, slice) + Parameters(4, module) + Parameters(0, recipe);
    }

    private static TensorParameters At(string text, string tensor, double t, string? input = null)
    {
        RecipeSlice slice = RecipeText.ReadSlice(text);
        return slice.At(new TensorPlace(tensor, input is null ? null : ["base", input], t));
    }

    private static double Weight(string text, string tensor = "x", double t = 0) => At(text, tensor, t).Number("weight", 1);

    private static string List(IEnumerable<double> values) => $"[{string.Join(", ", values)}]";

    [Theory]
    [InlineData("[1, 3]", 0, 1)]
    [InlineData("[1, 3]", 0.25, 1.5)]
    [InlineData("[1, 3]", 1, 3)]
    [InlineData("[1, 0.5, 0.7, 0.3, 0]", 0.5, 0.7)]
    [InlineData("[1, 0.5, 0.7, 0.3, 0]", 0.625, 0.5)]
    [InlineData("['1e-1', 3e-1]", 0.5, 0.2)]
    [InlineData("[7]", 0.3, 7)]
    [InlineData("7", 0.3, 7)]
    public void Numbers_are_interpolated(string value, double t, double expected) => Assert.Equal(expected, Weight(Text($"weight: {value}"), t: t), 15);

    /// <summary>As PyYAML 6.0 reads them: by YAML 1.1, and where that sees a text, as Python's float does.</summary>
    [Theory]
    [InlineData("010", 8)]
    [InlineData("-017", -15)]
    [InlineData("08", 8)]
    [InlineData("'010'", 10)]
    [InlineData("010.5", 10.5)]
    [InlineData("0x1F", 31)]
    [InlineData("-0b101", -5)]
    [InlineData("1_000", 1000)]
    [InlineData("1_0.2_5", 10.25)]
    [InlineData("1e-3", 0.001)]
    [InlineData("0", 0)]
    [InlineData("00", 0)]
    public void Numbers_are_those_of_yaml(string value, double expected) => Assert.Equal(expected, Weight(Text($"weight: {value}")));

    [Fact]
    public void Interpolation_meets_every_value_and_stays_between_neighbours() =>
        Check.One(s_settings, Prop.ForAll(s_number.NonEmptyListOf().ToArbitrary(), Gen.Choose(0, 1000).Select(i => i / 1000.0).ToArbitrary(), (values, t) =>
        {
            RecipeSlice slice = RecipeText.ReadSlice(Text($"weight: {List(values)}"));
            double At(double place) => slice.At(new TensorPlace("x", null, place)).Number("weight", 1);
            int n = values.Count;
            Assert.Equal(values[0], At(0));
            Assert.Equal(values[^1], At(1));
            for (int i = 0; i < n && n > 1; i++) Assert.Equal(values[i], At((double)i / (n - 1)), 9);
            int left = Math.Min((int)(t * (n - 1)), n - 1), right = Math.Min(left + 1, n - 1);
            Assert.InRange(At(t), Math.Min(values[left], values[right]), Math.Max(values[left], values[right]));
        }));

    [Fact]
    public void A_linear_gradient_is_linear() =>
        Check.One(s_settings, Prop.ForAll(s_number.ToArbitrary(), s_number.ToArbitrary(), (a, b) =>
        {
            RecipeSlice slice = RecipeText.ReadSlice(Text($"weight: [{a}, {b}]"));
            for (int i = 0; i < 5; i++)
            {
                double t = LayerPosition.Of(i, 5);
                Assert.Equal(a + (b - a) * t, slice.At(new TensorPlace("x", null, t)).Number("weight", 1), 12);
            }
        }));

    [Theory]
    [InlineData(0, true)]
    [InlineData(0.49, true)]
    [InlineData(0.5, false)]
    [InlineData(0.99, false)]
    [InlineData(1, true)]
    public void Flags_step(double t, bool expected) => Assert.Equal(expected, At(Text("weight: 1", "normalize: [true, no, 'True']"), "x", t).Flag("normalize"));

    [Theory]
    [InlineData(null, 4, 0)]
    [InlineData(0, 4, 0)]
    [InlineData(1, 4, 1 / 3.0)]
    [InlineData(3, 4, 1)]
    [InlineData(0, 1, 1)]
    [InlineData(null, 1, 0)]
    public void Layers_are_evenly_spaced_and_one_layer_is_the_last(int? index, int layers, double expected) => Assert.Equal(expected, LayerPosition.Of(index, layers));

    [Fact]
    public void Layers_that_are_not_there_have_no_position()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => LayerPosition.Of(4, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => LayerPosition.Of(-1, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => Weight(Text("weight: 1"), t: 1.5));
        Assert.Throws<ArgumentOutOfRangeException>(() => Weight(Text("weight: 1"), t: double.NaN));
    }

    /// <summary>Three layers put the middle one at t = 0.5; four at thirds.</summary>
    [Fact]
    public void A_whole_number_may_run_over_layers_but_not_become_a_fraction()
    {
        const string Text = "merge_method: karcher\nmodels: [{ model: models/a }]\nparameters: { max_iter: [1, 3] }\n";
        RecipeSlice slice = RecipeText.ReadSlice(Text);
        Assert.Equal([1, 2, 3], Enumerable.Range(0, 3).Select(i => slice.At(new TensorPlace("x", null, LayerPosition.Of(i, 3))).Integer("max_iter")));
        YamlException error = Assert.Throws<YamlException>(() => slice.At(new TensorPlace("x.1", null, LayerPosition.Of(1, 4))));
        Assert.Equal("r.yml:3:25: 'max_iter' must be a whole number, and the list gives 1.6667 at 'x.1'.", error.Message);
        // Interpolation between 1 and 4 misses 2 and 3 by its own rounding.
        RecipeSlice thirds = RecipeText.ReadSlice(Text.Replace("[1, 3]", "[1, 4]", StringComparison.Ordinal));
        Assert.Equal([1, 2, 3, 4], Enumerable.Range(0, 4).Select(i => thirds.At(new TensorPlace("x", null, LayerPosition.Of(i, 4))).Integer("max_iter")));
    }

    [Theory]
    [InlineData("a.mlp.up", 1)]
    [InlineData("a.mlp.down", 1)]
    [InlineData("a.attn.down", 2)]
    [InlineData("a.attn.q", 3)]
    public void The_first_filter_that_is_part_of_the_name_counts(string tensor, double expected)
    {
        Assert.Equal(expected, Weight(Text("weight: [{ filter: mlp, value: 1 }, { filter: down, value: 2 }, { value: 3 }]"), tensor));
        Assert.Equal(expected, Weight(Text("weight: [{ filter: mlp, value: 1 }, { filter: down, value: 2 }, { filter: '*', value: 3 }]"), tensor));
        Assert.Equal(expected, Weight(Text("weight: [{ filter: mlp, value: 1 }, { filter: down, value: 2 }]", "weight: 3"), tensor));
    }

    [Fact]
    public void A_filter_is_no_pattern_and_knows_case()
    {
        string text = Text("weight: [{ filter: m.p, value: 1 }, { filter: 'MLP', value: 2 }, { filter: 'm*', value: 3 }, { value: 4 }]");
        Assert.Equal(4, Weight(text, "mlp"));
        Assert.Equal(1, Weight(text, "am.p"));
    }

    [Fact]
    public void A_filter_may_have_a_gradient_and_one_needs_no_list()
    {
        Assert.Equal(2, Weight(Text("weight: [{ filter: mlp, value: [1, 3] }, { value: 9 }]"), "mlp", 0.5));
        Assert.Equal(2, Weight(Text("weight: { filter: mlp, value: [1, 3] }", "weight: 9"), "mlp", 0.5));
        Assert.Equal(9, Weight(Text("weight: { filter: mlp, value: [1, 3] }", "weight: 9"), "attn", 0.5));
    }

    /// <summary>For any scopes that speak, with or without a filter that matches: the narrowest that has a value.</summary>
    [Fact]
    public void The_narrowest_scope_that_has_a_value_counts()
    {
        // 0: silent; 1: an empty list; 2: a filter that does not match; 3: one that does; 4: a value for all.
        Gen<int[]> scopes = Gen.Choose(0, 4).ArrayOf(4);
        Check.One(s_settings, Prop.ForAll(scopes.ToArbitrary(), kinds =>
        {
            string[] texts = [.. kinds.Select((kind, i) => kind switch
            {
                0 => "",
                1 => "weight: []",
                2 => $"weight: {{ filter: attn, value: {i + 10} }}",
                3 => $"weight: [{{ filter: attn, value: 99 }}, {{ filter: mlp, value: {i + 1} }}]",
                _ => $"weight: {i + 1}",
            })];
            string text = Text(model: texts[0], slice: texts[1], module: texts[2], recipe: texts[3]);
            int first = Array.FindIndex(kinds, k => k >= 3);
            if (first >= 0) Assert.Equal(first + 1, Weight(text, "x.mlp.y"));
            else if (kinds.Contains(2)) Assert.EndsWith("'task_arithmetic' needs 'weight' for 'models/a', and nothing gives it at 'x.mlp.y'.", Assert.Throws<YamlException>(() => Weight(text, "x.mlp.y")).Message, StringComparison.Ordinal);
            else Assert.EndsWith("'task_arithmetic' needs 'weight' for 'models/a', and nothing gives it.", RecipeText.ErrorOf(text), StringComparison.Ordinal);
        }));
    }

    [Fact]
    public void Without_a_word_the_default_of_the_method_holds()
    {
        TensorParameters parameters = At(Text("weight: 1"), "x", 0.5);
        Assert.Equal(1, parameters.Number("lambda"));
        Assert.False(parameters.Flag("normalize"));
        Assert.Equal([1], parameters.Models);
    }

    /// <summary>Layer 3 of the input may be layer 1 of the output.</summary>
    [Fact]
    public void Parameters_of_a_model_see_its_own_names_and_shared_ones_those_of_the_output()
    {
        string text = Text("weight: [{ filter: layers.3., value: 1 }, { value: 2 }]", "lambda: [{ filter: layers.3., value: 3 }, { value: 4 }]");
        TensorParameters parameters = At(text, "layers.1.x", 0, "layers.3.x");
        Assert.Equal((1, 4), (parameters.Number("weight", 1), parameters.Number("lambda")));
        parameters = At(text, "layers.3.x", 0, "layers.1.x");
        Assert.Equal((2, 3), (parameters.Number("weight", 1), parameters.Number("lambda")));
    }

    [Fact]
    public void Asking_for_what_is_not_there_is_a_mistake_of_the_caller()
    {
        TensorParameters parameters = At(Text("weight: 1"), "x", 0);
        Assert.Throws<ArgumentException>(() => parameters.Number("weight", 0));
        Assert.Throws<ArgumentException>(() => parameters.Number("weigth", 1));
        Assert.Throws<ArgumentException>(() => parameters.Number("normalize"));
        ParameterScopes scopes = RecipeText.ReadSlice(Text("weight: 1")).Parameters;
        Assert.Throws<ArgumentException>(() => scopes.Number("normalize", "x", 0));
        Assert.False(scopes.Flag("normalize", "x", 0));
        Assert.Equal(1, scopes.Number("lambda", "x", 0));
    }
}
