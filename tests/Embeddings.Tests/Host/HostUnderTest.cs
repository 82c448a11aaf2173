using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using MergeEngine.Embeddings.Tests.Support;
using MergeEngine.Samples.TextHost;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;

namespace MergeEngine.Embeddings.Tests.Host;

/// <summary>The sample on a loopback port that the system chose, and a client of it.</summary>
internal sealed class HostUnderTest : IAsyncDisposable
{
    private readonly WebApplication _application;

    private HostUnderTest(WebApplication application, HttpClient client)
    {
        _application = application;
        Client = client;
    }

    public HttpClient Client { get; }

    public static string[] Settings(TinyTextModel files) =>
        [$"--Model={files.Base}", $"--Tasks:first={files.Tuned[0]}", $"--Tasks:second={files.Tuned[1]}", $"--Head={files.Head}", "--Labels:0=bad", "--Labels:1=fair", "--Labels:2=good", "--Threads=1"];

    public static async Task<HostUnderTest> StartAsync(params string[] settings)
    {
        WebApplication application = TextHostApplication.Build([.. settings, "--urls=http://127.0.0.1:0", "--Logging:LogLevel:Default=Warning"]);
        await application.StartAsync();
        string address = application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        return new HostUnderTest(application, new HttpClient { BaseAddress = new Uri(address) });
    }

    public async Task SetAsync(float first, float second)
    {
        using HttpResponseMessage response = await Client.PutAsync("/coefficients", JsonContent.Create(new Dictionary<string, float> { ["first"] = first, ["second"] = second }));
        response.EnsureSuccessStatusCode();
    }

    /// <summary>The body of an answer as it came: JSON writes a float with as many digits as tell it from every other, so that equal bodies are equal bits.</summary>
    public async Task<byte[]> PostAsync(string path, byte[] json)
    {
        using var content = new ByteArrayContent(json);
        content.Headers.ContentType = new("application/json");
        using HttpResponseMessage response = await Client.PostAsync(path, content);
        byte[] body = await response.Content.ReadAsByteArrayAsync();
        return response.IsSuccessStatusCode ? body
            : throw new HttpRequestException(string.Create(CultureInfo.InvariantCulture, $"{(int)response.StatusCode}: {Encoding.UTF8.GetString(body)}"), null, response.StatusCode);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _application.DisposeAsync();
    }
}
