using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Tensors.Tests.Safetensors;

/// <summary>What is said of a file that cannot be written names no temporary file.</summary>
public sealed class WriteReasonTests
{
    [Theory]
    [InlineData("No space left on device : '/models/.tuned.x1y2.partial/model.safetensors'", "No space left on device")]
    [InlineData("Failed to create '/models/.x1y2.partial' with allocation size '99' because the disk was full.", "No space left on device")]
    [InlineData("Failed to create '/models/.x1y2.partial' with allocation size '99' because the file was too large.", "File too large")]
    [InlineData("File too large : '/models/.x1y2.partial'", "File too large")]
    [InlineData("Input/output error", "Input/output error")]
    public void The_reason_is_the_systems_without_the_file(string message, string reason)
    {
        Assert.Equal(reason, OutputTarget.ReasonOf(new IOException(message)));
        Assert.Equal(reason, OutputTarget.ReasonOf(new SafetensorsException("around it", new IOException(message))));
    }
}
