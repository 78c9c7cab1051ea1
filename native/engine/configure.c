// Control side: a stream's configuration checked and handed to the packet thread and the codec thread.
#include <sched.h>
#include <string.h>

#include "clock.h"
#include "engine_private.h"
#include "tm_amr_modes.h"
#include "tm_rtp.h"

enum {
  MAX_DTMF_CLOCK = 96000,
  FEW_STREAMS = 8,        // that may well want to send at the same moment
};

static const tm_codec_id codec_ids[] = {
    [TM_CODEC_NAME_PCMU] = TM_CODEC_PCMU,
    [TM_CODEC_NAME_PCMA] = TM_CODEC_PCMA,
    [TM_CODEC_NAME_AMR_WB] = TM_CODEC_AMR_WB,
    [TM_CODEC_NAME_AMR] = TM_CODEC_AMR,
    [TM_CODEC_NAME_G722] = TM_CODEC_G722,
    [TM_CODEC_NAME_OPUS] = TM_CODEC_OPUS,
};

static tm_engine_status check(const tm_stream_config *config, tm_error *error)
{
  if ((size_t)config->codec >= sizeof codec_ids / sizeof codec_ids[0])
    return tm_error_set(error, TM_ENGINE_CODEC, 0, "unknown codec");
  if (config->payload_type > TM_RTP_MAX_PAYLOAD_TYPE || config->receive_payload_type > TM_RTP_MAX_PAYLOAD_TYPE ||
      config->dtmf_payload_type > TM_RTP_MAX_PAYLOAD_TYPE || config->dtmf_receive_payload_type > TM_RTP_MAX_PAYLOAD_TYPE)
    return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "payload type above %d", TM_RTP_MAX_PAYLOAD_TYPE);
  bool narrow = config->codec == TM_CODEC_NAME_AMR;
  if (config->mode_set > (narrow ? TM_AMR_ALL_MODES : TM_AMR_WB_ALL_MODES))
    return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "mode set 0x%x: %s", config->mode_set,
                        narrow ? "AMR has modes 0 to 7" : "AMR-WB has modes 0 to 8");
  if (config->ptime_ms == 0) return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "packet time of 0 ms");
  if (config->dtmf_payload_type >= 0 && (config->dtmf_clock_rate == 0 || config->dtmf_clock_rate > MAX_DTMF_CLOCK))
    return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "telephone-event at %u Hz", config->dtmf_clock_rate);
  if ((config->dtmf_payload_type < 0) != (config->dtmf_receive_payload_type < 0))
    return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "telephone-event in one direction");
  if (config->dtmf_payload_type == config->payload_type || config->dtmf_receive_payload_type == config->receive_payload_type)
    return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "one payload type for sound and events");
  if (config->cname[0] == '\0' || !memchr(config->cname, '\0', sizeof config->cname))
    return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "CNAME of 1 to %d octets", TM_ENGINE_MAX_CNAME - 1);
  return TM_ENGINE_OK;
}

// Packets hold whole units; a shorter or odd wish is met by the next shorter number of units, at least one.
static unsigned units_of(uint16_t ptime_ms)
{
  unsigned units = ptime_ms / TM_UNIT_MS;
  if (units == 0) return 1;
  return units > TM_MAX_UNITS_PER_PACKET ? TM_MAX_UNITS_PER_PACKET : units;
}

static const int64_t TIME_TO_CODE_NS = 2 * TM_NS_PER_MS;

// Among few streams the beats of a new one begin at once: nobody waits for its first sound. Among many they keep to their places.
// No other thread looks at the beats of a stream before its first configuration.
static void begin_beats(const tm_engine *engine, tm_stream *stream)
{
  if (!stream->has_coding && engine->open <= FEW_STREAMS) stream->base_ns = tm_now_ns() + TIME_TO_CODE_NS;
}

// The first packet starts with the next beat; while packets flow, their rhythm stays.
static tm_packing packing_of(const tm_stream *stream, const tm_stream_config *config)
{
  unsigned units = units_of(config->ptime_ms);
  if (stream->sends && config->send && units == stream->packing.units) return stream->packing;
  return (tm_packing){.units = units, .phase = (unsigned)(tm_stream_beat_after(stream, tm_now_ns()) % units)};
}

static bool same_coding(const tm_codec_config *a, const tm_codec_config *b)
{
  return a->id == b->id && a->octet_aligned == b->octet_aligned && a->mode_set == b->mode_set && a->dtx == b->dtx &&
         a->mode_change_period == b->mode_change_period && a->any_mode_change == b->any_mode_change && a->fec == b->fec &&
         a->max_bps == b->max_bps;
}

tm_engine_status tm_stream_configure(tm_engine *engine, uint32_t id, const tm_stream_config *config, tm_error *error)
{
  tm_stream *stream = tm_stream_by_id(engine, id);
  if (!stream || stream->session.close_asked) return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "the stream is closed");
  tm_command packet = {.kind = TM_COMMAND_CONFIGURE, .session = &stream->session};
  tm_engine_status status = check(config, error);
  if (status == TM_ENGINE_OK)
    status = tm_session_addresses(&stream->session, config->remote_address, config->remote_port, config->remote_rtcp_address,
                                  config->remote_rtcp_port, &packet.packet.session, error);
  if (status == TM_ENGINE_OK) status = tm_session_path(&stream->session, &config->path, &packet.packet.session, error);
  if (status != TM_ENGINE_OK) return status;

  tm_codec_config wanted = {.id = codec_ids[config->codec],
                            .octet_aligned = config->octet_aligned,
                            .mode_set = config->mode_set,
                            .initial_mode = TM_AMR_BY_RULE,
                            .mode_change_period = config->mode_change_period,
                            .any_mode_change = config->any_mode_change,
                            .dtx = config->dtx,
                            .fec = config->fec,
                            .max_bps = config->max_bps};
  tm_command codec = {.kind = TM_COMMAND_CONFIGURE, .session = &stream->session};
  begin_beats(engine, stream);
  if (!stream->has_coding || !same_coding(&wanted, &stream->coding_config)) {
    codec.codec.coding = tm_coding_create(&wanted, stream->codings + 1, error);
    if (!codec.codec.coding) {
      tm_session_config_drop(&packet.packet.session);
      return TM_ENGINE_CODEC;
    }
    stream->codings++;
    stream->coding_config = wanted;
    stream->has_coding = true;
  }
  codec.codec.payload_type = config->payload_type;
  stream->packing = packing_of(stream, config);
  stream->sends = config->send && !tm_address_unspecified(&packet.packet.session.remote);
  codec.codec.packing = stream->packing;
  codec.codec.send = stream->sends;
  codec.codec.receive = config->receive;

  const tm_codec_info *info = tm_codec_info_of(wanted.id);
  packet.packet.coding = stream->codings;
  tm_session_config *session = &packet.packet.session;
  session->clock_hz = info->clock_hz;
  session->send = stream->sends;
  session->receive = config->receive;
  session->rtcp_senders_bps = config->rtcp_senders_bps;
  session->rtcp_receivers_bps = config->rtcp_receivers_bps;
  memcpy(session->cname, config->cname, sizeof session->cname);
  packet.packet.receive_payload_type = config->receive_payload_type;
  packet.packet.dtmf_payload_type = config->dtmf_payload_type;
  packet.packet.dtmf_receive_payload_type = config->dtmf_receive_payload_type;
  packet.packet.dtmf_clock_hz = config->dtmf_payload_type >= 0 ? config->dtmf_clock_rate : 0;
  packet.packet.packing = stream->packing;
  packet.packet.extended_reports = config->extended_reports;
  stream->has_dtmf = config->dtmf_payload_type >= 0;

  tm_session_path_taken(&stream->session, &config->path, session);
  while (!tm_worker_send(&engine->codec, &codec)) sched_yield();
  while (!tm_worker_send(&engine->packet, &packet)) sched_yield();
  return TM_ENGINE_OK;
}
