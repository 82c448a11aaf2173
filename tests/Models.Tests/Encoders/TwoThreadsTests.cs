using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Tests.Encoders;

/// <summary>An encoder has one batch's activations: a second thread is refused, where it would have got results of a mixture of both.</summary>
public sealed class TwoThreadsTests
{
    [Fact]
    public void A_second_thread_is_refused_while_the_first_is_at_work_and_served_afterwards()
    {
        using var model = new RandomModel("cpu", 1, batch: 2);
        using var gradients = new ParameterVector(model.Device, model.Encoder.Layout);
        double expected = model.Loss(model.Encoder.Parameters);
        Matrix features = default;
        Action[] passes =
        [
            () => model.Loss(model.Encoder.Parameters),
            () => model.Encoder.Backward(model.Encoder.Parameters, gradients, features, GradientReduction.Sum),
            () => ((Encoder)model.Encoder).Backward(model.Encoder.Parameters, gradients, features, GradientReduction.Sum),
            () => model.Encoder.Run(model, static m => m.Encoder.Forward(m.Encoder.Parameters, m.Batch, keepForBackward: false)),
        ];
        foreach (Action pass in passes)
        {
            Exception? refused = null;
            features = model.Encoder.Forward(model.Encoder.Parameters, model.Batch, keepForBackward: true);
            model.Encoder.Run((pass, refuse: (Action<Exception?>)(e => refused = e)), static s => s.refuse(OnAnotherThread(s.pass)));
            Assert.StartsWith("This encoder is in use by another thread: ", Assert.IsType<InvalidOperationException>(refused).Message, StringComparison.Ordinal);
            Assert.Null(OnAnotherThread(pass));
        }

        Assert.Equal(expected, model.Loss(model.Encoder.Parameters));
    }

    /// <summary>The way out of a failure is a way out of the use, too.</summary>
    [Fact]
    public void A_pass_that_fails_leaves_the_encoder_to_others()
    {
        using var model = new RandomModel("cpu", 2, batch: 1);
        using var gradients = new ParameterVector(model.Device, model.Encoder.Layout);
        Matrix features = model.Encoder.Forward(model.Encoder.Parameters, model.Batch, keepForBackward: false);
        Assert.Throws<InvalidOperationException>(() => model.Encoder.Backward(model.Encoder.Parameters, gradients, features, GradientReduction.Sum));
        Assert.Null(OnAnotherThread(() => model.Loss(model.Encoder.Parameters)));
    }

    [Fact]
    public void A_thread_may_ask_for_what_it_has()
    {
        using var model = new RandomModel("cpu", 3, batch: 1);
        using (model.Encoder.Use())
        {
            using (model.Encoder.Use()) model.Loss(model.Encoder.Parameters);
            Assert.IsType<InvalidOperationException>(OnAnotherThread(() => model.Loss(model.Encoder.Parameters)));
        }

        Assert.Null(OnAnotherThread(() => model.Loss(model.Encoder.Parameters)));
    }

    private static Exception? OnAnotherThread(Action work)
    {
        Exception? thrown = null;
        var thread = new Thread(() => thrown = Record.Exception(work));
        thread.Start();
        thread.Join();
        return thrown;
    }
}
