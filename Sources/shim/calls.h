// System calls without a C library: the library has to do in any process, whatever it was linked with and whatever it is
// doing. A failed call returns -errno.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
static inline long call6(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
#else
#error "Torpor runs on x86_64 only so far: call6 needs this architecture's system call convention."
#endif

#define CALL(number, a, b, c, d, e) call6(SYS_##number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)

/// What a C library's wrapper returns.
extern int *__errno_location(void);
static inline long as_library(long result) {
  if (result >= 0) return result;
  *__errno_location() = (int)-result;
  return -1;
}
