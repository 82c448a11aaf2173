// Modules, functions and launches. The kernels are those linked into this library, whatever image is loaded.
#include "driver.h"
#include "executor.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

using namespace emulator;

namespace {

// The first driver that takes a PTX version (major * 10 + minor), as in the PTX ISA's release history.
int driver_for_ptx(int version)
{
    struct Release {
        int ptx, driver;
    };
    static constexpr Release Releases[] = {{65, 10020}, {70, 11000}, {71, 11010}, {72, 11020}, {73, 11030}, {74, 11040}, {75, 11050},
                                           {76, 11060}, {77, 11070}, {78, 11080}, {80, 12000}, {81, 12010}, {82, 12020}, {83, 12030},
                                           {84, 12040}, {85, 12050}, {86, 12070}, {87, 12080}, {88, 12090}, {90, 13000}};
    for (const Release& release : Releases)
        if (version <= release.ptx)
            return release.driver;
    return 14000;
}

// The `.version` of a PTX text, or 0: an image of another kind.
int ptx_version(const char* image)
{
    constexpr size_t Header = 4096; // comments come first
    const std::string start(image, strnlen(image, Header));
    size_t at = 0;
    while (at < start.size()) {
        const size_t end = std::min(start.find('\n', at), start.size());
        int major, minor;
        if (std::sscanf(start.substr(at, end - at).c_str(), " .version %d.%d", &major, &minor) == 2)
            return major * 10 + minor;
        at = end + 1;
    }
    return 0;
}

void write_log(unsigned options, const CUjit_option* names, void** values, const std::string& sentence)
{
    char* buffer = nullptr;
    size_t capacity = 0;
    for (unsigned i = 0; i < options; ++i) {
        if (names[i] == CU_JIT_ERROR_LOG_BUFFER)
            buffer = static_cast<char*>(values[i]);
        if (names[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES)
            capacity = reinterpret_cast<size_t>(values[i]) & 0xFFFFFFFFu;
    }
    if (buffer != nullptr && capacity > 0)
        std::snprintf(buffer, capacity, "%s", sentence.c_str());
    for (unsigned i = 0; i < options; ++i) // the size comes back as the bytes written
        if (names[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES)
            values[i] = reinterpret_cast<void*>(std::min(capacity, sentence.size() + 1));
}

CUresult load(Call& call, CUmodule* module, const void* image, unsigned options, const CUjit_option* names, void** values)
{
    EMULATOR_CHECK(call.enter());
    if (module == nullptr || image == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    const int version = ptx_version(static_cast<const char*>(image));
    if (version != 0 && driver_for_ptx(version) > call.driver.driver_version) {
        write_log(options, names, values,
                  text("ptxas fatal   : Unsupported .version %d.%d; current version is that of driver %d.%d", version / 10, version % 10,
                       call.driver.driver_version / 1000, call.driver.driver_version % 1000 / 10));
        return CUDA_ERROR_UNSUPPORTED_PTX_VERSION;
    }
    EMULATOR_CHECK(call.unsafe());
    *module = static_cast<CUmodule>(call.driver.modules.add(std::make_shared<Module>()));
    return CUDA_SUCCESS;
}

CUresult find_function(Call& call, CUfunction handle, std::shared_ptr<Function>& function)
{
    function = call.driver.functions.find(handle);
    return function != nullptr ? CUDA_SUCCESS : call.fault(CUDA_ERROR_INVALID_HANDLE, "the function is none of a loaded module");
}

// The argument struct's bytes, from kernelParams[0] or from `extra`'s buffer.
CUresult find_arguments(Call& call, const Kernel& kernel, void** parameters, void** extra, const void*& arguments)
{
    arguments = parameters != nullptr ? parameters[0] : nullptr;
    if (parameters != nullptr && extra != nullptr)
        return call.fault(CUDA_ERROR_INVALID_VALUE, "arguments came both as kernelParams and as extra");
    if (extra != nullptr) {
        size_t bytes = 0;
        for (size_t i = 0; extra[i] != CU_LAUNCH_PARAM_END; i += 2) {
            if (extra[i] == CU_LAUNCH_PARAM_BUFFER_POINTER)
                arguments = extra[i + 1];
            else if (extra[i] == CU_LAUNCH_PARAM_BUFFER_SIZE)
                bytes = *static_cast<const size_t*>(extra[i + 1]);
            else
                return CUDA_ERROR_INVALID_VALUE;
        }
        if (bytes != kernel.argument_bytes)
            return call.fault(CUDA_ERROR_INVALID_VALUE,
                              text("%s takes %zu argument bytes, not %zu", kernel.name, kernel.argument_bytes, bytes));
    }
    return arguments != nullptr ? CUDA_SUCCESS : call.fault(CUDA_ERROR_INVALID_VALUE, text("%s was given no arguments", kernel.name));
}

// Limits that the driver checks at the call.
CUresult check_shape(Call& call, const Function& function, const Dim3& grid, const Dim3& block, size_t dynamic_shared)
{
    const Kernel& kernel = *function.kernel;
    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 2147483647u || grid.y > 65535u || grid.z > 65535u)
        return call.fault(CUDA_ERROR_INVALID_VALUE, text("%s: a grid of %u x %u x %u blocks is empty or too large", kernel.name, grid.x,
                                                         grid.y, grid.z));
    const uint64_t threads = uint64_t{block.x} * block.y * block.z;
    if (threads == 0 || threads > 1024)
        return call.fault(CUDA_ERROR_INVALID_VALUE, text("%s: a block of %u x %u x %u threads is empty or too large", kernel.name, block.x,
                                                         block.y, block.z));
    if (threads > static_cast<uint64_t>(kernel.threads))
        return call.fault(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, text("%s was compiled for blocks of %d threads, not %llu", kernel.name,
                                                                   kernel.threads, static_cast<unsigned long long>(threads)));
    if (dynamic_shared > std::max(default_shared_limit, function.dynamic_limit))
        return call.fault(CUDA_ERROR_INVALID_VALUE,
                          text("%s: %zu bytes of dynamic shared memory are more than cuFuncSetAttribute allowed", kernel.name,
                               dynamic_shared));
    return CUDA_SUCCESS;
}

} // namespace

CUresult cuModuleLoadData(CUmodule* module, const void* image)
{
    Call call("cuModuleLoadData");
    return load(call, module, image, 0, nullptr, nullptr);
}

CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned options, CUjit_option* names, void** values)
{
    Call call("cuModuleLoadDataEx");
    return load(call, module, image, options, names, values);
}

CUresult cuModuleUnload(CUmodule handle)
{
    Call call("cuModuleUnload");
    EMULATOR_CHECK(call.enter());
    if (call.driver.modules.take(handle) == nullptr)
        return call.fault(CUDA_ERROR_INVALID_HANDLE, "the module was never loaded or is unloaded");
    EMULATOR_CHECK(call.wait_all());
    const auto module = reinterpret_cast<uint64_t>(handle);
    call.driver.functions.remove_if([module](const Function& function) { return function.module == module; });
    return CUDA_SUCCESS;
}

CUresult cuModuleGetFunction(CUfunction* handle, CUmodule module, const char* name)
{
    Call call("cuModuleGetFunction");
    EMULATOR_CHECK(call.enter());
    if (handle == nullptr || name == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    const auto loaded = call.driver.modules.find(module);
    if (loaded == nullptr)
        return call.fault(CUDA_ERROR_INVALID_HANDLE, "the module was never loaded or is unloaded");
    const Kernel* kernel = find_kernel(name);
    if (kernel == nullptr)
        return CUDA_ERROR_NOT_FOUND;
    void*& known = loaded->functions[name];
    if (known == nullptr) {
        auto function = std::make_shared<Function>();
        function->kernel = kernel;
        function->module = reinterpret_cast<uint64_t>(module);
        known = call.driver.functions.add(std::move(function));
    }
    *handle = static_cast<CUfunction>(known);
    return CUDA_SUCCESS;
}

CUresult cuFuncSetAttribute(CUfunction handle, CUfunction_attribute attribute, int value)
{
    Call call("cuFuncSetAttribute");
    EMULATOR_CHECK(call.enter());
    std::shared_ptr<Function> function;
    EMULATOR_CHECK(find_function(call, handle, function));
    if (attribute == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT)
        return CUDA_SUCCESS;
    if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES || value < 0
        || static_cast<size_t>(value) > largest_shared_limit)
        return CUDA_ERROR_INVALID_VALUE;
    function->dynamic_limit = static_cast<size_t>(value);
    return CUDA_SUCCESS;
}

CUresult cuFuncGetAttribute(int* value, CUfunction_attribute attribute, CUfunction handle)
{
    Call call("cuFuncGetAttribute");
    EMULATOR_CHECK(call.enter());
    std::shared_ptr<Function> function;
    EMULATOR_CHECK(find_function(call, handle, function));
    if (value == nullptr || attribute < 0 || attribute > 15)
        return CUDA_ERROR_INVALID_VALUE;
    switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *value = function->kernel->threads; break;
    case CU_FUNC_ATTRIBUTE_NUM_REGS: *value = 32; break;
    case CU_FUNC_ATTRIBUTE_PTX_VERSION:
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION: *value = 80; break;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
        *value = static_cast<int>(std::max(default_shared_limit, function->dynamic_limit));
        break;
    default: *value = 0; break;
    }
    return CUDA_SUCCESS;
}

CUresult cuFuncGetParamInfo(CUfunction handle, size_t index, size_t* offset, size_t* bytes)
{
    Call call("cuFuncGetParamInfo");
    EMULATOR_CHECK(call.enter());
    std::shared_ptr<Function> function;
    EMULATOR_CHECK(find_function(call, handle, function));
    if (offset == nullptr || index != 0)
        return CUDA_ERROR_INVALID_VALUE;
    *offset = 0;
    if (bytes != nullptr)
        *bytes = function->kernel->argument_bytes;
    return CUDA_SUCCESS;
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction handle, int threads, size_t dynamic_shared)
{
    Call call("cuOccupancyMaxActiveBlocksPerMultiprocessor");
    EMULATOR_CHECK(call.enter());
    std::shared_ptr<Function> function;
    EMULATOR_CHECK(find_function(call, handle, function));
    if (blocks == nullptr || threads <= 0 || threads > 1024)
        return CUDA_ERROR_INVALID_VALUE;
    const int by_threads = 2048 / ((threads + 31) / 32 * 32);
    const int by_shared = dynamic_shared == 0 ? 32 : static_cast<int>((size_t{228} << 10) / (dynamic_shared + 1024));
    *blocks = threads > function->kernel->threads ? 0 : std::min({by_threads, by_shared, 32});
    return CUDA_SUCCESS;
}

CUresult cuLaunchKernel(CUfunction handle, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
                        unsigned block_z, unsigned dynamic_shared, CUstream stream_handle, void** parameters, void** extra)
{
    Call call("cuLaunchKernel");
    EMULATOR_CHECK(call.enter());
    std::shared_ptr<Function> function;
    std::shared_ptr<Stream> stream;
    EMULATOR_CHECK(find_function(call, handle, function));
    EMULATOR_CHECK(call.find_stream(stream_handle, stream));
    const Kernel& kernel = *function->kernel;
    const Dim3 grid{grid_x, grid_y, grid_z}, block{block_x, block_y, block_z};
    EMULATOR_CHECK(check_shape(call, *function, grid, block, dynamic_shared));
    const void* source;
    EMULATOR_CHECK(find_arguments(call, kernel, parameters, extra, source));

    auto operation = std::make_shared<Operation>();
    operation->name = text("cuLaunchKernel %s", kernel.name);
    // 16-byte units: the struct may hold types that want that alignment.
    std::vector<__uint128_t> arguments((kernel.argument_bytes + 15) / 16);
    std::memcpy(arguments.data(), source, kernel.argument_bytes);
    std::string sentence;
    if (!call.driver.memory.scan(arguments.data(), kernel.argument_bytes, operation->uses, sentence)) {
        call.fault(CUDA_ERROR_ILLEGAL_ADDRESS, text("%s: %s", kernel.name, sentence.c_str()));
        if (stream->capture != nullptr)
            call.invalidate(*stream->capture);
        else
            call.context()->poison = CUDA_ERROR_ILLEGAL_ADDRESS;
        return CUDA_ERROR_ILLEGAL_ADDRESS;
    }
    operation->run = [&driver = call.driver, &kernel, grid, block, dynamic_shared, arguments = std::move(arguments)] {
        ++driver.counters.launches;
        if (driver.injections.launch.strikes())
            return Outcome{CUDA_ERROR_LAUNCH_FAILED, "an injected failure", true};
        allow_dynamic_shared(kernel, dynamic_shared); // this function may have it; others of the same kernel are not concerned
        std::string error;
        return execute(kernel, grid, block, dynamic_shared, arguments.data(), error) ? Outcome{}
                                                                                              : Outcome{CUDA_ERROR_LAUNCH_FAILED, error, false};
    };
    return call.submit(stream, std::move(operation));
}
