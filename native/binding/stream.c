// The functions of engine.h that concern one stream of sound, or a stream of any kind, for JavaScript.
#include <string.h>

#include "binding.h"
#include "values.h"

napi_value open_stream(napi_env env, napi_callback_info info)
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

napi_value attach_stream(napi_env env, napi_callback_info info)
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

napi_value configure_stream(napi_env env, napi_callback_info info)
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
napi_value move_stream(napi_env env, napi_callback_info info)
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

napi_value send_dtmf(napi_env env, napi_callback_info info)
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

napi_value stream_tone(napi_env env, napi_callback_info info)
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

napi_value stream_stats(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS], result;
  handle *self;
  tm_stream_stats stats;
  if (!take(env, info, arguments, &self)) return NULL;
  if (tm_stream_stats_get(self->engine, value_uint32(env, arguments[1]), &stats) != TM_ENGINE_OK) return NULL;
  const value_row rows[] = {
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
  value_set_numbers(env, result, rows, sizeof rows / sizeof rows[0]);
  value_set_string(env, result, "srtpSuite", stats.srtp_suite ? stats.srtp_suite : "");
  return result;
}

napi_value close_stream(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS], result = NULL;
  handle *self;
  if (!take(env, info, arguments, &self)) return NULL;
  bool queued = tm_stream_close(self->engine, value_uint32(env, arguments[1])) == TM_ENGINE_OK;
  napi_get_boolean(env, queued, &result);
  return result;
}
