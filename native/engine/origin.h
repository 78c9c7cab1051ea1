// Whose packets a stream takes. A peer may send from another port or address than its SDP names (26.114 7.2), as behind a NAT;
// but who is nearer to what was signalled takes the stream from who is farther, and never the other way round while it is heard.
#ifndef TM_ENGINE_ORIGIN_H
#define TM_ENGINE_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "net.h"

typedef enum {
  TM_ORIGIN_NONE = 0,   // nobody was heard
  TM_ORIGIN_STRANGER,   // an address that the SDP does not name
  TM_ORIGIN_HOST,       // the SDP's address, another port
  TM_ORIGIN_SIGNALLED,  // address and port of the SDP: it keeps the stream until another SDP
} tm_origin_rank;

typedef struct {
  tm_address signalled, heard;
  tm_origin_rank rank;  // of `heard`
  int64_t heard_ns;
} tm_origin;

/** Nobody was heard yet; `signalled` is the peer of the SDP. */
void tm_origin_init(tm_origin *origin, const tm_address *signalled);
/** Whether a packet from there may be looked at. */
bool tm_origin_takes(const tm_origin *origin, const tm_address *from, int64_t now_ns);
/** A good packet came from where tm_origin_takes allows it: this is the origin now. */
void tm_origin_heard(tm_origin *origin, const tm_address *from, int64_t now_ns);
/** Whether `from` is the present origin. */
bool tm_origin_is(const tm_origin *origin, const tm_address *from);
/** Whether the present origin is the one of the SDP, which nobody can replace. */
bool tm_origin_certain(const tm_origin *origin);
/** Whether `from` has the address of the SDP or of the present origin, or nobody was heard. */
bool tm_origin_shares_host(const tm_origin *origin, const tm_address *from);

#endif
