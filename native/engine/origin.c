// Whose packets a stream takes (26.114 7.2).
#include "origin.h"

#include "clock.h"

static const int64_t SILENT_NS = 2 * TM_NS_PER_S;  // then somebody of the same rank or below may follow: a NAT that forgot its port

void tm_origin_init(tm_origin *origin, const tm_address *signalled)
{
  *origin = (tm_origin){.signalled = *signalled, .rank = TM_ORIGIN_NONE};
}

static tm_origin_rank rank_of(const tm_origin *origin, const tm_address *from)
{
  if (tm_address_equal(&origin->signalled, from)) return TM_ORIGIN_SIGNALLED;
  return tm_address_same_host(&origin->signalled, from) ? TM_ORIGIN_HOST : TM_ORIGIN_STRANGER;
}

bool tm_origin_takes(const tm_origin *origin, const tm_address *from, int64_t now_ns)
{
  if (origin->rank == TM_ORIGIN_NONE || tm_origin_is(origin, from)) return true;
  if (rank_of(origin, from) > origin->rank) return true;
  return origin->rank != TM_ORIGIN_SIGNALLED && now_ns - origin->heard_ns >= SILENT_NS;
}

void tm_origin_heard(tm_origin *origin, const tm_address *from, int64_t now_ns)
{
  if (!tm_origin_is(origin, from)) {
    origin->heard = *from;
    origin->rank = rank_of(origin, from);
  }
  origin->heard_ns = now_ns;
}

bool tm_origin_is(const tm_origin *origin, const tm_address *from)
{
  return origin->rank != TM_ORIGIN_NONE && tm_address_equal(&origin->heard, from);
}

bool tm_origin_certain(const tm_origin *origin)
{
  return origin->rank == TM_ORIGIN_SIGNALLED;
}

bool tm_origin_shares_host(const tm_origin *origin, const tm_address *from)
{
  return origin->rank == TM_ORIGIN_NONE || tm_address_same_host(&origin->heard, from) ||
         tm_address_same_host(&origin->signalled, from);
}
