using System.Runtime.CompilerServices;

// Every import takes blittable values alone, so calls need no stubs and work the same ahead of time.
[assembly: DisableRuntimeMarshalling]
