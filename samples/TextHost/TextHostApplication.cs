using MergeEngine.Embeddings;
using Microsoft.Extensions.AI;

namespace MergeEngine.Samples.TextHost;

/// <summary>Puts model and endpoints into a web application.</summary>
public static class TextHostApplication
{
    /// <summary>Bytes of the largest request: its texts are all tokenized before the first is answered, in many times the memory where they are short.</summary>
    private const long LargestRequest = 1 << 20;

    /// <summary>Loads the model, so that what is wrong with it is known before the first request.</summary>
    /// <param name="args">Settings as <c>--Name=value</c>; see <see cref="HostSettings"/>.</param>
    public static WebApplication Build(string[] args)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
        builder.WebHost.ConfigureKestrel(options => options.Limits.MaxRequestBodySize = LargestRequest);
        // A line for every request would cost more than the request.
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.Services.ConfigureHttpJsonOptions(options =>
        {
            options.SerializerOptions.TypeInfoResolverChain.Insert(0, Messages.Default);
            // The options of the application count here, not those that the messages were made with.
            options.SerializerOptions.RespectNullableAnnotations = options.SerializerOptions.RespectRequiredConstructorParameters = true;
        });
        // A body that cannot be read is answered below, with its reason.
        builder.Services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        HostSettings settings = HostSettings.Read(builder.Configuration);
        builder.Services.AddSingleton(_ => ServedModel.Load(settings));
        builder.Services.AddSingleton<IEmbeddingGenerator<string, Embedding<float>>>(
            services => new TextEmbeddingGenerator(services.GetRequiredService<ServedModel>().Texts, settings.ModelName));
        WebApplication application = builder.Build();
        application.Services.GetRequiredService<ServedModel>();
        application.Use(Endpoints.SayWhatIsUnreadableAsync);
        Endpoints.Map(application);
        return application;
    }
}
