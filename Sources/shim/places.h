// Where a process has one of its sockets, and how another one comes there.
#pragma once

#include <stdint.h>

/// Puts `socket` wherever this process has the socket `inode`: at `number` if that is not -1, at the duplicates of it, and in
/// the epoll instances that wait for one of these.
__attribute__((visibility("hidden"))) void put_in_place(int socket, uint64_t inode, int number);

// The compiler may call these by itself.
__attribute__((visibility("hidden"))) void *memcpy(void *restrict to, const void *restrict from, __SIZE_TYPE__ count);
__attribute__((visibility("hidden"))) void *memset(void *to, int value, __SIZE_TYPE__ count);
