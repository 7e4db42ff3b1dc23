// Shared by the C files; not seen by Swift.
#pragma once

/// LISTEN_FDS of one service; the child keeps their numbers on its stack.
#define CL_MAX_DESCRIPTORS 1024

/// Installs the adoption filter on the calling thread. Returns the listener, or -errno.
int cl_install_bind_filter(void);
int cl_send_descriptor(int socket, int descriptor);
int cl_receive_descriptor(int socket);
