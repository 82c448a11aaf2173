using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Tests.Methods;

/// <summary>Each refusal is one sentence that says what was found and what was expected.</summary>
public sealed class BadInputTests
{
    [Fact]
    public void Numbers_outside_their_range_are_refused()
    {
        Refused("The kept share ρ of a trust region is 1.5, expected a number from 0 to 1.", () => new TrustRegion(1.5));
        Refused("The kept share ρ of a trust region is -0.1, expected a number from 0 to 1.", () => new TrustRegion(-0.1));
        Refused("The kept share ρ of a trust region is NaN, expected a number from 0 to 1.", () => new TrustRegion(double.NaN));
        Refused("The density of TIES is 0, expected a number above 0 and at most 1.", () => new Ties(0));
        Refused("The density of TIES is 1.01, expected a number above 0 and at most 1.", () => new Ties(1.01));
        Refused("The density of TIES is NaN, expected a number above 0 and at most 1.", () => new Ties(double.NaN));
        Refused("A coefficient λ is NaN, expected a finite number.", () => new Ties(0.2, double.NaN));
        Refused("A coefficient λ is NaN, expected a finite number.", () => new TaskArithmetic(double.NaN));
        Refused("A coefficient λ is Infinity, expected a finite number.", () => new Coefficients(0.1, double.PositiveInfinity));
        Refused("No coefficient λ was given: expected one for all tasks, or one for each.", () => new Coefficients());
        Refused("A weight is NaN, expected a finite number.", () => new WeightAveraging(1, double.NaN));
        Refused("The weights add up to 0, and a weighted mean divides by their sum.", () => new WeightAveraging(1, -1));
    }

    [Fact]
    public void Merges_that_lack_something_are_refused_before_any_weight_is_read()
    {
        using var models = new RandomModels(1, tasks: 3);
        Refused("'ties' was given no task vectors: a merge needs at least one.", () => InMemoryMerge.Run(new Ties(), models.Base, [], models.Base));
        Refused("2 coefficients λ were given for 3 task vectors: expected one for all, or one for each.", () => models.MergeToHost(new TaskArithmetic(new Coefficients(1, 2))));
        Refused("2 weights were given for 3 models: expected one for each, or none.", () => models.MergeToHost(new WeightAveraging(1, 2)));
        Refused(
            "'tatr' needs the mean absolute gradient of every task, and none were given.",
            () => models.MergeToHost(new Tatr(new TrustRegion(0.9), 1), gradients: false));
        Refused(
            "'tatr-ties' needs the mean absolute gradient of every task, and none were given.",
            () => models.MergeToHost(new InTrustRegion(new TrustRegion(0.9), new Ties()), gradients: false));
        Refused("1 gradients were given for 3 task vectors.", () => InMemoryMerge.Run(new Ties(), models.Base, models.Vectors, models.Base, [models.Gradients[0]]));
        Refused("No models were given: task vectors need at least one beside the base.", () => TaskVectors.FromModels("base", models.Base, []));
        Refused("Two models are called 'a'.", () => TaskVectors.FromModels("base", models.Base, [new("a", models.Base), new("a", models.Base)]));
    }

    [Fact]
    public void Models_that_do_not_fit_are_refused_with_every_difference()
    {
        using Device device = Device.Open("cpu", 1);
        using var origin = Vector(device, ("a", [2, 3]), ("b", [4]), ("c", [1]));
        using var first = Vector(device, ("a", [3, 2]), ("b", [4]), ("c", [1]));
        using var second = Vector(device, ("a", [2, 3]), ("c", [1]), ("d", [5]));
        Refused(
            "The models do not fit the base 'pre-trained': in 'first' 'a' is [3, 2], expected [2, 3]; in 'second' 'b' [4] is missing; in 'second' 'd' [5] is not expected.",
            () => TaskVectors.FromModels("pre-trained", origin, [new("first", first), new("second", second)]));
    }

    internal static void Refused(string sentence, Action action)
    {
        var refusal = Assert.ThrowsAny<ArgumentException>(action);
        Assert.Equal(sentence, refusal.Message.Split(" (Parameter '")[0]);
    }

    internal static void Refused(string sentence, Func<object> action) => Refused(sentence, () => { _ = action(); });

    private static ParameterVector Vector(Device device, params (string Name, Shape Shape)[] shapes) =>
        new(device, new ParameterLayout(shapes.Select(s => KeyValuePair.Create(s.Name, s.Shape))));
}
