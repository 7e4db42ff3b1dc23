// What the preloaded library and the manager say to each other, by a SOCK_SEQPACKET connection for each call:
// one request, one answer. Both are of one build: `version` is for a process that outlives the manager which started it.
//
// The manager has the same layout in Torpor/Wake/ShimMessage.swift.
#pragma once

#include <stdint.h>

#define SHIM_VERSION 1
#define SHIM_TOKEN_BYTES 16

enum shim_call { SHIM_BIND = 1, SHIM_CONNECT, SHIM_UNLINK, SHIM_MESSAGE };

// Followed by what the call is about: a socket address, and a path or a notification. SCM_RIGHTS brings the socket of a bind(), and
// then the directory that the path is in, if there is one.
struct shim_request {
  uint8_t token[SHIM_TOKEN_BYTES];
  uint32_t version;
  uint32_t call;
  int32_t number;  // of the socket; -1: the call is about none
  uint32_t has_directory;
  uint32_t address_length;
};

#define SHIM_PLACES_MAX 64
#define SHIM_GO_ON (-1)

struct shim_answer {
  int32_t error;  // 0 and above: what the call returns; SHIM_GO_ON: what the kernel says
  uint32_t count;
  // Sockets of the service, in whose places those that come with the answer are to be put. `count` of them.
  uint64_t inodes[SHIM_PLACES_MAX];
};
