using System.Text.Json;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Commands;

public sealed class TuneTests : IDisposable
{
    private static readonly string Base = Repository.Fixture("vit-hf");
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Tuning_lowers_the_loss_and_the_model_loads_again()
    {
        string data = Dataset();
        double before = Loss(Base, data);
        JsonElement report = Tune("tuned", data, "--epochs", "30", "--learning-rate", "1e-3", "--json").Json();
        Assert.Equal(30, report.GetProperty("steps").GetInt32());
        Assert.Equal(30 * 12, report.GetProperty("examples").GetInt32());
        Assert.Equal(30, report.GetProperty("epoch_losses").GetArrayLength());
        // Twelve samples and sixty-five thousand parameters: it must learn them by heart.
        double after = Loss(directory["tuned"], data);
        Assert.True(after < before / 4, $"loss {before} before, {after} after");
        Assert.True(File.Exists(directory["tuned/config.json"]));
    }

    [Fact]
    public void A_profile_tells_where_the_time_of_the_steps_went()
    {
        string data = Dataset();
        JsonElement report = Tune("profiled", data, "--epochs", "2", "--batch-size", "6", "--profile", "--json").Json();
        Assert.Equal(4, report.GetProperty("steps").GetInt32());
        JsonElement[] operations = [.. report.GetProperty("profile").GetProperty("operations").EnumerateArray()];
        // Two updates an epoch, of the encoder and of its own classifier, and nothing that loading or scoring did.
        Assert.Equal(4 * 2, operations.Single(o => o.GetProperty("name").GetString() == "Adam").GetProperty("calls").GetInt32());
        Assert.DoesNotContain(operations, o => o.GetProperty("name").GetString() == "ArgMax");
        Assert.False(Tune("plain", data, "--epochs", "2", "--batch-size", "6", "--json").Json().TryGetProperty("profile", out _));
        Assert.Equal(Weights("plain"), Weights("profiled"));
    }

    [Fact]
    public void The_same_seed_gives_the_same_bits_with_any_number_of_threads()
    {
        string data = Dataset();
        string[] options = ["--epochs", "3", "--batch-size", "5", "--shift", "1", "--learning-rate", "1e-3"];
        Tune("a", data, [.. options, "--seed", "3", "--threads", "1"]);
        Tune("b", data, [.. options, "--seed", "3", "--threads", "3"]);
        Tune("c", data, [.. options, "--seed", "4"]);
        Assert.Equal(Weights("a"), Weights("b"));
        Assert.NotEqual(Weights("a"), Weights("c"));
    }

    [Fact]
    public void A_head_is_trained_alone_and_written()
    {
        string data = Dataset();
        Tune("probe", data, "--epochs", "40", "--learning-rate", "1e-2", "--head-out", directory["head.safetensors"], "--freeze-encoder");
        using SafetensorsFile original = SafetensorsFile.Open(Repository.Fixture("vit-hf", "model.safetensors")), probe = SafetensorsFile.Open(directory["probe/model.safetensors"]);
        Assert.All(original.Tensors, tensor => Assert.Equal(original.GetSpan(tensor.Name), probe.GetSpan(tensor.Name)));
        double loss = MergeEngineProcess.Run("evaluate", directory["probe"], data, "--split", "train", "--head", directory["head.safetensors"], "--json").Succeeded().Json().GetProperty("loss").GetDouble();
        Assert.True(loss < Math.Log(10), $"loss {loss}, {Math.Log(10)} is chance");
    }

    /// <summary>
    /// Else an encoder that was pre-trained with the same seed would fit a head that is called random. Steps of 1e-30 change no weight, so both heads are written as they began.
    /// </summary>
    [Fact]
    public void A_new_head_is_independent_of_what_a_pretraining_of_that_task_and_seed_begins_with()
    {
        const int Classes = 10, Width = 64;
        var random = new Random(1);
        float[] images = [.. Enumerable.Range(0, Classes * 64).Select(_ => random.NextSingle())];
        int[] labels = [.. Enumerable.Range(0, Classes)];
        string data = directory["data.safetensors"], head = directory["head.safetensors"];
        SafetensorsWriter.Write(data, new[] { "train", "test" }.SelectMany(split => new[]
        {
            TensorContent.FromFloat32($"{split}.images", new Shape(Classes, 1, 8, 8), images),
            TensorContent.FromInt32($"{split}.labels", new Shape(Classes), labels),
        }));
        string file = directory.Write("pretrain.yml", $$"""
            model: { image: 8, channels: 1, patch: 4, width: {{Width}}, layers: 1, heads: 2, mlp: 16 }
            tasks: [{ data: data.safetensors }]
            tuning: { learning_rate: 1.0e-30, batch_size: 10, epochs: 1 }
            """);
        MergeEngineProcess.Run("pretrain", file, directory["base"]).Succeeded();
        MergeEngineProcess.Run("tune", directory["base"], data, directory["tuned"], "--head-out", head, "--steps", "1", "--learning-rate", "1e-30").Succeeded();
        using SafetensorsFile pretrained = SafetensorsFile.Open(directory["base/heads.safetensors"]), tuned = SafetensorsFile.Open(head);
        float[] first = pretrained.ReadFloat32("data.weight"), second = tuned.ReadFloat32("weight");
        Assert.Equal(Classes * Width, second.Length);
        double Dot(float[] a, float[] b) => a.Zip(b, (x, y) => (double)x * y).Sum();
        // Of independent normal values the cosine has a standard deviation of 1/√640 = 0.04: five of them.
        Assert.InRange(Dot(first, second) / Math.Sqrt(Dot(first, first) * Dot(second, second)), -0.2, 0.2);
        // Both have weights of variance 1/width, whose mean square has a relative standard deviation of √(2/640) = 0.056.
        Assert.All([first, second], values => Assert.InRange(Dot(values, values) / Classes, 0.72, 1.28));
    }

    [Fact]
    public void A_given_head_stays_as_it_is()
    {
        string data = Dataset(), head = directory["head.safetensors"];
        Tune("first", data, "--epochs", "1", "--head-out", head, "--freeze-encoder");
        byte[] bytes = File.ReadAllBytes(head);
        Tune("second", data, "--epochs", "1", "--head", head);
        Assert.Equal(bytes, File.ReadAllBytes(head));
        Assert.NotEqual(Weights("first"), Weights("second"));
    }

    [Fact]
    public void A_directory_that_holds_something_is_left_alone()
    {
        Directory.CreateDirectory(directory["taken"]);
        directory.Write("taken/thesis.txt", "years of work");
        MergeEngineProcess.Run("tune", Base, Dataset(), directory["taken"], "--epochs", "1").Refused(1, "taken", "--overwrite");
        Tune("taken", Dataset(), "--epochs", "1", "--overwrite");
        Assert.Equal("years of work", File.ReadAllText(directory["taken/thesis.txt"]));
        Assert.True(File.Exists(directory["taken/model.safetensors"]));
    }

    [Fact]
    public void A_head_replaces_no_input_and_no_file_unasked()
    {
        Directory.CreateDirectory(directory["list"]);
        string data = Dataset(), taken = directory.Write("taken.safetensors", "years of work"), list = directory.Write("list/train.csv", "file,label\n1.png,a\n");
        byte[] bytes = File.ReadAllBytes(data);
        MergeEngineProcess.Run("tune", Base, data, directory["tuned"], "--head-out", data, "--overwrite").Refused(1, "data.safetensors: is an input of this command");
        MergeEngineProcess.Run("tune", Base, directory["list/{split}.csv"], directory["tuned"], "--head-out", list, "--overwrite").Refused(1, "train.csv: is an input of this command");
        MergeEngineProcess.Run("tune", Base, data, directory["tuned"], "--head", taken, "--head-out", taken, "--overwrite").Refused(1, "taken.safetensors: is an input of this command");
        MergeEngineProcess.Run("tune", Base, data, directory["tuned"], "--head-out", taken).Refused(1, "taken.safetensors: exists already; --overwrite replaces it");
        MergeEngineProcess.Run("tune", Base, data, directory["one.safetensors"], "--head-out", directory["one.safetensors"]).Refused(2, "one.safetensors: is OUT");
        Assert.Equal(bytes, File.ReadAllBytes(data));
        Assert.Equal("years of work", File.ReadAllText(taken));
        Assert.False(Directory.Exists(directory["tuned"]));
        Tune("tuned", data, "--epochs", "1", "--head-out", taken, "--overwrite");
        using SafetensorsFile head = SafetensorsFile.Open(taken);
        Assert.True(head.TryGet("weight", out _));
    }

    [Theory]
    [InlineData("--learning-rate", "-1")]
    [InlineData("--learning-rate", "fast")]
    [InlineData("--weight-decay", "NaN")]
    [InlineData("--momentum", "1")]
    [InlineData("--clip", "inf")]
    [InlineData("--epochs", "0")]
    [InlineData("--optimizer", "lion")]
    [InlineData("--threads", "0")]
    public void A_hyperparameter_out_of_range_is_a_usage_error(string option, string value)
    {
        Outcome outcome = MergeEngineProcess.Run("tune", Base, Dataset(), directory["tuned"], option, value);
        Assert.Equal(2, outcome.Code);
        Assert.StartsWith($"merge-engine: {option} is '{value}', expected ", outcome.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(directory["tuned"]));
    }

    [Fact]
    public void Labels_beyond_the_head_get_one_sentence()
    {
        string data = directory["bad.safetensors"];
        SafetensorsWriter.Write(data, [TensorContent.FromFloat32("train.images", new Shape(2, 1, 28, 28), new float[2 * 28 * 28]), TensorContent.FromInt32("train.labels", new Shape(2), new[] { 3, 11 })]);
        MergeEngineProcess.Run("tune", Base, data, directory["tuned"], "--epochs", "1").Refused(1, "bad.safetensors", "label 11 of sample 1");
    }

    [Fact]
    public void Training_that_diverges_fails_and_writes_nothing()
    {
        MergeEngineProcess.Run("tune", Base, Dataset(), directory["tuned"], "--steps", "3", "--learning-rate", "1e30").Refused(1, "data.safetensors", "from step 2 on");
        Assert.False(Directory.Exists(directory["tuned"]));
    }

    [Fact]
    public void A_last_step_that_makes_the_weights_infinite_writes_nothing()
    {
        MergeEngineProcess.Run("tune", Base, Dataset(), directory["tuned"], "--steps", "1", "--learning-rate", "1e60").Refused(1, "data.safetensors", "weights that are not numbers");
        Assert.False(Directory.Exists(directory["tuned"]));
    }

    [Fact]
    public void A_last_step_that_makes_the_head_infinite_writes_nothing()
    {
        MergeEngineProcess.Run("tune", Base, Dataset(), directory["tuned"], "--head-out", directory["head.safetensors"], "--freeze-encoder", "--steps", "1", "--learning-rate", "1e60")
            .Refused(1, "data.safetensors, head: the last step made weights that are not numbers");
        Assert.False(Directory.Exists(directory["tuned"]) || File.Exists(directory["head.safetensors"]));
    }

    [Fact]
    public void A_model_with_NaN_is_not_scored_and_gets_no_gradient()
    {
        Directory.CreateDirectory(directory["nan"]);
        File.Copy(Path.Combine(Base, "config.json"), directory["nan/config.json"]);
        using (SafetensorsFile good = SafetensorsFile.Open(Path.Combine(Base, "model.safetensors")))
        {
            SafetensorsWriter.Write(directory["nan/model.safetensors"], [.. good.Tensors.Select(t =>
            {
                float[] values = good.ReadFloat32(t.Name);
                if (t.Name.EndsWith("classifier.bias", StringComparison.Ordinal)) values[0] = float.NaN;
                return TensorContent.FromFloat32(t.Name, t.Shape, values);
            })]);
        }

        string data = Dataset();
        MergeEngineProcess.Run("evaluate", directory["nan"], data, "--split", "train").Refused(1, "nan", "is not a number");
        MergeEngineProcess.Run("gradients", directory["nan"], data, directory["g.safetensors"], "--reduction", "mean").Refused(1, "nan", "is not a number");
        Assert.False(File.Exists(directory["g.safetensors"]));
    }

    [Fact]
    public void Evaluation_says_accuracy_and_loss()
    {
        string text = MergeEngineProcess.Run("evaluate", Base, Dataset(), "--split", "train").Succeeded().Output;
        Assert.Matches(@"^data train: accuracy \d+\.\d\d % \(\d+ of 12\), loss \d+\.\d{4}\n$", text);
        // The loss of the fixture, which PyTorch computed in float64.
        using SafetensorsFile reference = SafetensorsFile.Open(Repository.Fixture("vit-hf", "case.safetensors"));
        Assert.Equal(reference.ReadFloat32("loss")[0], Loss(Base, Dataset()), 1e-5);
    }

    private Outcome Tune(string output, string data, params string[] options) => MergeEngineProcess.Run(["tune", Base, data, directory[output], .. options]).Succeeded();

    private static double Loss(string model, string data) =>
        MergeEngineProcess.Run("evaluate", model, data, "--split", "train", "--json").Succeeded().Json().GetProperty("loss").GetDouble();

    private byte[] Weights(string model) => File.ReadAllBytes(directory[$"{model}/model.safetensors"]);

    /// <summary>The images of a case as the training split of a dataset.</summary>
    private string Dataset()
    {
        using SafetensorsFile reference = SafetensorsFile.Open(Repository.Fixture("vit-hf", "case.safetensors"));
        SafetensorsWriter.Write(
            directory["data.safetensors"],
            [
                TensorContent.FromFloat32("train.images", reference["images"].Shape, reference.ReadFloat32("images")),
                TensorContent.FromInt32("train.labels", reference["labels"].Shape, reference.ReadInt32("labels")),
            ]);
        return directory["data.safetensors"];
    }
}
