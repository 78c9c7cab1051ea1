// Node-API addon: the functions of engine.h for JavaScript. No logic; src/media/addon.ts holds the types.
#define NAPI_VERSION 8
#include <node_api.h>
#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "measure.h"
#include "values.h"

napi_value fail(napi_env env, const tm_error *error)
{
  napi_value code, text, object;
  napi_create_string_utf8(env, tm_engine_status_text(error->status), NAPI_AUTO_LENGTH, &code);
  napi_create_string_utf8(env, error->text, NAPI_AUTO_LENGTH, &text);
  napi_create_error(env, code, text, &object);
  value_set_number(env, object, "errno", error->code);
  napi_throw(env, object);
  return NULL;
}

static void notify(void *context)
{
  // Full means that a call is waiting to run already; it will take every event.
  (void)napi_call_threadsafe_function(((handle *)context)->on_events, NULL, napi_tsfn_nonblocking);
}

static void shut(void *context)
{
  handle *self = context;
  if (!self->engine) return;
  tm_engine_destroy(self->engine);
  self->engine = NULL;
  (void)napi_release_threadsafe_function(self->on_events, napi_tsfn_abort);
}

static void collected(napi_env env, void *data, void *hint)
{
  (void)hint;
  napi_remove_env_cleanup_hook(env, shut, data);
  shut(data);
  free(data);
}

// Arguments of a call; the first is the external unless `self` is NULL.
bool take(napi_env env, napi_callback_info info, napi_value *arguments, handle **self)
{
  size_t count = MAX_ARGUMENTS;
  void *data = NULL;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok) return false;
  if (!self) return true;
  if (napi_get_value_external(env, arguments[0], &data) != napi_ok || !((handle *)data)->engine) {
    napi_throw_error(env, "closed", "the media engine is closed");
    return false;
  }
  *self = data;
  return true;
}

static napi_value create(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS], name, external;
  tm_error error = {.status = TM_ENGINE_MEMORY};
  bool realtime = false;
  if (!take(env, info, arguments, NULL)) return NULL;
  handle *self = calloc(1, sizeof *self);
  if (!self) return fail(env, &error);
  napi_get_value_bool(env, arguments[0], &realtime);
  napi_create_string_utf8(env, "tandem media", NAPI_AUTO_LENGTH, &name);
  if (napi_create_threadsafe_function(env, arguments[1], NULL, name, 1, 1, NULL, NULL, NULL, NULL, &self->on_events) !=
      napi_ok) {
    free(self);
    napi_throw_type_error(env, "argument", "create(realtime, onEvents, room, video)");
    return NULL;
  }
  tm_engine_options options = {.realtime = realtime,
                               .room = {.echo_cancel = value_boolean(env, arguments[2], "echoCancel"),
                                        .noise_suppression = value_boolean(env, arguments[2], "noiseSuppression"),
                                        .gain_control = value_boolean(env, arguments[2], "gainControl"),
                                        .delay_ms = (int)value_number(env, arguments[2], "delayMs")},
                               .video_width = (unsigned)value_number(env, arguments[3], "width"),
                               .video_height = (unsigned)value_number(env, arguments[3], "height"),
                               .notify = notify,
                               .context = self};
  self->engine = tm_engine_create(&options, &error);
  if (!self->engine) {
    (void)napi_release_threadsafe_function(self->on_events, napi_tsfn_abort);
    free(self);
    return fail(env, &error);
  }
  napi_create_external(env, self, collected, NULL, &external);
  napi_add_env_cleanup_hook(env, shut, self);
  return external;
}

static napi_value destroy(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS];
  handle *self;
  if (take(env, info, arguments, &self)) shut(self);
  return NULL;
}

static napi_value is_realtime(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS], result = NULL;
  handle *self;
  if (take(env, info, arguments, &self)) napi_get_boolean(env, tm_engine_is_realtime(self->engine), &result);
  return result;
}

static void read_endpoint(napi_env env, napi_value options, const char *key, char *name, tm_endpoint *endpoint)
{
  napi_value object = value_get(env, options, key);
  endpoint->kind = (tm_endpoint_kind)value_number(env, object, "kind");
  endpoint->hertz = value_number(env, object, "hertz");
  value_string(env, object, "name", name, NAME_OCTETS);
  endpoint->name = name;
}

static napi_value open_stream(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS], result;
  handle *self;
  char address[ADDRESS_OCTETS], capture[NAME_OCTETS], playback[NAME_OCTETS];
  tm_error error = {.status = TM_ENGINE_OK};
  uint32_t id = 0;
  if (!take(env, info, arguments, &self)) return NULL;
  value_string(env, arguments[1], "address", address, sizeof address);
  tm_stream_options options = {.address = address,
                               .port_from = (uint16_t)value_number(env, arguments[1], "from"),
                               .port_to = (uint16_t)value_number(env, arguments[1], "to")};
  read_endpoint(env, arguments[1], "capture", capture, &options.capture);
  read_endpoint(env, arguments[1], "playback", playback, &options.playback);
  if (tm_stream_open(self->engine, &options, &id, &error) != TM_ENGINE_OK) return fail(env, &error);
  napi_create_object(env, &result);
  value_set_number(env, result, "id", id);
  value_set_number(env, result, "port", tm_stream_port(self->engine, id));
  return result;
}

// NULL when there is none. A key that is too long or an unknown suite is refused by the engine.
static const tm_srtp_policy *read_policy(napi_env env, napi_value from, const char *key, tm_srtp_policy *policy)
{
  char suite[SUITE_OCTETS];
  napi_value object = value_get(env, from, key);
  napi_valuetype type = napi_undefined;
  if (napi_typeof(env, object, &type) != napi_ok || type != napi_object) return NULL;
  *policy = (tm_srtp_policy){.suite = TM_SRTP_SUITES};
  value_string(env, object, "suite", suite, sizeof suite);
  (void)tm_srtp_suite_named(suite, &policy->suite);
  policy->key_octets = value_octets(env, object, "key", policy->key, sizeof policy->key);
  policy->mki_octets = value_octets(env, object, "mki", policy->mki, sizeof policy->mki);
  return policy;
}

void read_path(napi_env env, napi_value from, path_texts *texts, tm_path_config *path)
{
  napi_value srtp = value_get(env, from, "srtp");
  napi_valuetype type = napi_undefined;
  bool on = napi_typeof(env, srtp, &type) == napi_ok && type == napi_object;
  path->srtp_send = on ? read_policy(env, srtp, "send", &texts->send) : NULL;
  path->srtp_receive = on ? read_policy(env, srtp, "receive", &texts->receive) : NULL;
  napi_value keepalive = value_get(env, from, "keepAlive"), also = value_get(env, from, "alsoTo"), entry;
  uint32_t count = 0;
  path->keepalive = (tm_keepalive_config){.enabled = value_boolean(env, keepalive, "enabled"),
                                          .phase = (tm_keepalive_phase)value_number(env, keepalive, "phase"),
                                          .payload_type = (uint8_t)value_number(env, keepalive, "payloadType"),
                                          .burst_ms = (uint32_t)value_number(env, keepalive, "burstMs"),
                                          .spacing_ms = (uint32_t)value_number(env, keepalive, "spacingMs"),
                                          .interval_ms = (uint32_t)value_number(env, keepalive, "intervalMs")};
  (void)napi_get_array_length(env, also, &count);
  path->also = texts->places;
  path->also_count = count;  // too many are refused by the engine
  for (uint32_t i = 0; i < count && i < TM_ENGINE_MAX_PLACES; i++) {
    if (napi_get_element(env, also, i, &entry) != napi_ok) return;
    value_string(env, entry, "address", texts->addresses[i], ADDRESS_OCTETS);
    value_string(env, entry, "rtcpAddress", texts->rtcp_addresses[i], ADDRESS_OCTETS);
    texts->places[i] = (tm_place){.address = texts->addresses[i],
                                  .port = (uint16_t)value_number(env, entry, "port"),
                                  .rtcp_address = texts->rtcp_addresses[i],
                                  .rtcp_port = (uint16_t)value_number(env, entry, "rtcpPort"),
                                  .srtp_send = read_policy(env, entry, "srtp", &texts->also[i])};
  }
}

const tm_endpoint *read_end(napi_env env, napi_value options, const char *key, char *name, tm_endpoint *endpoint)
{
  napi_valuetype type = napi_undefined;
  if (napi_typeof(env, value_get(env, options, key), &type) != napi_ok || type != napi_object) return NULL;
  read_endpoint(env, options, key, name, endpoint);
  return endpoint;
}

static napi_value attach(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS];
  handle *self;
  char names[2][NAME_OCTETS];
  tm_endpoint ends[2];
  tm_error error = {.status = TM_ENGINE_OK};
  if (!take(env, info, arguments, &self)) return NULL;
  const tm_endpoint *capture = read_end(env, arguments[2], "capture", names[0], &ends[0]);
  const tm_endpoint *playback = read_end(env, arguments[2], "playback", names[1], &ends[1]);
  if (tm_stream_attach(self->engine, value_uint32(env, arguments[1]), capture, playback, &error) != TM_ENGINE_OK)
    return fail(env, &error);
  return NULL;
}

static napi_value configure(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS];
  handle *self;
  char address[ADDRESS_OCTETS], rtcp_address[ADDRESS_OCTETS];
  tm_error error = {.status = TM_ENGINE_OK};
  if (!take(env, info, arguments, &self)) return NULL;
  napi_value from = arguments[2];
  value_string(env, from, "address", address, sizeof address);
  value_string(env, from, "rtcpAddress", rtcp_address, sizeof rtcp_address);
  tm_stream_config config = {.remote_address = address,
                             .remote_port = (uint16_t)value_number(env, from, "port"),
                             .remote_rtcp_address = rtcp_address,
                             .remote_rtcp_port = (uint16_t)value_number(env, from, "rtcpPort"),
                             .codec = (tm_codec_name)value_number(env, from, "codec"),
                             .payload_type = (uint8_t)value_number(env, from, "payloadType"),
                             .receive_payload_type = (uint8_t)value_number(env, from, "receivePayloadType"),
                             .octet_aligned = value_boolean(env, from, "octetAligned"),
                             .mode_set = (uint16_t)value_number(env, from, "modeSet"),
                             .mode_change_period = (uint8_t)value_number(env, from, "modeChangePeriod"),
                             .any_mode_change = value_boolean(env, from, "anyModeChange"),
                             .dtx = value_boolean(env, from, "dtx"),
                             .fec = value_boolean(env, from, "fec"),
                             .max_bps = (uint32_t)value_number(env, from, "maxBitRate"),
                             .dtmf_payload_type = (int)value_number(env, from, "dtmfPayloadType"),
                             .dtmf_receive_payload_type = (int)value_number(env, from, "dtmfReceivePayloadType"),
                             .dtmf_clock_rate = (uint32_t)value_number(env, from, "dtmfClockRate"),
                             .ptime_ms = (uint16_t)value_number(env, from, "ptimeMs"),
                             .send = value_boolean(env, from, "send"),
                             .receive = value_boolean(env, from, "receive"),
                             .rtcp_senders_bps = (uint32_t)value_number(env, from, "rtcpSenders"),
                             .rtcp_receivers_bps = (uint32_t)value_number(env, from, "rtcpReceivers"),
                             .extended_reports = value_boolean(env, from, "extendedReports")};
  value_string(env, from, "cname", config.cname, sizeof config.cname);
  path_texts texts;
  read_path(env, from, &texts, &config.path);
  tm_engine_status status = tm_stream_configure(self->engine, value_uint32(env, arguments[1]), &config, &error);
  explicit_bzero(&texts, sizeof texts);
  if (status != TM_ENGINE_OK) return fail(env, &error);
  return NULL;
}

/** New ports at another address; gives the one of RTP. */
static napi_value move(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS], result;
  handle *self;
  char address[ADDRESS_OCTETS];
  tm_error error = {.status = TM_ENGINE_OK};
  if (!take(env, info, arguments, &self)) return NULL;
  uint32_t stream = value_uint32(env, arguments[1]);
  value_string(env, arguments[2], "address", address, sizeof address);
  if (tm_stream_move(self->engine, stream, address, (uint16_t)value_number(env, arguments[2], "from"),
                     (uint16_t)value_number(env, arguments[2], "to"), &error) != TM_ENGINE_OK)
    return fail(env, &error);
  napi_create_uint32(env, tm_stream_port(self->engine, stream), &result);
  return result;
}

static napi_value send_dtmf(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS];
  handle *self;
  char digits[TM_ENGINE_MAX_DIGITS + 2];  // one too many is seen by the engine
  size_t octets = 0;
  tm_error error = {.status = TM_ENGINE_OK};
  if (!take(env, info, arguments, &self)) return NULL;
  napi_get_value_string_utf8(env, arguments[2], digits, sizeof digits, &octets);
  if (tm_stream_send_dtmf(self->engine, value_uint32(env, arguments[1]), digits, value_uint32(env, arguments[3]),
                          value_uint32(env, arguments[4]), &error) != TM_ENGINE_OK)
    return fail(env, &error);
  return NULL;
}

static napi_value tone(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS];
  handle *self;
  tm_error error = {.status = TM_ENGINE_OK};
  if (!take(env, info, arguments, &self)) return NULL;
  if (tm_stream_tone(self->engine, value_uint32(env, arguments[1]), (tm_progress_tone)value_uint32(env, arguments[2]), &error) !=
      TM_ENGINE_OK)
    return fail(env, &error);
  return NULL;
}

static napi_value stats(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS], result;
  handle *self;
  tm_stream_stats stats;
  if (!take(env, info, arguments, &self)) return NULL;
  if (tm_stream_stats_get(self->engine, value_uint32(env, arguments[1]), &stats) != TM_ENGINE_OK) return NULL;
  const struct {
    const char *name;
    double value;
  } rows[] = {
      {"packetsSent", (double)stats.packets_sent},
      {"octetsSent", (double)stats.octets_sent},
      {"packetsReceived", (double)stats.packets_received},
      {"octetsReceived", (double)stats.octets_received},
      {"packetsLost", (double)stats.packets_lost},
      {"packetsLate", (double)stats.packets_late},
      {"packetsDiscarded", (double)stats.packets_discarded},
      {"rtcpSent", (double)stats.rtcp_sent},
      {"rtcpReceived", (double)stats.rtcp_received},
      {"concealedMs", (double)stats.concealed_ms},
      {"ticksMissed", (double)stats.ticks_missed},
      {"sendErrors", (double)stats.send_errors},
      {"dtmfSent", (double)stats.dtmf_sent},
      {"dtmfReceived", (double)stats.dtmf_received},
      {"srtpFailures", (double)stats.srtp_failures},
      {"keepalivesSent", (double)stats.keepalives_sent},
      {"jitterMs", stats.jitter_ms},
      {"playoutMs", stats.playout_ms},
      {"delayMs", stats.delay_ms},
      {"rLocal", stats.r_local},
      {"mosLocal", stats.mos_local},
      {"mosFar", stats.mos_far},
      {"farDiscard", stats.far_discard},
      {"farPlayoutMs", stats.far_playout_ms},
      {"bursts", (double)stats.bursts},
      {"burstDensity", stats.burst_density},
      {"gapDensity", stats.gap_density},
      {"rttMs", stats.rtt_ms},
      {"farLoss", stats.far_loss},
      {"levelInDbov", stats.level_in_dbov},
      {"levelOutDbov", stats.level_out_dbov},
      {"echoKnown", stats.echo_known},
      {"erlDb", stats.erl_db},
      {"erleDb", stats.erle_db},
      {"ssrc", stats.ssrc},
      {"remoteSsrc", stats.remote_ssrc},
  };
  napi_create_object(env, &result);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) value_set_number(env, result, rows[i].name, rows[i].value);
  value_set_string(env, result, "srtpSuite", stats.srtp_suite ? stats.srtp_suite : "");
  return result;
}

static napi_value close_stream(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS], result = NULL;
  handle *self;
  if (!take(env, info, arguments, &self)) return NULL;
  bool queued = tm_stream_close(self->engine, value_uint32(env, arguments[1])) == TM_ENGINE_OK;
  napi_get_boolean(env, queued, &result);
  return result;
}

static napi_value next_event(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS], result;
  handle *self;
  tm_event event;
  if (!take(env, info, arguments, &self) || !tm_engine_next_event(self->engine, &event)) return NULL;
  char digit[2] = {event.digit, '\0'};
  napi_create_object(env, &result);
  value_set_number(env, result, "kind", event.kind);
  value_set_number(env, result, "stream", event.stream);
  value_set_string(env, result, "digit", digit);
  value_set_number(env, result, "durationMs", event.duration_ms);
  value_set_number(env, result, "width", event.width);
  value_set_number(env, result, "height", event.height);
  value_set_string(env, result, "address", event.address);
  value_set_number(env, result, "port", event.port);
  value_set_boolean(env, result, "present", event.present);
  value_set_string(env, result, "code", tm_engine_status_text(event.error.status));
  value_set_string(env, result, "text", event.error.text);
  value_set_number(env, result, "errno", event.error.code);
  return result;
}

void add_device(void *context, const char *name, const char *description)
{
  device_list *devices = context;
  napi_value entry;
  napi_create_object(devices->env, &entry);
  value_set_string(devices->env, entry, "name", name);
  value_set_string(devices->env, entry, "description", description);
  napi_set_element(devices->env, devices->list, devices->count++, entry);
}

static napi_value list_devices(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS];
  device_list devices = {.env = env};
  bool capture = false;
  if (!take(env, info, arguments, NULL)) return NULL;
  napi_get_value_bool(env, arguments[0], &capture);
  napi_create_array(env, &devices.list);
  tm_engine_devices(capture, add_device, &devices);
  return devices.list;
}

static napi_value measure_delay(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS];
  handle *self;
  return take(env, info, arguments, &self) ? measure_start(env, self->engine, arguments[1], arguments[2]) : NULL;
}

static napi_value set_delay(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS];
  handle *self;
  int32_t delay_ms = 0;
  tm_error error = {.text = "no such delay"};
  if (!take(env, info, arguments, &self)) return NULL;
  napi_get_value_int32(env, arguments[1], &delay_ms);
  error.status = tm_engine_set_delay(self->engine, delay_ms);
  return error.status == TM_ENGINE_OK ? NULL : fail(env, &error);
}

NAPI_MODULE_INIT()
{
  static const struct {
    const char *name;
    napi_callback function;
  } functions[] = {
      {"create", create},       {"destroy", destroy},    {"isRealtime", is_realtime}, {"open", open_stream},
      {"move", move}, {"configure", configure}, {"sendDtmf", send_dtmf}, {"stats", stats},            {"close", close_stream},
      {"nextEvent", next_event}, {"devices", list_devices}, {"attach", attach},    {"tone", tone},
      {"measureDelay", measure_delay}, {"setDelay", set_delay},
      {"openVideo", open_video},       {"attachVideo", attach_video},       {"configureVideo", configure_video},
      {"requestKeyFrame", request_key}, {"videoStats", video_stats},        {"nextFrame", next_frame},
      {"describeVideo", describe_video}, {"cameras", list_cameras},
  };
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    napi_value function;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].function, NULL, &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  return exports;
}
