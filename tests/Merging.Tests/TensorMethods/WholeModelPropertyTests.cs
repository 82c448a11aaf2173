using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors;
using MergeEngine.Tests.Support;
using static MergeEngine.Merging.Tests.TensorMethods.WholeModelCases;

namespace MergeEngine.Merging.Tests.TensorMethods;

/// <summary>What must hold of methods that look at whole models, and of what is published for one tensor at a time.</summary>
public sealed class WholeModelPropertyTests
{
    public static TheoryData<string> Recipes => [.. WholeModelCases.Recipes.Keys];

    public static TheoryData<string, string> RecipesOnDevices => new(from m in WholeModelCases.Recipes.Keys from d in DeviceCases.Kinds select (m, d));

    [Theory]
    [MemberData(nameof(RecipesOnDevices))]
    public void Chunks_and_devices_do_not_show_in_the_bits(string recipe, string device)
    {
        using Device opened = DeviceCases.Open(device, 3), reference = Device.Open("reference");
        for (int seed = 0; seed < 6; seed++)
        {
            WholeTensor[] model = Draw(seed, 1 + (seed % 4));
            float[] whole = Run(recipe, reference, model);
            Equal(whole, Run(recipe, opened, model, cuts: new Random(seed)));
            Equal(whole, Run(recipe, opened, model));
        }
    }

    [Theory]
    [MemberData(nameof(Recipes))]
    public void One_model_of_the_base_itself_gives_the_base_bit_for_bit(string recipe)
    {
        using Device device = DeviceCases.Open("cpu", 2);
        WholeTensor[] model = [.. Draw(1, 3).Select(t => t with { Inputs = [.. t.Inputs.Select(_ => t.Inputs[0])] })];
        Equal(Origin(model), Run(recipe, device, model));
    }

    [Theory]
    [MemberData(nameof(Recipes))]
    public void A_lambda_of_zero_gives_the_base_bit_for_bit(string recipe)
    {
        if (recipe is "lines" or "fisher") return;
        using Device device = DeviceCases.Open("cpu", 2);
        WholeTensor[] model = Draw(2, 3);
        model[0].Inputs[0][0] = -0f;
        (string text, string perModel) = WholeModelCases.Recipes[recipe];
        int at = text.IndexOf("lambda: ", StringComparison.Ordinal) + 8;
        Equal(Origin(model), Run(text[..at] + "0" + text[(at + (text[at] == '1' ? 4 : 3))..], device, model, perModel));
    }

    /// <summary>
    /// Float64 sums in another order, rounded once: a unit in the last place. The number of a task moves along; random masks belong to a place in the recipe, and what is at the threshold of competition
    /// by a rounding error has a weight or none.
    /// </summary>
    [Theory]
    [MemberData(nameof(Recipes))]
    public void The_order_of_the_models_does_not_matter(string recipe)
    {
        if (recipe == "pcb" || recipe.StartsWith("dare", StringComparison.Ordinal)) return;
        using Device device = DeviceCases.Open("cpu", 2);
        for (int seed = 0; seed < 10; seed++)
        {
            WholeTensor[] model = Draw(seed, 4);
            int[] order = [3, 1, 0, 2];
            (string text, string perModel) = WholeModelCases.Recipes[recipe];
            WholeTensor[] shuffled = [.. model.Select(t => t with
            {
                Inputs = [t.Inputs[0], .. order.Select(k => t.Inputs[k + 1])],
                Companions = [t.Companions[0], .. order.Select(k => t.Companions[k + 1])],
            })];
            float[] straight = Run(text, device, model, perModel), turned = Run(text.Replace("task: 1", "task: 3", StringComparison.Ordinal), device, shuffled, perModel, [.. order.Select(k => Weights[k])]);
            Near([.. straight.Select(x => (double)x)], turned, 2);
        }
    }
}
