using System.Net;
using System.Text;
using System.Text.Json;
using MergeEngine.Embeddings.Tests.Support;
using MergeEngine.Models;
using MergeEngine.Samples.TextHost;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Embeddings.Tests.Host;

/// <summary>The sample service over HTTP: what it answers, and what it refuses.</summary>
public sealed class EndpointTests : IDisposable
{
    private readonly TinyTextModel _files = new();

    [Fact]
    public async Task It_embeds_classifies_and_mixes_anew()
    {
        await using HostUnderTest host = await HostUnderTest.StartAsync(HostUnderTest.Settings(_files));
        Assert.Equal("""{"first":0.3,"second":0.3}""", await host.Client.GetStringAsync("/coefficients"));

        byte[] texts = """{"texts":["good film","it was a sad text"]}"""u8.ToArray();
        byte[] before = await host.PostAsync("/embed", texts);
        using JsonDocument embedded = JsonDocument.Parse(before);
        JsonElement rows = embedded.RootElement.GetProperty("embeddings");
        Assert.Equal(2, rows.GetArrayLength());
        foreach (JsonElement row in rows.EnumerateArray())
        {
            Assert.Equal(24, row.GetArrayLength());
            Assert.Equal(1, row.EnumerateArray().Sum(x => Math.Pow(x.GetSingle(), 2)), 24 * 6e-8);
        }

        using JsonDocument classified = JsonDocument.Parse(await host.PostAsync("/classify", """{"text":"good film"}"""u8.ToArray()));
        float[] logits = [.. classified.RootElement.GetProperty("logits").EnumerateArray().Select(x => x.GetSingle())];
        Assert.Equal(new[] { "bad", "fair", "good" }[Array.IndexOf(logits, logits.Max())], classified.RootElement.GetProperty("label").GetString());

        await host.SetAsync(-1, 0.5f);
        Assert.Equal("""{"first":-1,"second":0.5}""", await host.Client.GetStringAsync("/coefficients"));
        Assert.NotEqual(before, await host.PostAsync("/embed", texts));
        await host.SetAsync(0.3f, 0.3f);
        Assert.Equal(before, await host.PostAsync("/embed", texts));
    }

    [Theory]
    [InlineData("""{"first":1}""", "There are coefficients of 'first', expected those of 'first', 'second'.")]
    [InlineData("""{"first":1,"third":2}""", "There are coefficients of 'first', 'third', expected those of 'first', 'second'.")]
    [InlineData("""{"first":1,"second":1e20}""", "The coefficient of 'second' is 1E+20, expected a number from -100 to 100.")]
    [InlineData("""{"first":-101,"second":0}""", "The coefficient of 'first' is -101, expected a number from -100 to 100.")]
    [InlineData("{}", "There are coefficients of no task, expected those of 'first', 'second'.")]
    public async Task Coefficients_that_are_not_one_for_each_task_are_refused_and_nothing_changes(string json, string message)
    {
        await using HostUnderTest host = await HostUnderTest.StartAsync(HostUnderTest.Settings(_files));
        using HttpResponseMessage response = await host.Client.PutAsync("/coefficients", new StringContent(json, Encoding.UTF8, "application/json"));
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        using JsonDocument answer = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync());
        Assert.Equal(message, answer.RootElement.GetProperty("error").GetString());
        Assert.Equal("""{"first":0.3,"second":0.3}""", await host.Client.GetStringAsync("/coefficients"));
    }

    [Theory]
    [InlineData("/embed", "{}", "The body is wrong at $, line 1, byte ")]
    [InlineData("/embed", """{"texts":7}""", "The body is wrong at $.texts, line 1, byte 11: ")]
    [InlineData("/embed", """{"texts":""", "The body is wrong at $.texts, line 1, byte 10: Expected ")]
    [InlineData("/embed", "", "")]
    [InlineData("/embed", """{"texts":["a",null]}""", "Text 1 is null, expected a string.")]
    [InlineData("/classify", """{"text":null}""", "The body is wrong at $")]
    [InlineData("/classify", "{", "The body is wrong at $, line 1, byte 2: Expected ")]
    public async Task Requests_that_make_no_sense_are_bad_requests(string path, string json, string message)
    {
        await using HostUnderTest host = await HostUnderTest.StartAsync(HostUnderTest.Settings(_files));
        HttpRequestException e = await Assert.ThrowsAsync<HttpRequestException>(() => host.PostAsync(path, Encoding.UTF8.GetBytes(json)));
        Assert.Equal(HttpStatusCode.BadRequest, e.StatusCode);
        Assert.StartsWith($"400: {{\"error\":\"{message}", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_of_more_than_a_megabyte_is_refused()
    {
        await using HostUnderTest host = await HostUnderTest.StartAsync(HostUnderTest.Settings(_files));
        // The body waits for leave, or its end might meet a connection that the refusal has closed.
        using var patient = new HttpClient(new SocketsHttpHandler { Expect100ContinueTimeout = TimeSpan.FromMinutes(1) }) { BaseAddress = host.Client.BaseAddress };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/classify") { Headers = { ExpectContinue = true } };
        request.Content = new StringContent($$"""{"text":"{{new string('a', 1 << 20)}}"}""", Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await patient.SendAsync(request);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
    }

    [Fact]
    public async Task An_answer_that_is_no_number_is_an_error_with_its_reason()
    {
        float[] weights = new float[3 * 24];
        weights[30] = float.NaN;
        SafetensorsWriter.Write(_files.Head, [TensorContent.FromFloat32("weight", [3, 24], weights)]);
        await using HostUnderTest host = await HostUnderTest.StartAsync(HostUnderTest.Settings(_files));
        HttpRequestException e = await Assert.ThrowsAsync<HttpRequestException>(() => host.PostAsync("/classify", """{"text":"good film"}"""u8.ToArray()));
        Assert.Equal(HttpStatusCode.InternalServerError, e.StatusCode);
        Assert.Contains("\"error\":\"The answer has values that are not numbers", e.Message, StringComparison.Ordinal);
        // What does not go through the head is answered.
        await host.PostAsync("/embed", """{"texts":["good film"]}"""u8.ToArray());
    }

    [Theory]
    [InlineData(100)]
    [InlineData(-100)]
    public async Task The_largest_coefficients_give_answers_and_sane_ones_heal(float coefficient)
    {
        await using HostUnderTest host = await HostUnderTest.StartAsync(HostUnderTest.Settings(_files));
        byte[] text = """{"text":"good film"}"""u8.ToArray(), before = await host.PostAsync("/classify", text);
        await host.SetAsync(coefficient, coefficient);
        Assert.NotEqual(before, await host.PostAsync("/classify", text));
        await host.SetAsync(0.3f, 0.3f);
        Assert.Equal(before, await host.PostAsync("/classify", text));
    }

    [Fact]
    public async Task Without_a_head_it_embeds_and_refuses_to_classify()
    {
        await using HostUnderTest host = await HostUnderTest.StartAsync($"--Model={_files.Base}", $"--Tasks:only={_files.Tuned[0]}", "--Coefficient=0.5", "--Threads=1");
        Assert.Equal("""{"only":0.5}""", await host.Client.GetStringAsync("/coefficients"));
        await host.PostAsync("/embed", """{"texts":[]}"""u8.ToArray());
        HttpRequestException e = await Assert.ThrowsAsync<HttpRequestException>(() => host.PostAsync("/classify", """{"text":"a"}"""u8.ToArray()));
        Assert.Contains("The service has no classifier, expected it to be started with --Head=FILE.", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Wrong_settings_are_told_before_anything_is_served()
    {
        Refused<ArgumentException>("No model was given, expected --Model=DIRECTORY.");
        Refused<ArgumentException>("No task was given, expected --Tasks:NAME=DIRECTORY for each model that was fine-tuned from the base.", $"--Model={_files.Base}");
        Refused<ArgumentException>("The coefficient of 'a' is 1E+20, expected a number from -100 to 100.", $"--Model={_files.Base}", "--Tasks:a=b", "--Coefficient=1e20");
        Refused<ArgumentException>("Threads is 'many', expected a number.", $"--Model={_files.Base}", "--Tasks:a=b", "--Threads=many");
        Refused<ArgumentException>("2 labels were given for the 3 classes of the head, expected one for each.", [.. HostUnderTest.Settings(_files)[..^2], "--Threads=1"]);
        Refused<ModelException>($"{_files.Root}: holds no tokenizer", $"--Model={WithoutTokenizer()}", $"--Tasks:a={_files.Tuned[0]}");
    }

    public void Dispose() => _files.Dispose();

    private static void Refused<TException>(string message, params string[] settings)
        where TException : Exception
    {
        var e = Assert.Throws<TException>(() => { TextHostApplication.Build(settings); });
        Assert.Contains(message.Split(": ")[^1], e.Message, StringComparison.Ordinal);
    }

    private string WithoutTokenizer()
    {
        File.Delete(Path.Combine(_files.Base, "vocab.txt"));
        return _files.Base;
    }
}
