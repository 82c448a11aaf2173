// Between images [batch, channels, height, width] and rows of patches [batch * patchesPerImage, (channel, y, x)], both ways; going back, pixels
// outside every patch get 0. With the linear layer after it, this is the patch convolution.
// Launch: a thread for `packet` neighbouring pixels, threads along the pixels of an image's channel in x, images * channels in y (they stride).
// A packet is 4 pixels in one 16-byte access where patch side, image width and both addresses allow it, else 1. Bytes: 8 a pixel.
#pragma once
#include "rows.cuh"

struct PatchesArguments
{
    Rows patches;  // [batch * patches_down * patches_across, channels * side * side]
    float* images; // [planes, height, width]
    int32_t planes; // batch * channels
    int32_t channels, height, width;
    int32_t side;
    int32_t packet; // 4 or 1
};

constexpr int PATCHES_THREADS = 256;

// Calls move(pixel, patch element, covered) for every packet that the thread owns. Outside of all patches there is no such element.
template <class Move> DEVICE void for_each_packet(const PatchesArguments& a, const Move& move)
{
    const int32_t across = a.width / a.side, down = a.height / a.side, packets = a.width / a.packet;
    const int64_t at = (int64_t)blockIdx.x * PATCHES_THREADS + threadIdx.x;
    const int32_t y = (int32_t)(at / packets), x = (int32_t)(at - (int64_t)y * packets) * a.packet;
    if (y >= a.height) return;
    const int32_t patch_y = y / a.side, patch_x = x / a.side;
    const bool covered = patch_y < down && patch_x < across;
    const int64_t within = (y - patch_y * a.side) * a.side + (x - patch_x * a.side);
    for (int32_t plane = (int32_t)blockIdx.y; plane < a.planes; plane += (int32_t)gridDim.y)
    {
        const int32_t image = plane / a.channels, channel = plane - image * a.channels;
        float* pixel = a.images + ((int64_t)plane * a.height + y) * a.width + x;
        const int64_t row = ((int64_t)image * down + patch_y) * across + patch_x;
        move(pixel, a.patches[covered ? row : 0] + (covered ? (int64_t)channel * a.side * a.side + within : 0), covered);
    }
}

struct CutPacket
{
    int32_t packet;

    DEVICE void operator()(const float* pixel, float* patch, bool covered) const
    {
        if (!covered) return;
        if (packet == 4) store4(patch, load4(pixel));
        else *patch = *pixel;
    }
};

struct PutPacketBack
{
    int32_t packet;

    DEVICE void operator()(float* pixel, const float* patch, bool covered) const
    {
        if (packet == 4) store4(pixel, covered ? load4(patch) : Vector4{ 0.0f, 0.0f, 0.0f, 0.0f });
        else *pixel = covered ? *patch : 0.0f;
    }
};

KERNEL(patches_forward, PATCHES_THREADS, PatchesArguments) { for_each_packet(arguments, CutPacket{ arguments.packet }); }

KERNEL(patches_backward, PATCHES_THREADS, PatchesArguments) { for_each_packet(arguments, PutPacketBack{ arguments.packet }); }
