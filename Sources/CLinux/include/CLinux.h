/// The few Linux calls that Swift can't make by itself: those with macros, unions or a child of their own.
///
/// Every function returns a value >= 0, or -errno. None of them keeps state.
/// _GNU_SOURCE must not be defined here: it changes struct layouts that Glibc's own module has already imported.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/types.h>

// MARK: spawn.c

/// The step of a child that failed between clone and exec.
enum cl_spawn_stage {
  CL_STAGE_CLONE = 0,
  CL_STAGE_DESCRIPTORS,
  CL_STAGE_FILTER,
  CL_STAGE_GROUPS,
  CL_STAGE_USER,
  CL_STAGE_EXEC,
  CL_STAGE_OOM_SCORE,
  CL_STAGE_IO_PRIORITY,
  CL_STAGE_NICE,
  CL_STAGE_LIMITS,
  CL_STAGE_DIRECTORY,
  CL_STAGE_NO_NEW_PRIVILEGES,
};

/// One RLIMIT_* of a child. Where a hard limit may not be raised, the highest that there is takes its place.
struct cl_limit {
  int resource;
  uint64_t soft, hard;
};

/// How many places of the environment take the child's own pid.
#define CL_MAX_PID_PLACES 2

struct cl_spawn_request {
  // These three must be given; nullable only so that Swift can make an empty request first.
  const char *_Nullable path;
  char *_Nullable const *_Nullable arguments;
  char *_Nullable const *_Nullable environment;
  /// Where in the environment block the child's pid goes, as LISTEN_PID wants it: at least 12 writable bytes each. The first
  /// null ends the list.
  char *_Nullable pid_places[CL_MAX_PID_PLACES];
  /// Become 3, 4, … in the child, without close-on-exec.
  const int *_Nullable descriptors;
  int descriptor_count;
  /// 0, 1 and 2 of the child; -1 leaves the parent's.
  int standard_input, standard_output, standard_error;
  /// Directory descriptor of a cgroup v2 to be born in, or -1.
  int cgroup;
  int changes_user, changes_group, changes_groups;
  uid_t user;
  gid_t group;
  const gid_t *_Nullable groups;
  size_t group_count;
  const struct cl_limit *_Nullable limits;
  size_t limit_count;
  /// For /proc/self/oom_score_adj: decimal digits, perhaps a sign. Null: stays.
  const char *_Nullable oom_score;
  int changes_nice, nice;
  /// As for ioprio_set(2).
  int changes_io_priority, io_priority;
  /// As for umask(2); -1: ours.
  int mask;
  /// Null: ours. One that can't be changed to fails the start, or is "/" if it `directory_may_be_missing`.
  const char *_Nullable directory;
  int directory_may_be_missing;
  int ignores_broken_pipes;
  int no_new_privileges;
  /// Which calls go to a seccomp listener, of enum cl_trap; 0: no filter.
  int traps;
};

struct cl_spawn_result {
  int pid;
  int pidfd;
  /// The seccomp listener, or -1 when traps was 0.
  int listener;
  /// Of enum cl_spawn_stage; says on failure what failed.
  int stage;
  /// Of CL_STAGE_LIMITS: the resource.
  int detail;
};

/// Starts a process with clone3(CLONE_VM|CLONE_VFORK|CLONE_PIDFD|CLONE_INTO_CGROUP). Returns 0 after a successful exec.
int cl_spawn(const struct cl_spawn_request *_Nonnull request, struct cl_spawn_result *_Nonnull result);

/// Adds `socket` to `epoll` under the descriptor number `number`, as if the process that has that number had done it:
/// epoll keys an entry by (file, number), so it takes a process in which the number means that file.
int cl_epoll_add_as(int epoll, int socket, int number, uint32_t events, uint64_t data);

/// Starts a child that waits for an RCU grace period (membarrier(2), MEMBARRIER_CMD_GLOBAL), so that the caller need not block.
/// The returned pidfd is readable when the period is over. `stack` must be given to cl_helper_finish.
int cl_barrier_start(void *_Nullable *_Nonnull stack, int *_Nonnull pid);

#define CL_CLOSE_MAX 256
/// Starts a child that closes descriptors of ours, so that the caller need not wait for what close(2) may wait for. Until it has,
/// the numbers are taken. The returned pidfd is readable when it is done. `stack` must be given to cl_helper_finish.
int cl_close_start(const int *_Nonnull numbers, int count, void *_Nullable *_Nonnull stack, int *_Nonnull pid);
/// How many of them it has begun to close, and so has given their numbers back: all, unless it was killed.
int cl_close_begun(const void *_Nonnull stack);

/// Starts a child that takes the first `length` bytes, whole blocks, out of a file, which can wait for the disk. Its end is 0 when
/// what follows has moved to the front, 1 when a hole is left in its place, 2 when neither could be done.
int cl_trim_start(int file, int64_t length, void *_Nullable *_Nonnull stack, int *_Nonnull pid);

/// Reaps the child and frees its stack. Returns 0 when it did what it was started for, 1 when it has waited a fixed time instead
/// of for membarrier, -ECANCELED when it was killed; see cl_trim_start for its own.
int cl_helper_finish(int pidfd, void *_Nonnull stack);

/// The same as cl_barrier_start, in the caller's own time.
void cl_barrier_wait(void);

/// Waits for all such children, for so long at most, as the last thing that a process does: they share its table of descriptors, so
/// that its sockets stay open until they have ended, too. Later they are killed (PR_SET_PDEATHSIG).
void cl_helpers_end(int milliseconds);

// MARK: process.c

int cl_pidfd_open(int pid, unsigned flags);
int cl_pidfd_getfd(int pidfd, int number);
int cl_pidfd_send_signal(int pidfd, int signal);
/// pidfd_open(2) flag: a thread that need not lead its group (Linux 6.9).
#define CL_PIDFD_THREAD 0200
/// Reads another process's memory. Returns the number of bytes.
ssize_t cl_process_read(int pid, uint64_t address, void *_Nonnull buffer, size_t length);
/// Reads what another process is about to send by sendmsg(): the address (at most 128 bytes), and the bytes, whose number is
/// returned. -E2BIG when they don't fit.
ssize_t cl_process_read_message(int pid, uint64_t header, uint8_t *_Nonnull name, size_t *_Nonnull name_length,
                                uint8_t *_Nonnull bytes, size_t capacity);
int cl_become_subreaper(void);
/// waitpid(-1, WNOHANG): the pid and raw status of a child that has ended, 0 if none has.
int cl_reap(int *_Nonnull status);
int cl_open_directory(const char *_Nonnull path);
int cl_open_reading(const char *_Nonnull path);
/// A pipe, close-on-exec at both ends.
int cl_pipe(int *_Nonnull reading, int *_Nonnull writing, int blocks);
/// Lets the kernel take these pages of another process (process_madvise(2), MADV_PAGEOUT). Returns the number of bytes dealt with.
ssize_t cl_page_out(int pidfd, uint64_t address, uint64_t length);
/// "TERM" for SIGTERM; null for a number without a name.
const char *_Nullable cl_signal_name(int number);

// MARK: seccomp.c

enum cl_trap {
  CL_TRAP_BIND = 1,
  /// unlink() and unlinkat() of files, and connect() with an address whose length is none of IPv4's or IPv6's.
  CL_TRAP_PATHS = 2,
  /// With CL_TRAP_PATHS: addresses of this length, too, which is that of a netlink, IPv4 or IPv6 address: a held path is as long.
  CL_TRAP_LENGTH_12 = 4,
  CL_TRAP_LENGTH_16 = 8,
  CL_TRAP_LENGTH_28 = 16,
  /// sendmsg() whose only flag is MSG_NOSIGNAL, which is how libsystemd's sd_notify sends.
  CL_TRAP_MESSAGES = 32,
};

enum cl_call { CL_CALL_OTHER, CL_CALL_BIND, CL_CALL_CONNECT, CL_CALL_UNLINK, CL_CALL_UNLINKAT, CL_CALL_SENDMSG };

struct cl_notification {
  uint64_t id;
  int thread;
  int call;
  uint64_t arguments[6];
};

/// A caller and whoever answers it take turns on one processor, which is faster than to wake another (Linux 6.6).
int cl_notification_hurry(int listener);
enum cl_call cl_call_of(int call);
int cl_notification_receive(int listener, struct cl_notification *_Nonnull notification);
int cl_notification_is_valid(int listener, uint64_t id);
/// Lets the call go on in the kernel as it was made.
int cl_notification_continue(int listener, uint64_t id);
/// Ends the call with `error` (0: success).
int cl_notification_answer(int listener, uint64_t id, int error);
/// Puts `source` at `number` in the calling process, replacing what is there.
int cl_notification_set_descriptor(int listener, uint64_t id, int source, int number, int close_on_exec);

// MARK: socket.c

int cl_steer(int socket, uint32_t index);
int cl_accept_queue_length(int socket);
int cl_accept(int socket);
/// The same with the client's address: `family` is 0 where it has none that is an inet address.
int cl_accept_from(int socket, int *_Nonnull family, uint8_t *_Nonnull address, uint16_t *_Nonnull port);
/// close() sends RST and forgets what is unsent (SO_LINGER with no time).
int cl_set_reset_on_close(int socket);
/// close() doesn't wait (SO_LINGER off).
int cl_set_no_linger(int socket);
/// Bytes that the peer has not acknowledged (SIOCOUTQ).
int cl_unsent_bytes(int socket);
/// IP_MULTICAST_LOOP and IP_MULTICAST_ALL, which mean nothing to TCP, are inherited by accepted sockets and shown by sock_diag.
int cl_set_generation_mark(int socket, int mark);
#define CL_FILTERED_PORTS_MAX 2000
/// A socket filter that lets through only sock_diag messages whose local port is one of `ports` (host order).
int cl_filter_ports(int socket, const uint16_t *_Nonnull ports, size_t count);
/// Lets all through again.
int cl_unfilter(int socket);
/// As large as we may; more than `size` isn't asked for.
int cl_enlarge_receive_buffer(int socket, int size);
/// sockaddr_in6's flow label and scope are kept apart from this: address in network order, IPv4 in the first four bytes.
int cl_bind_inet(int socket, int family, const uint8_t *_Nonnull address, uint16_t port, uint32_t scope);
int cl_connect_inet(int socket, int family, const uint8_t *_Nonnull address, uint16_t port, uint32_t scope);
/// 1: a socket that is bound, or connected by a port that was chosen for it.
int cl_has_address(int socket);
int cl_local_address(int socket, uint8_t *_Nonnull address, uint16_t *_Nonnull port);
/// The same of its peer.
int cl_peer_address(int socket, uint8_t *_Nonnull address, uint16_t *_Nonnull port);
/// Reads one inet socket address as a process laid it out. Returns its family, or -EINVAL when it is none of AF_INET and AF_INET6.
int cl_parse_inet(const void *_Nonnull bytes, size_t length, uint8_t *_Nonnull address, uint16_t *_Nonnull port);
/// Copies the options that a server set on `from` before bind and that an accepted socket inherits. Returns how many differed.
int cl_copy_options(int from, int to);
/// SCM_MAX_FD: what one message can carry.
#define CL_MAX_RECEIVED 253
/// One datagram with the sender's pid by SCM_CREDENTIALS. Descriptors that come with it are the caller's to close.
ssize_t cl_receive_datagram(int socket, void *_Nonnull buffer, size_t length, int *_Nonnull pid, int *_Nonnull truncated,
                            int *_Nonnull descriptors, int *_Nonnull descriptor_count);
/// Senders of descriptors get EPERM (SO_PASSRIGHTS, Linux 6.16).
int cl_refuse_descriptors(int socket);
ssize_t cl_splice(int from, int to, size_t length);
int cl_bind_unix_autoname(int socket, char *_Nonnull name, size_t capacity);
int cl_bind_netlink(int socket, uint32_t groups);

// MARK: datagram.c

/// When the last datagram came that was read from the socket, in nanoseconds of CLOCK_REALTIME; -ENOENT: none yet. Datagrams
/// carry a stamp from the first call on.
int64_t cl_last_datagram_stamp(int socket);
/// 1: one waits to be read.
int cl_has_datagram(int socket);
/// 1: shutdown() was called on it.
int cl_is_shut_down(int socket);
/// Takes the errors that are pending, 1024 of a queue. Returns how many were queued.
int cl_take_errors(int socket);
/// Copies the options that a server set on a UDP socket. Returns how many differed.
int cl_copy_datagram_options(int from, int to);
/// Who sent the next datagram, which stays. Returns the family.
int cl_peek_sender(int socket, uint8_t *_Nonnull address, uint16_t *_Nonnull port);

// MARK: unix.c

/// `name`: sun_path, whose first byte is 0 for an abstract one; at most 108 bytes, a path's terminating 0 not counted.
int cl_bind_unix(int socket, const uint8_t *_Nonnull name, size_t length);
int cl_connect_unix(int socket, const uint8_t *_Nonnull name, size_t length);
/// Copies sun_path, at most 108 bytes. Returns its length, without a path's terminating 0; 0 for a socket without a name.
int cl_local_unix(int socket, uint8_t *_Nonnull name);
/// The same of a sockaddr as a process laid it out. -EINVAL when it isn't AF_UNIX.
int cl_parse_unix(const void *_Nonnull bytes, size_t length, uint8_t *_Nonnull name);
/// Binds `socket` to `path` as seen from the directory `root`, so that its name is `path` and its file is root/path. A child
/// does it, for which `root` is the root directory; without CAP_SYS_CHROOT, one in a user namespace of its own.
int cl_bind_unix_below(int socket, int root, const char *_Nonnull path, int in_user_namespace);
/// connect() with another process's credentials, as far as SO_PEERCRED and SO_PEERGROUPS show them.
int cl_connect_unix_as(int socket, const uint8_t *_Nonnull name, size_t length, uid_t user, gid_t group,
                       const gid_t *_Nullable groups, size_t group_count);
/// Opens a directory for reference only (O_PATH). `in_root`: no way leads out of `root`, and "/" means `root` (openat2(2)).
int cl_open_directory_at(int root, const char *_Nonnull path, int in_root);
/// The same by names that the kernel knows already, without asking any file system; -EAGAIN where it would have to be asked.
int cl_find_directory_at(int root, const char *_Nonnull path, int in_root);
/// A file's device and inode as the kernel knows them, without asking its file system.
int cl_file_identity(int file, uint64_t *_Nonnull device, uint64_t *_Nonnull inode);
/// A file of any kind for reference only (O_PATH); a symbolic link is not followed.
int cl_open_reference(int directory, const char *_Nonnull name);
int cl_peer_credentials(int socket, int *_Nonnull pid, uid_t *_Nonnull user, gid_t *_Nonnull group);
/// Returns the number of groups.
int cl_peer_groups(int socket, gid_t *_Nonnull groups, size_t capacity);
/// From here on `signal` is sent to the calling thread whenever something arrives at `socket` (O_ASYNC), or no more.
int cl_signal_arrivals(int socket, int signal);
int cl_stop_signalling(int socket);
int cl_realtime_signal(void);

/// SCM_MAX_FD: as many as one message can bring.
#define CL_MAX_PASSED 253

struct cl_message {
  uint8_t *_Nullable bytes;
  size_t length;
  /// When sent: in whose name (SCM_CREDENTIALS), as far as we may and the process still exists.
  int has_credentials;
  int pid;
  uid_t user;
  gid_t group;
  /// Passed along (SCM_RIGHTS): room for CL_MAX_PASSED when received.
  int *_Nullable descriptors;
  int descriptor_count;
};
/// Both return the number of bytes. Descriptors that are received are close-on-exec, those that are sent stay the sender's.
ssize_t cl_receive_message(int socket, struct cl_message *_Nonnull message);
ssize_t cl_send_message(int socket, const struct cl_message *_Nonnull message);
