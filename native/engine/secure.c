// Packet thread: SRTP and SRTCP of a session, over a change of keys too.
#include "secure.h"

#include <string.h>

#include "clock.h"

bool tm_secure_seal(tm_session *session, const tm_shield *shield, tm_plain kind, uint8_t *packet, size_t *octets, size_t capacity)
{
  if (!shield->on) return true;
  if (shield->send && (kind == TM_PLAIN_RTP ? tm_srtp_protect(shield->send, packet, octets, capacity)
                                            : tm_srtp_protect_rtcp(shield->send, packet, octets, capacity)) == TM_OK)
    return true;
  // Closed when in doubt: what has to be protected and cannot be does not leave.
  tm_count(&session->counters.srtp_failures, 1);
  return false;
}

static tm_status unprotect(tm_srtp *srtp, tm_plain kind, uint8_t *packet, size_t *octets)
{
  return kind == TM_PLAIN_RTP ? tm_srtp_unprotect(srtp, packet, octets) : tm_srtp_unprotect_rtcp(srtp, packet, octets);
}

static bool refuse(tm_session *session)
{
  tm_count(&session->counters.srtp_failures, 1);
  return false;
}

// The new key was heard: the one before has not long to live.
static void settle(tm_session *session, int64_t now)
{
  int64_t until = now + TM_SECURE_SETTLED_MS * TM_NS_PER_MS;
  if (session->settled) return;
  session->settled = true;
  if (until < session->before_until_ns) session->before_until_ns = until;
}

// While keys change. A packet that could not be opened is spoilt, so that every key gets a copy of its own.
static bool open_either(tm_session *session, tm_srtp *present, tm_plain kind, uint8_t *packet, size_t *octets, int64_t now)
{
  _Alignas(8) uint8_t copy[TM_DATAGRAM_OCTETS];
  size_t copied = *octets;
  memcpy(copy, packet, copied);
  tm_status status = present ? unprotect(present, kind, copy, &copied) : TM_ERR_ACCESS;
  if (status == TM_OK) settle(session, now);
  if (status == TM_ERR_DUPLICATE) return refuse(session);
  if (status != TM_OK) {
    copied = *octets;
    memcpy(copy, packet, copied);
    status = unprotect(session->srtp_before, kind, copy, &copied);
  }
  if (status == TM_ERR_DUPLICATE || (status != TM_OK && present)) return refuse(session);
  if (status != TM_OK) return true;  // plain RTP was agreed, and this is some
  memcpy(packet, copy, copied);
  *octets = copied;
  return true;
}

bool tm_secure_open(tm_session *session, tm_plain kind, uint8_t *packet, size_t *octets, int64_t now)
{
  tm_srtp *present = session->config.shield.on ? session->config.srtp_receive : NULL;
  if (session->srtp_before && now >= session->before_until_ns) session->srtp_before = NULL;
  if (session->config.shield.on && !present) return refuse(session);
  if (session->srtp_before) return open_either(session, present, kind, packet, octets, now);
  return !present || unprotect(present, kind, packet, octets) == TM_OK || refuse(session);
}

void tm_secure_switch(tm_session *session, const tm_session_config *config, int64_t now)
{
  tm_srtp *present = session->config.shield.on ? session->config.srtp_receive : NULL;
  tm_srtp *next = config->shield.on ? config->srtp_receive : NULL;
  if (present == next) return;
  session->srtp_before = present;
  session->before_until_ns = now + TM_SECURE_BEFORE_MS * TM_NS_PER_MS;
  session->settled = false;
}
