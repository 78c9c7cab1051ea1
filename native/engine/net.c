// RTP/RTCP socket pairs.
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  DSCP_EF = 46,  // RFC 3246; the two low bits of the octet are ECN
  TRAFFIC_CLASS = DSCP_EF << 2,
  PRIORITY_INTERACTIVE = 6,  // Linux: to the 802.11e voice queue
  ANY_PORT_TRIES = 64,
  ADDRESS_OCTETS = 80,
};

static int parse_v6(const char *text, uint16_t port, tm_address *address)
{
  char copy[ADDRESS_OCTETS];
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  if (snprintf(copy, sizeof copy, "%s", text) >= (int)sizeof copy) return -EINVAL;
  char *zone = strchr(copy, '%');
  if (zone) {
    *zone++ = '\0';
    v6.sin6_scope_id = if_nametoindex(zone);
    if (v6.sin6_scope_id == 0) v6.sin6_scope_id = (uint32_t)strtoul(zone, NULL, 10);
    if (v6.sin6_scope_id == 0) return -EINVAL;
  }
  if (inet_pton(AF_INET6, copy, &v6.sin6_addr) != 1) return -EINVAL;
  memcpy(&address->storage, &v6, sizeof v6);
  address->octets = sizeof v6;
  return 0;
}

int tm_address_parse(const char *text, uint16_t port, tm_address *address)
{
  memset(address, 0, sizeof *address);
  if (strchr(text, ':')) return parse_v6(text, port, address);
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (inet_pton(AF_INET, text, &v4.sin_addr) != 1) return -EINVAL;
  memcpy(&address->storage, &v4, sizeof v4);
  address->octets = sizeof v4;
  return 0;
}

static void set_port(tm_address *address, uint16_t port)
{
  if (address->storage.ss_family == AF_INET6)
    ((struct sockaddr_in6 *)(void *)&address->storage)->sin6_port = htons(port);
  else ((struct sockaddr_in *)(void *)&address->storage)->sin_port = htons(port);
}

static uint16_t port_of(const struct sockaddr_storage *storage)
{
  return ntohs(storage->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)(const void *)storage)->sin6_port
                                              : ((const struct sockaddr_in *)(const void *)storage)->sin_port);
}

bool tm_address_write(const tm_address *address, char *text, size_t octets, uint16_t *port)
{
  const struct sockaddr_storage *storage = &address->storage;
  bool v6 = storage->ss_family == AF_INET6;
  const void *host = v6 ? (const void *)&((const struct sockaddr_in6 *)(const void *)storage)->sin6_addr
                        : (const void *)&((const struct sockaddr_in *)(const void *)storage)->sin_addr;
  *port = port_of(storage);
  return inet_ntop(v6 ? AF_INET6 : AF_INET, host, text, (socklen_t)octets) != NULL;
}

static uint16_t bound_port(int fd)
{
  struct sockaddr_storage storage;
  socklen_t octets = sizeof storage;
  if (getsockname(fd, (struct sockaddr *)&storage, &octets) < 0) return 0;
  return port_of(&storage);
}

// A bound socket or -errno. Marking is a wish: a host that refuses it still talks.
static int open_socket(const tm_address *local, uint16_t port)
{
  tm_address at = *local;
  int family = at.storage.ss_family;
  int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  int on = 1, class = TRAFFIC_CLASS, priority = PRIORITY_INTERACTIVE;
  if (family == AF_INET6) {
    (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &class, sizeof class);
  } else {
    (void)setsockopt(fd, IPPROTO_IP, IP_TOS, &class, sizeof class);
  }
  (void)setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof priority);
  set_port(&at, port);
  if (bind(fd, (struct sockaddr *)&at.storage, at.octets) < 0) {
    int error = -errno;
    close(fd);
    return error;
  }
  return fd;
}

static int open_pair(const tm_address *local, uint16_t port, tm_socket_pair *pair)
{
  int rtp = open_socket(local, port);
  if (rtp < 0) return rtp;
  uint16_t actual = port;
  if (port == 0) {
    // Bound anew by its number: Linux takes a port that it chose itself away with tm_socket_disconnect.
    actual = bound_port(rtp);
    close(rtp);
    rtp = open_socket(local, actual);
    if (rtp < 0) return rtp;
  }
  int rtcp = actual % 2 == 0 && actual != 0 ? open_socket(local, (uint16_t)(actual + 1)) : -EADDRINUSE;
  if (rtcp < 0) {
    close(rtp);
    return rtcp;
  }
  *pair = (tm_socket_pair){.rtp = rtp, .rtcp = rtcp, .port = actual, .family = local->storage.ss_family};
  return 0;
}

int tm_socket_pair_open(const tm_address *local, uint16_t from, uint16_t to, unsigned start, tm_socket_pair *pair)
{
  int error = -EADDRINUSE;
  if (from == 0 && to == 0) {
    for (int i = 0; i < ANY_PORT_TRIES && error == -EADDRINUSE; i++) error = open_pair(local, 0, pair);
    return error;
  }
  unsigned first = (from + 1u) & ~1u;
  if (to < first + 1) return -EADDRINUSE;
  unsigned pairs = (to - first + 1) / 2;
  for (unsigned i = 0; i < pairs; i++) {
    error = open_pair(local, (uint16_t)(first + (start + i) % pairs * 2), pair);
    if (error != -EADDRINUSE && error != -EACCES) return error;
  }
  return -EADDRINUSE;
}

void tm_socket_pair_close(tm_socket_pair *pair)
{
  if (pair->rtp >= 0) close(pair->rtp);
  if (pair->rtcp >= 0) close(pair->rtcp);
  pair->rtp = pair->rtcp = -1;
}

static const struct in6_addr *v6_of(const tm_address *address)
{
  return &((const struct sockaddr_in6 *)(const void *)&address->storage)->sin6_addr;
}

static in_addr_t v4_of(const tm_address *address)
{
  return ((const struct sockaddr_in *)(const void *)&address->storage)->sin_addr.s_addr;
}

bool tm_address_same_host(const tm_address *a, const tm_address *b)
{
  if (a->storage.ss_family != b->storage.ss_family) return false;
  if (a->storage.ss_family == AF_INET6) return IN6_ARE_ADDR_EQUAL(v6_of(a), v6_of(b));
  return v4_of(a) == v4_of(b);
}

bool tm_address_equal(const tm_address *a, const tm_address *b)
{
  return tm_address_same_host(a, b) && port_of(&a->storage) == port_of(&b->storage);
}

bool tm_address_unspecified(const tm_address *address)
{
  if (address->storage.ss_family == AF_INET6) return IN6_IS_ADDR_UNSPECIFIED(v6_of(address));
  return v4_of(address) == htonl(INADDR_ANY);
}

bool tm_socket_send(int fd, const void *data, size_t octets, const tm_address *to)
{
  ssize_t sent = sendto(fd, data, octets, MSG_NOSIGNAL, (const struct sockaddr *)&to->storage, to->octets);
  if (sent < 0 && errno == ECONNREFUSED)
    sent = sendto(fd, data, octets, MSG_NOSIGNAL, (const struct sockaddr *)&to->storage, to->octets);
  return sent >= 0;
}

ssize_t tm_socket_receive(int fd, void *data, size_t capacity, tm_address *from)
{
  from->octets = sizeof from->storage;
  return recvfrom(fd, data, capacity, MSG_TRUNC, (struct sockaddr *)&from->storage, &from->octets);
}

bool tm_socket_connect(int fd, const tm_address *peer)
{
  return connect(fd, (const struct sockaddr *)&peer->storage, peer->octets) == 0;
}

void tm_socket_disconnect(int fd)
{
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  (void)connect(fd, &none, sizeof none);
}
