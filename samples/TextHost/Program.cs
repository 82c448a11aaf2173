using MergeEngine.Models;
using MergeEngine.Samples.TextHost;
using MergeEngine.Tensors.Safetensors;

// A text service that embeds, classifies, and changes its mixture of tasks without a restart; see docs/embedding.md.
try
{
    await using WebApplication application = TextHostApplication.Build(args);
    await application.RunAsync();
    return 0;
}
catch (Exception e) when (e is ModelException or SafetensorsException or ArgumentException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
