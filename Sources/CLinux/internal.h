// Shared by the C files; not seen by Swift.
#pragma once

/// LISTEN_FDS of one service; the child keeps their numbers on its stack.
#define CL_MAX_DESCRIPTORS 1024

#include <stdint.h>

#define NO_SANITIZER __attribute__((no_sanitize("address", "thread", "undefined")))

/// Installs the adoption filter on the calling thread. `traps`: enum cl_trap. Returns the listener, or -errno.
int cl_install_filter(int traps);
int cl_send_descriptor(int socket, int descriptor);
int cl_receive_descriptor(int socket);

/// Runs `function`, which must end in _exit, in a child that borrows our memory, with a descriptor table and a working and
/// root directory of its own. Returns when it has ended, -errno if it couldn't be made.
int cl_run_and_reap(uint64_t clone_flags, void (*function)(void *), void *argument);
