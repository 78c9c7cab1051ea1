// Control side: the SRTP contexts of one stream, one for each key and direction that it was ever given (RFC 3711 3.2.3). A key that comes
// again finds its context, with rollover counter and replay list: a new one would count from 0 and use its key stream twice.
//
// Lifetime: a context belongs to the ring until a configuration takes it along as retired; the packet thread lets go of those once the
// configuration is in force.
#ifndef TM_ENGINE_KEYS_H
#define TM_ENGINE_KEYS_H

#include <stdint.h>

#include "tm_srtp.h"

enum { TM_KEYS_IDLE = 16 };  // kept although no configuration in force names them

typedef struct tm_key {
  struct tm_key *next;
  tm_srtp_policy policy;
  tm_srtp_direction direction;
  tm_srtp *srtp;
  uint64_t used;  // the last configuration that names it
} tm_key;

typedef struct {
  tm_key *first;
  uint64_t round;                         // configurations so far
  const tm_srtp *receiving, *received;    // of the present configuration, of the one before
} tm_keys;

/** The context of that key, made when there is none. As tm_srtp_create. */
tm_status tm_keys_get(tm_keys *keys, const tm_srtp_policy *policy, tm_srtp_direction direction, uint32_t ssrc, tm_srtp **srtp);
/** A configuration goes on its way: `receiving` is what it receives with, NULL for plain RTP. */
void tm_keys_begin(tm_keys *keys, const tm_srtp *receiving);
/** It names this one too. */
void tm_keys_use(tm_keys *keys, const tm_srtp *srtp);
/** Those that nobody needs any more, out of the ring; NULL: none. */
tm_key *tm_keys_retire(tm_keys *keys);
/** A list of keys, wiped. Any thread that may free. */
void tm_keys_free(void *list);

#endif
