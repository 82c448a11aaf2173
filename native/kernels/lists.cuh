// Lists of vectors. A kernel takes up to LIST_INLINE entries by value in its argument struct, where the constant cache serves every
// thread of a warp at once; a longer list is written to device memory first, by write_table, and the kernel's `_of_many` twin reads it there.
// So a list of any length is one pass that reads each input once, and nothing is uploaded from the host: the entries travel as
// arguments of launches, which a captured graph keeps.
#pragma once
#include "platform.cuh"

constexpr int LIST_INLINE = 64;

// Entries by value or in device memory, behind one name.
template <class Entry> struct InlineList
{
    const Entry (&entries)[LIST_INLINE];
    DEVICE const Entry& operator[](int k) const { return entries[k]; }
};

template <class Entry> struct TableList
{
    const Entry* entries;
    DEVICE const Entry& operator[](int k) const { return entries[k]; }
};
