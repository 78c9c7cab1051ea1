// Control side: a video stream's configuration checked and made ready for the packet thread, which takes it over.
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "engine_private.h"
#include "video_stream.h"

enum {
  FRAME_OCTETS = 1 << 19,     // largest picture received
  PICTURES_OCTETS = 1 << 20,  // that wait for who looks
  LEAST_BPS = 64000,
  START_BPS = 512000,
  OVERHEAD_V4 = 40,
  OVERHEAD_V6 = 60,
  MAX_CVO_ID = 14,
  LEAST_PAYLOAD = 256,
  MAX_TRR_MS = 3600000,
  LEVEL_MASK = 0xff,
  LEVEL_1B = 9,
  LEVEL_1_1 = 11,
  SET3 = 0x1000,  // constraint_set3_flag
};

// RFC 6184 8.1: what stands there as level 1.1 is 1b with constraint_set3_flag, in the profiles that we speak.
static uint8_t level_of(uint32_t profile_level_id)
{
  uint8_t level = (uint8_t)(profile_level_id & LEVEL_MASK);
  return level == LEVEL_1_1 && (profile_level_id & SET3) ? LEVEL_1B : level;
}

static tm_engine_status check(const tm_video_config *config, tm_error *error)
{
  if (config->payload_type > TM_RTP_MAX_PAYLOAD_TYPE || config->receive_payload_type > TM_RTP_MAX_PAYLOAD_TYPE)
    return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "payload type above %d", TM_RTP_MAX_PAYLOAD_TYPE);
  if (config->packetization_mode > 1)
    return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "packetization-mode %u: only 0 and 1", config->packetization_mode);
  if (!tm_h264_level_limits(level_of(config->profile_level_id), false))
    return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "profile-level-id %06x: no such level", config->profile_level_id);
  if (config->cvo_id > MAX_CVO_ID) return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "header extension id %u", config->cvo_id);
  if (config->rotation % 90 != 0 || config->rotation >= 360)
    return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "rotation of %u degrees", config->rotation);
  if (config->cname[0] == '\0' || !memchr(config->cname, '\0', sizeof config->cname))
    return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "CNAME of 1 to %d octets", TM_ENGINE_MAX_CNAME - 1);
  return TM_ENGINE_OK;
}

void tm_video_setup_free(void *object)
{
  tm_video_setup *setup = object;
  if (!setup) return;
  tm_h264_depay_destroy(setup->depay);
  free(setup->cache);
  free(setup);
}

// The peer's sets: the stream works without them, so that what cannot be read is no reason to refuse.
static void take_sets(tm_video_setup *setup, const char *text)
{
  tm_parameter_sets_clear(&setup->sets);
  if (text && text[0] != '\0' && tm_parameter_sets_parse(&setup->sets, text, strlen(text)) != TM_OK)
    tm_parameter_sets_clear(&setup->sets);
}

// RFC 6184 8.1: a wish that we follow as far as a packet is still worth its headers.
static size_t payload_of(uint32_t max_unit_octets)
{
  if (max_unit_octets == 0 || max_unit_octets >= TM_H264_PAYLOAD_BYTES) return TM_H264_PAYLOAD_BYTES;
  return max_unit_octets < LEAST_PAYLOAD ? LEAST_PAYLOAD : max_unit_octets;
}

// RFC 4585 4.2: any number of milliseconds; a longer one than an hour is as good as an hour.
static uint32_t trr_of(uint32_t ms)
{
  return (ms < MAX_TRR_MS ? ms : MAX_TRR_MS) * 1000;
}

static tm_engine_status fill(tm_video_stream *stream, const tm_video_config *config, tm_video_setup *setup, tm_error *error)
{
  tm_session_config *session = &setup->session;
  tm_video_format format = tm_video_fit(stream->session.engine->cameras, level_of(config->profile_level_id), config->max_width, config->max_height);
  uint32_t worth = tm_video_worth(&format);
  tm_engine_status status = tm_session_addresses(&stream->session, config->remote_address, config->remote_port,
                                                 config->remote_rtcp_address, config->remote_rtcp_port, session, error);
  if (status == TM_ENGINE_OK) status = tm_session_path(&stream->session, &config->path, session, error);
  if (status != TM_ENGINE_OK) return status;
  session->clock_hz = TM_H264_CLOCK_HZ;
  session->send = config->send && !tm_address_unspecified(&session->remote);
  session->receive = config->receive;
  session->rtcp_senders_bps = config->rtcp_senders_bps;
  session->rtcp_receivers_bps = config->rtcp_receivers_bps;
  session->rtcp_early = (tm_early_config){.avpf = config->avpf, .trr_interval_us = config->avpf ? trr_of(config->trr_interval_ms) : 0};
  session->rtcp_reduced = config->reduced_size;
  memcpy(session->cname, config->cname, sizeof session->cname);
  setup->payload_type = config->payload_type;
  setup->receive_payload_type = config->receive_payload_type;
  setup->asks = (tm_keyframe_settings){.nack = config->nack,
                                       .pli = config->pli,
                                       .fir = config->fir,
                                       .fir_always = config->fir_always,
                                       .first_number = (uint8_t)stream->session.ssrc};
  setup->rate = (tm_rate_config){.least_bps = worth < LEAST_BPS ? worth : LEAST_BPS,
                                 .start_bps = worth < START_BPS ? worth : START_BPS,
                                 .most_bps = worth,
                                 .as_kbps = config->bandwidth_kbps,
                                 .overhead = stream->session.family == AF_INET6 ? OVERHEAD_V6 : OVERHEAD_V4};
  setup->frame_us = 1000000 / format.fps;
  setup->tmmbr = config->tmmbr;
  setup->frames = config->frames;
  take_sets(setup, config->parameter_sets);
  return TM_ENGINE_OK;
}

// What lives as long as the stream and only some streams need.
static tm_engine_status provide(tm_video_stream *stream, const tm_video_config *config, tm_video_setup *setup, tm_error *error)
{
  if (!stream->has_depay || stream->depay_cvo_id != config->cvo_id) {
    tm_h264_depay_config depay = {.max_frame = FRAME_OCTETS, .cvo_id = config->cvo_id};
    if (tm_h264_depay_create(&depay, &setup->depay) != TM_OK) return tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for pictures");
  }
  for (size_t i = 0; setup->depay && i < setup->sets.count; i++)
    (void)tm_h264_depay_note_set(setup->depay, setup->sets.sets[i].data, setup->sets.sets[i].bytes);
  if (config->nack && config->send && !stream->has_cache) {
    setup->cache = calloc(TM_VIDEO_CACHED, sizeof *setup->cache);
    if (!setup->cache) return tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for sent packets");
  }
  if (config->frames && !stream->pictures.ring) return tm_picture_ring_init(&stream->pictures, PICTURES_OCTETS, error);
  return TM_ENGINE_OK;
}

tm_engine_status tm_video_configure(tm_engine *engine, uint32_t id, const tm_video_config *config, tm_error *error)
{
  tm_video_stream *stream = tm_video_by_id(engine, id);
  if (!stream || stream->session.close_asked) return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "the stream is closed");
  tm_engine_status status = check(config, error);
  if (status != TM_ENGINE_OK) return status;
  tm_video_setup *setup = calloc(1, sizeof *setup);
  if (!setup) return tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for a configuration");
  status = fill(stream, config, setup, error);
  if (status == TM_ENGINE_OK) status = provide(stream, config, setup, error);
  if (status != TM_ENGINE_OK) {
    tm_session_config_drop(&setup->session);
    tm_video_setup_free(setup);
    return status;
  }
  if (setup->depay) stream->depay_cvo_id = config->cvo_id;
  stream->has_depay = true;
  stream->has_cache = stream->has_cache || setup->cache;
  stream->wish = (tm_video_wish){.send = setup->session.send,
                                 .packing = {.mode = config->packetization_mode,
                                             .max_payload = payload_of(config->max_unit_octets),
                                             .cvo_id = config->cvo_id},
                                 .orientation = {.rotation = config->rotation,
                                                 .mirrored = config->mirrored,
                                                 .back_camera = config->back_camera},
                                 .level_idc = level_of(config->profile_level_id),
                                 .max_width = config->max_width,
                                 .max_height = config->max_height};
  tm_session_path_taken(&stream->session, &config->path, &setup->session);
  tm_command command = {.kind = TM_COMMAND_VIDEO_SETUP, .session = &stream->session, .video_setup = setup};
  while (!tm_worker_send(&engine->packet, &command)) sched_yield();
  tm_video_tell_wish(stream);
  return TM_ENGINE_OK;
}
