// What audio and video streams share, on the packet thread: a configuration comes into force, packets leave, ways are kept open.
#include "session.h"

#include <stdlib.h>

#include "clock.h"
#include "engine_private.h"
#include "secure.h"

static uint64_t us(int64_t ns)
{
  return (uint64_t)(ns / TM_NS_PER_US);
}

static void keep_alive(const tm_session *session, tm_keepalive *keepalive, const tm_session_config *config, int64_t now)
{
  tm_keepalive_configure(keepalive, &config->keepalive, session->kind->media == TM_MEDIA_VIDEO, config->send, config->receive,
                         us(now));
}

// Early dialogs that were known before go on with what they have; new ones are opened.
static void configure_further(tm_session *session, const tm_session_config *config, int64_t now)
{
  tm_further_paths *old = session->config.further;
  for (unsigned i = 0; config->further && i < config->further->count; i++) {
    tm_path *path = &config->further->paths[i];
    for (unsigned k = 0; old && k < old->count; k++)
      if (tm_address_equal(&old->paths[k].remote, &path->remote)) path->keepalive = old->paths[k].keepalive;
    keep_alive(session, &path->keepalive, config, now);
  }
  if (old) tm_engine_discard(session->engine, free, old);
}

// Nobody of the other family is reached from here: nothing is sent until a place of this one is set.
static void strand(tm_address *place, sa_family_t family)
{
  if (place->storage.ss_family != family) (void)tm_address_parse(family == AF_INET6 ? "::" : "0.0.0.0", 0, place);
}

void tm_session_adopt(tm_session *session, const tm_socket_pair *sockets, int64_t now)
{
  // Two system calls that wait for nobody; what still lay in the old sockets came to an address that is gone.
  tm_socket_pair_close(&session->sockets);
  session->sockets = *sockets;
  session->connected = false;
  session->rtp_intake.deaf = session->rtcp_intake.deaf = false;
  if (!session->configured) return;
  tm_further_paths *further = session->config.further;
  strand(&session->config.remote, sockets->family);
  strand(&session->config.remote_rtcp, sockets->family);
  for (unsigned i = 0; further && i < further->count; i++) {
    strand(&further->paths[i].remote, sockets->family);
    strand(&further->paths[i].remote_rtcp, sockets->family);
  }
  tm_origin_init(&session->origin, &session->config.remote);
  tm_keepalive_moved(&session->keepalive, us(now));
}

void tm_session_configure(tm_session *session, const tm_session_config *config, int64_t now)
{
  bool first = !session->configured;
  if (first && session->rtp_intake.deaf) session->rtp_intake.refill_ns = now;
  if (session->has_source && session->config.clock_hz != config->clock_hz) {
    session->lost_before += tm_rtp_source_lost(&session->source);
    session->has_source = false;
  }
  bool other_bandwidth = first || session->config.rtcp_senders_bps != config->rtcp_senders_bps ||
                         session->config.rtcp_receivers_bps != config->rtcp_receivers_bps ||
                         session->config.rtcp_early.avpf != config->rtcp_early.avpf ||
                         session->config.rtcp_early.trr_interval_us != config->rtcp_early.trr_interval_us;
  if (first || !tm_address_equal(&session->config.remote, &config->remote)) {
    tm_origin_init(&session->origin, &config->remote);
    if (session->connected) tm_socket_disconnect(session->sockets.rtp);
    session->connected = false;
    session->heard = false;
    tm_keepalive_moved(&session->keepalive, us(now));
  }
  if (session->connected && config->further) {
    tm_socket_disconnect(session->sockets.rtp);
    session->connected = false;
  }
  configure_further(session, config, now);
  keep_alive(session, &session->keepalive, config, now);
  // The timeline goes on in the new clock from where it stands.
  if (!first) tm_session_timeline(session, tm_session_timestamp_at(session, now), now);
  tm_secure_switch(session, config, now);
  session->config = *config;
  session->config.retired = NULL;
  if (config->retired) tm_engine_discard(session->engine, tm_keys_free, config->retired);
  session->configured = true;
  if (other_bandwidth) tm_rtcp_schedule(session, now);
}

void tm_session_timeline(tm_session *session, uint32_t timestamp, int64_t at_ns)
{
  session->timestamp = timestamp;
  session->timestamp_ns = at_ns;
}

uint32_t tm_session_timestamp_at(const tm_session *session, int64_t now)
{
  double seconds = (double)(now - session->timestamp_ns) / (double)TM_NS_PER_S;
  return session->timestamp + (uint32_t)(int64_t)(seconds * session->config.clock_hz);
}

static bool send_as_is(tm_session *session, const tm_rtp_packet *packet, const tm_address *to, const tm_shield *shield)
{
  _Alignas(8) uint8_t datagram[TM_DATAGRAM_OCTETS];
  size_t octets = 0;
  bool sent = packet->payload_bytes <= TM_MAX_SENT_PAYLOAD &&
              tm_rtp_build(packet, datagram, sizeof datagram, &octets) == TM_OK &&
              tm_secure_seal(session, shield, TM_PLAIN_RTP, datagram, &octets, sizeof datagram) &&
              tm_socket_send(session->sockets.rtp, datagram, octets, to);
  if (!sent) {
    tm_count(&session->counters.send_errors, 1);
    return false;
  }
  session->sent_any = true;
  tm_count(&session->counters.packets_sent, 1);
  tm_count(&session->counters.octets_sent, packet->payload_bytes);
  return true;
}

static bool send_to(tm_session *session, tm_rtp_packet *packet, const tm_address *to, const tm_shield *shield)
{
  if (tm_address_unspecified(to)) return false;
  packet->ssrc = session->ssrc;
  packet->sequence = session->sequence++;
  return send_as_is(session, packet, to, shield);
}

bool tm_session_send_again(tm_session *session, const tm_rtp_packet *packet)
{
  return send_as_is(session, packet, &session->config.remote, &session->config.shield);
}

bool tm_session_send(tm_session *session, tm_rtp_packet *packet)
{
  if (!send_to(session, packet, &session->config.remote, &session->config.shield)) return false;
  session->media_sent++;
  tm_keepalive_sent(&session->keepalive, us(tm_now_ns()));
  return true;
}

static void tick(tm_session *session, tm_keepalive *keepalive, const tm_address *rtp, const tm_address *rtcp, const tm_shield *shield,
                 int64_t now)
{
  tm_keepalive_action action = tm_keepalive_tick(keepalive, us(now));
  if (action == TM_KEEPALIVE_NONE) return;
  tm_rtp_packet empty = {.payload_type = session->config.keepalive.payload_type,
                         .timestamp = tm_session_timestamp_at(session, now)};
  if (!tm_address_unspecified(rtp) && send_to(session, &empty, rtp, shield)) tm_count(&session->counters.keepalives_sent, 1);
  if (action == TM_KEEPALIVE_OPEN) tm_rtcp_open(session, rtcp, shield, now);
}

void tm_session_beat(tm_session *session, int64_t now)
{
  tm_further_paths *further = session->config.further;
  if (!session->configured) return;
  tick(session, &session->keepalive, &session->config.remote, &session->config.remote_rtcp, &session->config.shield, now);
  for (unsigned i = 0; further && i < further->count; i++)
    tick(session, &further->paths[i].keepalive, &further->paths[i].remote, &further->paths[i].remote_rtcp, &further->paths[i].shield,
         now);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
  return a < b ? a : b;
}

int64_t tm_session_deadline(const tm_session *session)
{
  const tm_further_paths *further = session->config.further;
  if (!session->configured) return TM_NEVER;
  uint64_t next = tm_keepalive_next(&session->keepalive);
  for (unsigned i = 0; further && i < further->count; i++) next = earlier(next, tm_keepalive_next(&further->paths[i].keepalive));
  return next == TM_KEEPALIVE_NEVER ? TM_NEVER : (int64_t)next * TM_NS_PER_US;
}
