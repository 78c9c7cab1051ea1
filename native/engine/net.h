// RTP/RTCP socket pairs and addresses: IPv4 and IPv6 literals only (names are resolved by signalling).
#ifndef TM_ENGINE_NET_H
#define TM_ENGINE_NET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

typedef struct {
  struct sockaddr_storage storage;
  socklen_t octets;
} tm_address;

/** Same family, address and port; same family and address. Unused bytes of a socket address do not matter. */
bool tm_address_equal(const tm_address *a, const tm_address *b);
bool tm_address_same_host(const tm_address *a, const tm_address *b);
/** 0.0.0.0 or ::, the address of SDP that wants nothing. */
bool tm_address_unspecified(const tm_address *address);

/** The IP literal, without zone, and the port. False: it does not fit. */
bool tm_address_write(const tm_address *address, char *text, size_t octets, uint16_t *port);

/** Parses an IP literal (IPv6 without brackets, `%zone` allowed). 0 or -EINVAL. */
int tm_address_parse(const char *text, uint16_t port, tm_address *address);

typedef struct {
  int rtp;
  int rtcp;
  uint16_t port;  // RTP, even; RTCP is on port + 1 (RFC 3550 11)
  sa_family_t family;
} tm_socket_pair;

/**
 * Binds a pair of non-blocking UDP sockets to `local`, RTP on an even port in [from, to], RTCP on the next one, marked with DSCP EF.
 * The search begins at `start` (any number) and wraps, so that calls that follow each other do not meet late packets of the last one.
 * `from` = `to` = 0: any free pair. 0, -EADDRINUSE when no pair is free, else the errno of the address (-EADDRNOTAVAIL ...).
 */
int tm_socket_pair_open(const tm_address *local, uint16_t from, uint16_t to, unsigned start, tm_socket_pair *pair);
void tm_socket_pair_close(tm_socket_pair *pair);

/** False: not sent. An ICMP error that an earlier packet brought back does not cost this one. */
bool tm_socket_send(int fd, const void *data, size_t octets, const tm_address *to);
/** Octets of the datagram, which may be more than `capacity`; negative: none waits. */
ssize_t tm_socket_receive(int fd, void *data, size_t capacity, tm_address *from);
/** From now on the kernel drops what others send. False: it does not. */
bool tm_socket_connect(int fd, const tm_address *peer);
void tm_socket_disconnect(int fd);

#endif
