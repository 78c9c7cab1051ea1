// The functions of video.h for JavaScript.
#include "video.h"

#include <string.h>

#include "binding.h"
#include "values.h"

enum { SETS_OCTETS = 8192 };

napi_value open_video(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS], result;
  handle *self;
  char address[ADDRESS_OCTETS];
  tm_error error = {.status = TM_ENGINE_OK};
  uint32_t id = 0;
  if (!take(env, info, arguments, &self)) return NULL;
  value_string(env, arguments[1], "address", address, sizeof address);
  tm_video_options options = {.address = address,
                              .port_from = (uint16_t)value_number(env, arguments[1], "from"),
                              .port_to = (uint16_t)value_number(env, arguments[1], "to")};
  if (tm_video_open(self->engine, &options, &id, &error) != TM_ENGINE_OK) return fail(env, &error);
  napi_create_object(env, &result);
  value_set_number(env, result, "id", id);
  value_set_number(env, result, "port", tm_stream_port(self->engine, id));
  return result;
}

napi_value attach_video(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS];
  handle *self;
  char names[2][NAME_OCTETS];
  tm_endpoint ends[2];
  tm_error error = {.status = TM_ENGINE_OK};
  if (!take(env, info, arguments, &self)) return NULL;
  const tm_endpoint *capture = read_end(env, arguments[2], "capture", names[0], &ends[0]);
  const tm_endpoint *sink = read_end(env, arguments[2], "sink", names[1], &ends[1]);
  if (tm_video_attach(self->engine, value_uint32(env, arguments[1]), capture, sink, &error) != TM_ENGINE_OK) return fail(env, &error);
  return NULL;
}

napi_value configure_video(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS];
  handle *self;
  char address[ADDRESS_OCTETS], rtcp_address[ADDRESS_OCTETS], sets[SETS_OCTETS];
  path_texts texts;
  tm_error error = {.status = TM_ENGINE_OK};
  if (!take(env, info, arguments, &self)) return NULL;
  napi_value from = arguments[2];
  value_string(env, from, "address", address, sizeof address);
  value_string(env, from, "rtcpAddress", rtcp_address, sizeof rtcp_address);
  value_string(env, from, "parameterSets", sets, sizeof sets);
  tm_video_config config = {.remote_address = address,
                            .remote_port = (uint16_t)value_number(env, from, "port"),
                            .remote_rtcp_address = rtcp_address,
                            .remote_rtcp_port = (uint16_t)value_number(env, from, "rtcpPort"),
                            .payload_type = (uint8_t)value_number(env, from, "payloadType"),
                            .receive_payload_type = (uint8_t)value_number(env, from, "receivePayloadType"),
                            .packetization_mode = (uint8_t)value_number(env, from, "packetizationMode"),
                            .profile_level_id = (uint32_t)value_number(env, from, "profileLevelId"),
                            .max_unit_octets = (uint32_t)value_number(env, from, "maxUnitOctets"),
                            .max_width = (unsigned)value_number(env, from, "maxWidth"),
                            .max_height = (unsigned)value_number(env, from, "maxHeight"),
                            .bandwidth_kbps = (uint32_t)value_number(env, from, "bandwidthKbps"),
                            .parameter_sets = sets,
                            .nack = value_boolean(env, from, "nack"),
                            .pli = value_boolean(env, from, "pli"),
                            .fir = value_boolean(env, from, "fir"),
                            .tmmbr = value_boolean(env, from, "tmmbr"),
                            .fir_always = value_boolean(env, from, "firAlways"),
                            .avpf = value_boolean(env, from, "avpf"),
                            .reduced_size = value_boolean(env, from, "reducedSize"),
                            .trr_interval_ms = (uint32_t)value_number(env, from, "trrIntervalMs"),
                            .cvo_id = (uint8_t)value_number(env, from, "cvoId"),
                            .rotation = (uint16_t)value_number(env, from, "rotation"),
                            .mirrored = value_boolean(env, from, "mirrored"),
                            .back_camera = value_boolean(env, from, "backCamera"),
                            .send = value_boolean(env, from, "send"),
                            .receive = value_boolean(env, from, "receive"),
                            .frames = value_boolean(env, from, "frames"),
                            .rtcp_senders_bps = (uint32_t)value_number(env, from, "rtcpSenders"),
                            .rtcp_receivers_bps = (uint32_t)value_number(env, from, "rtcpReceivers")};
  value_string(env, from, "cname", config.cname, sizeof config.cname);
  read_path(env, from, &texts, &config.path);
  tm_engine_status status = tm_video_configure(self->engine, value_uint32(env, arguments[1]), &config, &error);
  explicit_bzero(&texts, sizeof texts);
  if (status != TM_ENGINE_OK) return fail(env, &error);
  return NULL;
}

napi_value request_key(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS], result = NULL;
  handle *self;
  if (!take(env, info, arguments, &self)) return NULL;
  napi_get_boolean(env, tm_video_request_key(self->engine, value_uint32(env, arguments[1])) == TM_ENGINE_OK, &result);
  return result;
}

napi_value video_stats(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS], result;
  handle *self;
  tm_video_stats stats;
  if (!take(env, info, arguments, &self)) return NULL;
  if (tm_video_stats_get(self->engine, value_uint32(env, arguments[1]), &stats) != TM_ENGINE_OK) return NULL;
  const value_row rows[] = {
      {"packetsSent", (double)stats.packets_sent},
      {"octetsSent", (double)stats.octets_sent},
      {"packetsReceived", (double)stats.packets_received},
      {"octetsReceived", (double)stats.octets_received},
      {"packetsLost", (double)stats.packets_lost},
      {"packetsDiscarded", (double)stats.packets_discarded},
      {"rtcpSent", (double)stats.rtcp_sent},
      {"rtcpReceived", (double)stats.rtcp_received},
      {"sendErrors", (double)stats.send_errors},
      {"keepalivesSent", (double)stats.keepalives_sent},
      {"srtpFailures", (double)stats.srtp_failures},
      {"framesSent", (double)stats.frames_sent},
      {"keyFramesSent", (double)stats.key_frames_sent},
      {"framesNotSent", (double)stats.frames_not_sent},
      {"framesReceived", (double)stats.frames_received},
      {"keyFramesReceived", (double)stats.key_frames_received},
      {"framesDropped", (double)stats.frames_dropped},
      {"framesMissed", (double)stats.frames_missed},
      {"firSent", (double)stats.fir_sent},
      {"firReceived", (double)stats.fir_received},
      {"pliSent", (double)stats.pli_sent},
      {"pliReceived", (double)stats.pli_received},
      {"nackSent", (double)stats.nack_sent},
      {"nackReceived", (double)stats.nack_received},
      {"tmmbrReceived", (double)stats.tmmbr_received},
      {"retransmitted", (double)stats.retransmitted},
      {"jitterMs", stats.jitter_ms},
      {"rttMs", stats.rtt_ms},
      {"farLoss", stats.far_loss},
      {"firstFrameMs", stats.first_frame_ms},
      {"targetBps", stats.target_bps},
      {"width", stats.width},
      {"height", stats.height},
      {"sentWidth", stats.sent_width},
      {"sentHeight", stats.sent_height},
      {"rotation", stats.rotation},
      {"ssrc", stats.ssrc},
      {"remoteSsrc", stats.remote_ssrc},
  };
  napi_create_object(env, &result);
  value_set_numbers(env, result, rows, sizeof rows / sizeof rows[0]);
  value_set_boolean(env, result, "mirrored", stats.mirrored);
  value_set_string(env, result, "srtpSuite", stats.srtp_suite ? stats.srtp_suite : "");
  return result;
}

napi_value next_frame(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS], result, buffer;
  handle *self;
  tm_video_frame frame;
  void *data = NULL;
  if (!take(env, info, arguments, &self)) return NULL;
  uint32_t id = value_uint32(env, arguments[1]);
  if (!tm_video_next_frame(self->engine, id, &frame) || napi_create_buffer(env, frame.octets, &data, &buffer) != napi_ok) return NULL;
  tm_video_take_frame(self->engine, id, &frame, data);
  napi_create_object(env, &result);
  napi_set_named_property(env, result, "data", buffer);
  value_set_number(env, result, "timestamp", frame.timestamp);
  value_set_boolean(env, result, "key", frame.key);
  value_set_number(env, result, "width", frame.width);
  value_set_number(env, result, "height", frame.height);
  value_set_number(env, result, "rotation", frame.rotation);
  value_set_boolean(env, result, "mirrored", frame.mirrored);
  return result;
}

napi_value describe_video(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS], result;
  handle *self;
  char name[NAME_OCTETS];
  tm_endpoint endpoint = {.kind = TM_ENDPOINT_NULL};
  tm_video_description description;
  tm_error error = {.status = TM_ENGINE_OK};
  if (!take(env, info, arguments, &self)) return NULL;
  (void)read_end(env, arguments[1], "capture", name, &endpoint);
  if (tm_video_describe(self->engine, &endpoint, (uint8_t)value_uint32(env, arguments[2]), &description, &error) != TM_ENGINE_OK)
    return fail(env, &error);
  napi_create_object(env, &result);
  value_set_number(env, result, "profileLevelId", description.profile_level_id);
  value_set_number(env, result, "width", description.width);
  value_set_number(env, result, "height", description.height);
  value_set_number(env, result, "fps", description.fps);
  value_set_string(env, result, "parameterSets", description.sets);
  value_set_boolean(env, result, "fragments", description.fragments);
  return result;
}

napi_value list_cameras(napi_env env, napi_callback_info info)
{
  device_list devices = {.env = env};
  (void)info;
  napi_create_array(env, &devices.list);
  tm_engine_cameras(add_device, &devices);
  return devices.list;
}
