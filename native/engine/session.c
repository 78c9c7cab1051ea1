// What audio and video streams share: made by the control thread, used by the packet thread.
#include "session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"
#include "engine_private.h"
#include "secure.h"

enum {
  UNKNOWN = -1,
  MIN_KEEPALIVE_MS = 20,
  MAX_KEEPALIVE_MS = 3600000,
};

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
  // RFC 3711 3.3.1: in the lower half, so that the loss of the first packets never hides a rollover.
  session->sequence = drawn.sequence & 0x7fff;
  session->timestamp = drawn.timestamp;
  return true;
}

static tm_engine_status open_sockets(tm_session *session, const char *address, uint16_t from, uint16_t to,
                                     tm_socket_pair *sockets, tm_error *error)
{
  tm_address local;
  uint16_t start = 0;
  if (tm_address_parse(address, 0, &local) != 0)
    return tm_error_set(error, TM_ENGINE_ADDRESS, 0, "%s: not an IP address", address);
  if (session->family != AF_UNSPEC && local.storage.ss_family != session->family)
    return tm_error_set(error, TM_ENGINE_ADDRESS, 0, "%s: not of the stream's family", address);
  if (getrandom(&start, sizeof start, 0) != sizeof start) start = 0;
  int code = tm_socket_pair_open(&local, from, to, start, sockets);
  if (code == 0) {
    // Once, before other threads know the stream.
    if (session->family == AF_UNSPEC) session->family = local.storage.ss_family;
    if (session->kind->prepare) {
      session->kind->prepare(session, sockets->rtp);
      session->kind->prepare(session, sockets->rtcp);
    }
    return TM_ENGINE_OK;
  }
  if (code == -EADDRINUSE) return tm_error_set(error, TM_ENGINE_PORTS, code, "no free port pair in %u-%u", from, to);
  if (code == -EMFILE || code == -ENFILE) return tm_error_set(error, TM_ENGINE_MEMORY, code, "%s", strerror(-code));
  return tm_error_set(error, TM_ENGINE_ADDRESS, code, "%s: %s", address, strerror(-code));
}

tm_engine_status tm_session_move(tm_session *session, const char *address, uint16_t port_from, uint16_t port_to, tm_error *error)
{
  if (session->close_asked) return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "the stream is closed");
  tm_command move = {.kind = TM_COMMAND_MOVE, .session = session};
  tm_engine_status status = open_sockets(session, address, port_from, port_to, &move.sockets, error);
  if (status != TM_ENGINE_OK) return status;
  if (!tm_worker_send(&session->engine->packet, &move)) {
    tm_socket_pair_close(&move.sockets);
    return tm_error_set(error, TM_ENGINE_LIMIT, 0, "the packet thread's queue is full");
  }
  session->port = move.sockets.port;
  return TM_ENGINE_OK;
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
  tm_keepalive_init(&session->keepalive);
  atomic_init(&session->counters.rtt_us, UNKNOWN);
  atomic_init(&session->counters.far_loss_256, UNKNOWN);
  if (!draw_random(session)) return tm_error_set(error, TM_ENGINE_MEMORY, 0, "no random numbers");
  tm_engine_status status = open_sockets(session, address, port_from, port_to, &session->sockets, error);
  session->port = session->sockets.port;
  return status;
}

void tm_session_release(tm_session *session)
{
  tm_socket_pair_close(&session->sockets);
  tm_session_config_drop(&session->config);
  tm_keys_free(session->keys.first);
  session->keys = (tm_keys){.first = NULL};
}

static tm_engine_status parse_place(const tm_session *session, const tm_place *place, tm_address *remote, tm_address *rtcp,
                                    tm_error *error)
{
  const char *host = place->rtcp_address && place->rtcp_address[0] != '\0' ? place->rtcp_address : place->address;
  uint16_t rtcp_port = place->rtcp_port ? place->rtcp_port : (uint16_t)(place->port + 1);
  if (place->port == 0) return tm_error_set(error, TM_ENGINE_ADDRESS, 0, "remote port 0");
  if (tm_address_parse(place->address, place->port, remote) != 0)
    return tm_error_set(error, TM_ENGINE_ADDRESS, 0, "%s: not an IP address", place->address);
  if (tm_address_parse(host, rtcp_port, rtcp) != 0)
    return tm_error_set(error, TM_ENGINE_ADDRESS, 0, "%s: not an IP address", host);
  if (remote->storage.ss_family != session->family || rtcp->storage.ss_family != session->family)
    return tm_error_set(error, TM_ENGINE_ADDRESS, 0, "%s: not of the local address's family", place->address);
  return TM_ENGINE_OK;
}

tm_engine_status tm_session_addresses(const tm_session *session, const char *address, uint16_t port, const char *rtcp_address,
                                      uint16_t rtcp_port, tm_session_config *config, tm_error *error)
{
  tm_place place = {.address = address, .port = port, .rtcp_address = rtcp_address, .rtcp_port = rtcp_port};
  return parse_place(session, &place, &config->remote, &config->remote_rtcp, error);
}

static bool in_reason(const tm_keepalive_config *keepalive)
{
  const uint32_t times[] = {keepalive->burst_ms, keepalive->spacing_ms, keepalive->interval_ms};
  for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
    if (times[i] != 0 && (times[i] < MIN_KEEPALIVE_MS || times[i] > MAX_KEEPALIVE_MS)) return false;
  return keepalive->payload_type <= TM_RTP_MAX_PAYLOAD_TYPE;
}

static tm_engine_status context_of(tm_session *session, const tm_srtp_policy *policy, tm_srtp_direction direction, tm_srtp **srtp,
                                   tm_error *error)
{
  const tm_srtp_suite_info *info = tm_srtp_info_of(policy->suite);
  tm_status status = tm_keys_get(&session->keys, policy, direction, session->ssrc, srtp);
  if (status == TM_OK) return TM_ENGINE_OK;
  return tm_error_set(error, status == TM_ERR_MEMORY ? TM_ENGINE_MEMORY : TM_ENGINE_ARGUMENT, 0, "SRTP with %s: %s",
                      info ? info->name : "an unknown suite", tm_status_text(status));
}

static tm_engine_status shield_of(tm_session *session, const tm_srtp_policy *policy, tm_shield *shield, tm_error *error)
{
  *shield = (tm_shield){.on = policy != NULL};
  return policy ? context_of(session, policy, TM_SRTP_SEND, &shield->send, error) : TM_ENGINE_OK;
}

static tm_engine_status protect(tm_session *session, const tm_path_config *path, tm_session_config *config, tm_error *error)
{
  config->retired = NULL;
  config->srtp_receive = NULL;
  if (!path->srtp_send != !path->srtp_receive) return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "SRTP in one direction");
  tm_engine_status status = shield_of(session, path->srtp_send, &config->shield, error);
  if (status == TM_ENGINE_OK && path->srtp_receive)
    status = context_of(session, path->srtp_receive, TM_SRTP_RECEIVE, &config->srtp_receive, error);
  return status;
}

void tm_session_path_taken(tm_session *session, const tm_path_config *path, tm_session_config *config)
{
  session->suite = path->srtp_send ? tm_srtp_info_of(path->srtp_send->suite)->name : NULL;
  tm_keys_begin(&session->keys, config->srtp_receive);
  tm_keys_use(&session->keys, config->shield.send);
  for (unsigned i = 0; config->further && i < config->further->count; i++)
    tm_keys_use(&session->keys, config->further->paths[i].shield.send);
  config->retired = tm_keys_retire(&session->keys);
}

const char *tm_session_suite(const tm_session *session)
{
  return session->suite;
}

static tm_engine_status further_places(tm_session *session, const tm_path_config *path, tm_session_config *config,
                                       tm_error *error)
{
  size_t count = path->also_count;
  config->further = calloc(1, sizeof *config->further + count * sizeof config->further->paths[0]);
  if (!config->further) return tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for further places");
  tm_engine_status status = TM_ENGINE_OK;
  for (; config->further->count < count && status == TM_ENGINE_OK; config->further->count++) {
    tm_path *further = &config->further->paths[config->further->count];
    const tm_place *place = &path->also[config->further->count];
    status = parse_place(session, place, &further->remote, &further->remote_rtcp, error);
    if (status == TM_ENGINE_OK) status = shield_of(session, place->srtp_send, &further->shield, error);
  }
  return status;
}

tm_engine_status tm_session_path(tm_session *session, const tm_path_config *path, tm_session_config *config, tm_error *error)
{
  size_t count = path->keepalive.enabled ? path->also_count : 0;
  if (!in_reason(&path->keepalive) || count > TM_ENGINE_MAX_PLACES)
    return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "keep-alive: payload type up to %d, %d to %d ms, at most %d further places",
                        TM_RTP_MAX_PAYLOAD_TYPE, MIN_KEEPALIVE_MS, MAX_KEEPALIVE_MS, TM_ENGINE_MAX_PLACES);
  config->keepalive = path->keepalive;
  config->further = NULL;
  tm_engine_status status = protect(session, path, config, error);
  if (status == TM_ENGINE_OK && count > 0) status = further_places(session, path, config, error);
  if (status != TM_ENGINE_OK) tm_session_config_drop(config);
  return status;
}

void tm_session_config_drop(tm_session_config *config)
{
  free(config->further);
  tm_keys_free(config->retired);
  config->further = NULL;
  config->retired = NULL;
}

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

void tm_session_adopt(tm_session *session, const tm_socket_pair *sockets, int64_t now)
{
  // Two system calls that wait for nobody; what still lay in the old sockets came to an address that is gone.
  tm_socket_pair_close(&session->sockets);
  session->sockets = *sockets;
  session->connected = false;
  session->rtp_intake.deaf = session->rtcp_intake.deaf = false;
  if (!session->configured) return;
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
