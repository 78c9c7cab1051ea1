// RTP/RTCP socket pairs and addresses: IPv4 and IPv6 literals only (names are resolved by signalling).
#ifndef TM_ENGINE_NET_H
#define TM_ENGINE_NET_H

#include <stdint.h>
#include <sys/socket.h>

typedef struct {
  struct sockaddr_storage storage;
  socklen_t octets;
} tm_address;

/** Parses an IP literal (IPv6 without brackets, `%zone` allowed). 0 or -EINVAL. */
int tm_address_parse(const char *text, uint16_t port, tm_address *address);

typedef struct {
  int rtp;
  int rtcp;
  uint16_t port;  // RTP, even; RTCP is on port + 1 (RFC 3550 11)
} tm_socket_pair;

/**
 * Binds a pair of non-blocking UDP sockets to `local`, RTP on an even port in [from, to], RTCP on the next one, marked with DSCP EF.
 * The search begins at `start` (any number) and wraps, so that calls that follow each other do not meet late packets of the last one.
 * `from` = `to` = 0: any free pair. 0, -EADDRINUSE when no pair is free, else the errno of the address (-EADDRNOTAVAIL ...).
 */
int tm_socket_pair_open(const tm_address *local, uint16_t from, uint16_t to, unsigned start, tm_socket_pair *pair);
void tm_socket_pair_close(tm_socket_pair *pair);

#endif
