// Bench of pacing: a receiver that sees every packet with the kernel's timestamp, and beside it the loop that nothing can beat:
// clock_nanosleep under SCHED_FIFO and one sendto a packet. `pacing_probe STREAMS SECONDS`: prints `ports OURS LOOP RTCP`, waits for
// the first packet at OURS, measures, prints one JSON line for each of the two.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  PERIOD_NS = 20000000,
  PACKET_OCTETS = 172,  // RTP header and 20 ms of G.711
  MAX_STREAMS = 256,
  MAX_PACKETS = 1000,  // of a stream
  LOOP_PRIORITY = 30,  // as our packet thread
  SETTLE_MS = 500,
  FIRST_PACKET_MS = 10000,
  RECEIVE_BUFFER = 8 << 20,
};

static const int64_t NS_PER_S = 1000000000;

struct stream {
  uint32_t ssrc;
  uint16_t first_sequence;
  int count;
  int64_t deviation[MAX_PACKETS];  // from the grid that the first packet spans
  int64_t first_ns;
};

struct group {
  int socket;
  int streams, stray;
  struct stream stream[MAX_STREAMS];
};

static struct group groups[2];
static atomic_bool stop;
static int loop_streams;
static struct sockaddr_in loop_target;
static bool loop_is_fifo;

static int64_t now_ns(clockid_t clock)
{
  struct timespec ts;
  clock_gettime(clock, &ts);
  return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static void *bare_loop(void *unused)
{
  uint8_t packet[PACKET_OCTETS] = {0x80};
  struct sched_param param = {.sched_priority = LOOP_PRIORITY};
  int socket_out = socket(AF_INET, SOCK_DGRAM, 0);
  int64_t base = now_ns(CLOCK_MONOTONIC) + PERIOD_NS;
  (void)unused;
  loop_is_fifo = pthread_setschedparam(pthread_self(), SCHED_FIFO, &param) == 0;
  for (int64_t i = 0; !atomic_load(&stop); i++) {
    int64_t due = base + i * PERIOD_NS / loop_streams;
    struct timespec at = {.tv_sec = due / NS_PER_S, .tv_nsec = due % NS_PER_S};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) continue;
    uint16_t sequence = htons((uint16_t)(i / loop_streams));
    uint32_t ssrc = htonl((uint32_t)(i % loop_streams) + 1);
    memcpy(packet + 2, &sequence, sizeof sequence);
    memcpy(packet + 8, &ssrc, sizeof ssrc);
    (void)sendto(socket_out, packet, sizeof packet, 0, (struct sockaddr *)&loop_target, sizeof loop_target);
  }
  close(socket_out);
  return NULL;
}

static int open_socket(struct sockaddr_in *address)
{
  int on = 1, buffer = RECEIVE_BUFFER;
  socklen_t octets = sizeof *address;
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (fd < 0 || bind(fd, (struct sockaddr *)address, sizeof *address) < 0) return -1;
  if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0) return -1;
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
  (void)getsockname(fd, (struct sockaddr *)address, &octets);
  return fd;
}

static struct stream *stream_of(struct group *group, uint32_t ssrc)
{
  for (int i = 0; i < group->streams; i++)
    if (group->stream[i].ssrc == ssrc) return &group->stream[i];
  if (group->streams == MAX_STREAMS) return NULL;
  group->stream[group->streams].ssrc = ssrc;
  return &group->stream[group->streams++];
}

static void note(struct group *group, const uint8_t *packet, int64_t arrival)
{
  uint32_t ssrc;
  uint16_t sequence;
  memcpy(&ssrc, packet + 8, sizeof ssrc);
  memcpy(&sequence, packet + 2, sizeof sequence);
  struct stream *stream = stream_of(group, ssrc);
  sequence = ntohs(sequence);
  if (!stream || stream->count == MAX_PACKETS) {
    group->stray++;
    return;
  }
  if (stream->count == 0) {
    stream->first_sequence = sequence;
    stream->first_ns = arrival;
  }
  int64_t index = (uint16_t)(sequence - stream->first_sequence);
  stream->deviation[stream->count++] = arrival - stream->first_ns - index * PERIOD_NS;
}

static bool receive(struct group *group, bool keep)
{
  uint8_t packet[2048];
  _Alignas(struct cmsghdr) char control[128];
  struct iovec part = {.iov_base = packet, .iov_len = sizeof packet};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t got = recvmsg(group->socket, &message, MSG_DONTWAIT);
  if (got < 12) return got >= 0;
  for (struct cmsghdr *at = CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at)) {
    struct timespec ts;
    if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_TIMESTAMPNS) continue;
    memcpy(&ts, CMSG_DATA(at), sizeof ts);
    if (keep) note(group, packet, (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec);
  }
  return true;
}

static void listen_for(int ms, bool keep)
{
  for (int64_t end = now_ns(CLOCK_MONOTONIC) + ms * INT64_C(1000000); now_ns(CLOCK_MONOTONIC) < end;) {
    struct pollfd fds[2] = {{.fd = groups[0].socket, .events = POLLIN}, {.fd = groups[1].socket, .events = POLLIN}};
    (void)poll(fds, 2, 20);
    for (int i = 0; i < 2; i++)
      while (receive(&groups[i], keep)) continue;
  }
}

static int ascending(const void *a, const void *b)
{
  int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
  return (left > right) - (left < right);
}

// Lateness of a packet: how far behind the earliest packet of its own stream, on the grid of 20 ms.
static void print(const char *name, const struct group *group)
{
  size_t total = 0, at = 0;
  for (int i = 0; i < group->streams; i++) total += (size_t)group->stream[i].count;
  int64_t *late = calloc(total + 1, sizeof *late);
  if (!late) return;
  for (int i = 0; i < group->streams; i++) {
    const struct stream *stream = &group->stream[i];
    int64_t earliest = INT64_MAX;
    for (int k = 0; k < stream->count; k++) earliest = stream->deviation[k] < earliest ? stream->deviation[k] : earliest;
    for (int k = 0; k < stream->count; k++) late[at++] = stream->deviation[k] - earliest;
  }
  qsort(late, total, sizeof *late, ascending);
  double p50 = total ? (double)late[total / 2] / 1e3 : 0, p99 = total ? (double)late[total * 99 / 100] / 1e3 : 0;
  double most = total ? (double)late[total - 1] / 1e3 : 0;
  printf("{\"who\":\"%s\",\"streams\":%d,\"packets\":%zu,\"fifo\":%s,\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f}\n", name,
         group->streams, total, loop_is_fifo ? "true" : "false", p50, p99, most);
  free(late);
}

int main(int count, char **arguments)
{
  struct sockaddr_in ours, rtcp;
  pthread_t loop;
  loop_streams = count > 1 ? atoi(arguments[1]) : 0;
  int seconds = count > 2 ? atoi(arguments[2]) : 0;
  if (loop_streams < 1 || loop_streams > MAX_STREAMS || seconds < 1 || seconds * 50 > MAX_PACKETS) {
    fprintf(stderr, "pacing_probe STREAMS SECONDS\n");
    return 2;
  }
  groups[0].socket = open_socket(&ours);
  groups[1].socket = open_socket(&loop_target);
  if (groups[0].socket < 0 || groups[1].socket < 0 || open_socket(&rtcp) < 0) return 1;
  (void)mlockall(MCL_CURRENT | MCL_FUTURE);
  printf("ports %u %u %u\n", ntohs(ours.sin_port), ntohs(loop_target.sin_port), ntohs(rtcp.sin_port));
  fflush(stdout);
  struct pollfd first = {.fd = groups[0].socket, .events = POLLIN};
  if (poll(&first, 1, FIRST_PACKET_MS) != 1) return 1;
  if (pthread_create(&loop, NULL, bare_loop, NULL) != 0) return 1;
  listen_for(SETTLE_MS, false);
  listen_for(seconds * 1000, true);
  atomic_store(&stop, true);
  pthread_join(loop, NULL);
  print("ours", &groups[0]);
  print("loop", &groups[1]);
  return 0;
}
