using System.Numerics.Tensors;
using System.Text.Json;
using MergeEngine.Embeddings;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.AI;

namespace MergeEngine.Samples.TextHost;

/// <summary>What the service answers to.</summary>
internal static class Endpoints
{
    public static void Map(WebApplication application)
    {
        RouteGroupBuilder all = application.MapGroup("");
        all.AddEndpointFilter(SayWhatIsWrong);
        all.MapPost("/embed", EmbedAsync);
        all.MapPost("/classify", ClassifyAsync);
        all.MapGet("/coefficients", Coefficients);
        all.MapPut("/coefficients", SetCoefficients);
    }

    /// <summary>Answers a request that does not become an endpoint's arguments.</summary>
    public static async Task SayWhatIsUnreadableAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            await next(context);
        }
        catch (BadHttpRequestException e) when (!context.Response.HasStarted)
        {
            // The rest of a JSON message is the place again, counted from 0.
            string message = e.InnerException is JsonException json
                ? $"The body is wrong at {json.Path ?? "$"}, line {json.LineNumber + 1}, byte {json.BytePositionInLine + 1}: {json.Message.Split(". ")[0].TrimEnd('.')}."
                : e.Message;
            context.Response.StatusCode = e.StatusCode;
            await context.Response.WriteAsJsonAsync(new ErrorResponse(message), Messages.Default.ErrorResponse);
        }
    }

    private static async Task<Ok<EmbedResponse>> EmbedAsync(
        EmbedRequest request, IEmbeddingGenerator<string, Embedding<float>> generator, CancellationToken cancellation)
    {
        GeneratedEmbeddings<Embedding<float>> embeddings = await generator.GenerateAsync(request.Texts, cancellationToken: cancellation);
        foreach (Embedding<float> embedding in embeddings) RequireNumbers(embedding.Vector.Span);
        return TypedResults.Ok(new EmbedResponse([.. embeddings.Select(embedding => embedding.Vector)]));
    }

    private static async Task<Ok<ClassifyResponse>> ClassifyAsync(ClassifyRequest request, ServedModel model, CancellationToken cancellation)
    {
        if (model.Labels.Count == 0) throw new ArgumentException("The service has no classifier, expected it to be started with --Head=FILE.");
        TextOutput output = await model.Texts.RunAsync(request.Text, cancellation);
        RequireNumbers(output.Logits.Span);
        return TypedResults.Ok(new ClassifyResponse(model.Labels[TensorPrimitives.IndexOfMax(output.Logits.Span)], output.Logits));
    }

    private static Ok<Dictionary<string, float>> Coefficients(ServedModel model)
    {
        float[] values = new float[model.Mixture.Count];
        model.Mixture.CopyCoefficients(values);
        return TypedResults.Ok(model.Mixture.Names.Zip(values).ToDictionary(pair => pair.First, pair => pair.Second));
    }

    /// <summary>All of them at once: setting one after the other would serve mixtures that nobody asked for.</summary>
    private static NoContent SetCoefficients(Dictionary<string, float> coefficients, ServedModel model, CancellationToken cancellation)
    {
        IReadOnlyList<string> names = model.Mixture.Names;
        if (coefficients.Count != names.Count || !names.All(coefficients.ContainsKey))
            throw new ArgumentException($"There are coefficients of {Listed(coefficients.Keys)}, expected those of {Listed(names)}.");
        foreach (string name in names) HostSettings.RequireSane(name, coefficients[name]);
        model.Mixture.SetCoefficients([.. names.Select(name => coefficients[name])], cancellation);
        return TypedResults.NoContent();
    }

    /// <summary>JSON has no word for NaN: without this an answer would break off in its middle.</summary>
    private static void RequireNumbers(ReadOnlySpan<float> values)
    {
        if (!TensorPrimitives.IsFiniteAll(values))
            throw new NotFiniteNumberException("The answer has values that are not numbers, expected finite weights and coefficients that do not blow them up.");
    }

    private static string Listed(IEnumerable<string> names) => names.Any() ? string.Join(", ", names.Select(name => $"'{name}'")) : "no task";

    private static async ValueTask<object?> SayWhatIsWrong(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        try
        {
            return await next(context);
        }
        catch (ArgumentException e)
        {
            string message = e.ParamName is null ? e.Message : e.Message[..e.Message.LastIndexOf(" (Parameter", StringComparison.Ordinal)];
            return TypedResults.BadRequest(new ErrorResponse(message));
        }
        catch (NotFiniteNumberException e)
        {
            return TypedResults.InternalServerError(new ErrorResponse(e.Message));
        }
    }
}
