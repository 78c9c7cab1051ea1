// What audio and video streams share: made by the control thread, used by the packet thread.
#include "session.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"
#include "engine_private.h"

enum { UNKNOWN = -1 };

static bool draw_random(tm_session *session)
{
  struct {
    uint64_t seed;
    uint32_t ssrc, timestamp;
    uint16_t sequence;
  } drawn;
  if (getrandom(&drawn, sizeof drawn, 0) != sizeof drawn) return false;
  session->ssrc = drawn.ssrc;
  session->random = drawn.seed;
  session->sequence = drawn.sequence;
  session->timestamp = drawn.timestamp;
  return true;
}

static tm_engine_status open_sockets(tm_session *session, const char *address, uint16_t from, uint16_t to, tm_error *error)
{
  tm_address local;
  uint16_t start = 0;
  if (tm_address_parse(address, 0, &local) != 0)
    return tm_error_set(error, TM_ENGINE_ADDRESS, 0, "%s: not an IP address", address);
  session->family = local.storage.ss_family;
  if (getrandom(&start, sizeof start, 0) != sizeof start) start = 0;
  int code = tm_socket_pair_open(&local, from, to, start, &session->sockets);
  session->port = session->sockets.port;
  if (code == 0) return TM_ENGINE_OK;
  if (code == -EADDRINUSE) return tm_error_set(error, TM_ENGINE_PORTS, code, "no free port pair in %u-%u", from, to);
  if (code == -EMFILE || code == -ENFILE) return tm_error_set(error, TM_ENGINE_MEMORY, code, "%s", strerror(-code));
  return tm_error_set(error, TM_ENGINE_ADDRESS, code, "%s: %s", address, strerror(-code));
}

tm_engine_status tm_session_init(tm_session *session, const tm_session_kind *kind, tm_engine *engine, uint32_t id,
                                 const char *address, uint16_t port_from, uint16_t port_to, tm_error *error)
{
  memset(session, 0, sizeof *session);
  session->kind = kind;
  session->engine = engine;
  session->id = id;
  session->sockets = (tm_socket_pair){.rtp = -1, .rtcp = -1};
  session->next_rtcp_ns = TM_NEVER;
  session->timestamp_ns = tm_now_ns();
  atomic_init(&session->counters.rtt_us, UNKNOWN);
  atomic_init(&session->counters.far_loss_256, UNKNOWN);
  if (!draw_random(session)) return tm_error_set(error, TM_ENGINE_MEMORY, 0, "no random numbers");
  return open_sockets(session, address, port_from, port_to, error);
}

void tm_session_release(tm_session *session)
{
  tm_socket_pair_close(&session->sockets);
}

tm_engine_status tm_session_addresses(const tm_session *session, const char *address, uint16_t port, const char *rtcp_address,
                                      uint16_t rtcp_port, tm_session_config *config, tm_error *error)
{
  if (port == 0) return tm_error_set(error, TM_ENGINE_ADDRESS, 0, "remote port 0");
  if (!rtcp_address || rtcp_address[0] == '\0') rtcp_address = address;
  if (rtcp_port == 0) rtcp_port = (uint16_t)(port + 1);
  if (tm_address_parse(address, port, &config->remote) != 0)
    return tm_error_set(error, TM_ENGINE_ADDRESS, 0, "%s: not an IP address", address);
  if (tm_address_parse(rtcp_address, rtcp_port, &config->remote_rtcp) != 0)
    return tm_error_set(error, TM_ENGINE_ADDRESS, 0, "%s: not an IP address", rtcp_address);
  if (config->remote.storage.ss_family != session->family || config->remote_rtcp.storage.ss_family != session->family)
    return tm_error_set(error, TM_ENGINE_ADDRESS, 0, "%s: not of the local address's family", address);
  return TM_ENGINE_OK;
}

void tm_session_configure(tm_session *session, const tm_session_config *config, int64_t now)
{
  bool first = !session->configured;
  if (session->has_source && session->config.clock_hz != config->clock_hz) {
    session->lost_before += tm_rtp_source_lost(&session->source);
    session->has_source = false;
  }
  bool other_bandwidth = first || session->config.rtcp_senders_bps != config->rtcp_senders_bps ||
                         session->config.rtcp_receivers_bps != config->rtcp_receivers_bps ||
                         session->config.rtcp_minimum_us != config->rtcp_minimum_us;
  if (first || !tm_address_equal(&session->config.remote, &config->remote)) {
    tm_origin_init(&session->origin, &config->remote);
    if (session->connected) tm_socket_disconnect(session->sockets.rtp);
    session->connected = false;
  }
  // The timeline goes on in the new clock from where it stands.
  if (!first) tm_session_timeline(session, tm_session_timestamp_at(session, now), now);
  session->config = *config;
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

bool tm_session_send(tm_session *session, tm_rtp_packet *packet)
{
  uint8_t datagram[TM_DATAGRAM_OCTETS];
  size_t octets = 0;
  packet->ssrc = session->ssrc;
  packet->sequence = session->sequence++;
  bool sent = packet->payload_bytes <= TM_MAX_SENT_PAYLOAD &&
              tm_rtp_build(packet, datagram, sizeof datagram, &octets) == TM_OK &&
              tm_socket_send(session->sockets.rtp, datagram, octets, &session->config.remote);
  if (!sent) {
    tm_count(&session->counters.send_errors, 1);
    return false;
  }
  session->sent_any = true;
  tm_count(&session->counters.packets_sent, 1);
  tm_count(&session->counters.octets_sent, packet->payload_bytes);
  return true;
}
