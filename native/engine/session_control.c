// What audio and video streams share, control side: made, moved, told of its path, released.
#include "session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"
#include "engine_private.h"

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
  if (getrandom(&start, sizeof start, 0) != sizeof start) start = 0;
  int code = tm_socket_pair_open(&local, from, to, start, sockets);
  if (code == 0) {
    if (session->kind->prepare) {
      session->kind->prepare(sockets->family, sockets->rtp);
      session->kind->prepare(sockets->family, sockets->rtcp);
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
  session->family = move.sockets.family;
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
  session->family = session->sockets.family;
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
