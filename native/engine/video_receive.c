// Packet thread, video in: packets to pictures (RFC 6184), what is missing asked for, pictures to the file and to whoever looks.
#include <string.h>

#include "clock.h"
#include "engine_private.h"
#include "tm_feedback.h"
#include "video_stream.h"

tm_packet_class tm_video_classify(const tm_session *session, const tm_rtp_packet *packet)
{
  const tm_video_setup *setup = tm_video_const_of(session)->setup;
  return setup && packet->payload_type == setup->receive_payload_type && packet->payload_bytes > 0 ? TM_PACKET_MEDIA
                                                                                                   : TM_PACKET_UNKNOWN;
}

static size_t build(tm_video_stream *stream, const tm_keyframe_ask *ask, uint8_t *out, size_t capacity)
{
  uint16_t missing[TM_H264_DEPAY_MAX_MISSING];
  uint32_t own = stream->session.ssrc, far = stream->session.source.ssrc;
  size_t octets = 0, count = 0;
  switch (ask->request) {
    case TM_REQUEST_NONE: return 0;
    case TM_REQUEST_NACK:
      count = tm_h264_depay_missing(stream->depay, missing, TM_H264_DEPAY_MAX_MISSING);
      return count > 0 && tm_feedback_build_nack(own, far, missing, count, out, capacity, &octets) == TM_OK ? octets : 0;
    case TM_REQUEST_PLI: return tm_feedback_build_pli(own, far, out, capacity, &octets) == TM_OK ? octets : 0;
    case TM_REQUEST_FIR: return tm_feedback_build_fir(own, far, ask->fir_number, out, capacity, &octets) == TM_OK ? octets : 0;
  }
  return 0;
}

static void count_request(tm_video_stream *stream, tm_keyframe_request request)
{
  if (request == TM_REQUEST_NACK) tm_count(&stream->counters.nack_sent, 1);
  if (request == TM_REQUEST_PLI) tm_count(&stream->counters.pli_sent, 1);
  if (request == TM_REQUEST_FIR) tm_count(&stream->counters.fir_sent, 1);
}

static void owe(tm_video_stream *stream, const tm_keyframe_ask *ask)
{
  if (ask->request == TM_REQUEST_NACK) stream->owes_nack = true;
  if (ask->request == TM_REQUEST_PLI) stream->owes_pli = true;
  if (ask->request != TM_REQUEST_FIR) return;
  stream->owes_fir = true;
  stream->owed_fir_number = ask->fir_number;
}

void tm_video_act(tm_video_stream *stream, const tm_keyframe_ask *ask, int64_t now)
{
  uint8_t out[TM_MAX_FEEDBACK];
  size_t octets = build(stream, ask, out, sizeof out);
  if (octets == 0) return;
  // MD-2.9.1d: the first FIR for a need goes at once, whatever its share.
  bool urgent = ask->request == TM_REQUEST_FIR && !ask->repeated;
  switch (tm_rtcp_feedback(&stream->session, out, octets, urgent, now)) {
    case TM_FEEDBACK_LEFT: count_request(stream, ask->request); return;
    case TM_FEEDBACK_WAITS: owe(stream, ask); return;
    case TM_FEEDBACK_LOST: return;
  }
}

// What was owed is looked at anew when its turn has come: the need may be over.
size_t tm_video_owed(tm_session *session, uint8_t *out, size_t capacity, int64_t now)
{
  (void)now;
  tm_video_stream *stream = tm_video_of(session);
  if (!stream->setup) return 0;
  bool needs = tm_keyframe_needs(&stream->asker);
  const struct {
    bool due;
    tm_keyframe_ask ask;
  } rows[] = {
      {stream->owes_fir && needs, {.request = TM_REQUEST_FIR, .fir_number = stream->owed_fir_number}},
      {stream->owes_pli && needs, {.request = TM_REQUEST_PLI}},
      {stream->owes_nack, {.request = TM_REQUEST_NACK}},
  };
  size_t octets = stream->owes_bound ? tm_video_build_bound(stream, out, capacity) : 0;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    size_t more = rows[i].due ? build(stream, &rows[i].ask, out + octets, capacity - octets) : 0;
    if (more > 0) count_request(stream, rows[i].ask.request);
    octets += more;
  }
  stream->owes_fir = stream->owes_pli = stream->owes_nack = stream->owes_bound = false;
  return octets;
}

void tm_video_note_size(tm_video_stream *stream)
{
  tm_h264_sps sps;
  tm_nal nal;
  for (size_t i = 0; i < stream->sets.count; i++) {
    if (stream->sets.sets[i].type != TM_NAL_SPS || tm_nal_header(stream->sets.sets[i].data, stream->sets.sets[i].bytes, &nal) != TM_OK)
      continue;
    if (tm_h264_read_sps(&nal, &sps) != TM_OK) continue;
    atomic_store_explicit(&stream->counters.width, sps.width, memory_order_relaxed);
    atomic_store_explicit(&stream->counters.height, sps.height, memory_order_relaxed);
    return;
  }
}

static void tell_first(tm_video_stream *stream, const tm_video_frame *frame, int64_t now)
{
  if (stream->first_shown) return;
  tm_event event = {.kind = TM_EVENT_FIRST_FRAME, .stream = stream->session.id, .width = frame->width, .height = frame->height};
  stream->first_shown = tm_engine_emit(stream->session.engine, &event);
  if (atomic_load_explicit(&stream->counters.first_frame_us, memory_order_relaxed) < 0)
    atomic_store_explicit(&stream->counters.first_frame_us, (now - stream->first_packet_ns) / TM_NS_PER_US, memory_order_relaxed);
}

static void hand_over(tm_video_stream *stream, const tm_video_picture *picture)
{
  if (stream->sink) tm_video_sink_put(stream->sink, picture);
  if (!stream->setup->frames || !tm_picture_ring_put(&stream->pictures, picture)) return;
  if (atomic_exchange_explicit(&stream->pictures_told, true, memory_order_acq_rel)) return;
  tm_event event = {.kind = TM_EVENT_FRAMES, .stream = stream->session.id};
  if (!tm_engine_emit(stream->session.engine, &event)) atomic_store(&stream->pictures_told, false);
}

static void show(tm_video_stream *stream, const tm_h264_frame *frame, int64_t now)
{
  tm_video_picture picture = {.data = frame->data, .data_octets = frame->bytes};
  tm_orientation orientation;
  if ((frame->has_sps || frame->has_pps) && tm_parameter_sets_note_unit(&stream->sets, frame->data, frame->bytes)) tm_video_note_size(stream);
  if (frame->key && !(frame->has_sps && frame->has_pps) &&
      tm_parameter_sets_annexb(&stream->sets, stream->sets_annexb, sizeof stream->sets_annexb, &picture.head_octets) == TM_OK)
    picture.head = stream->sets_annexb;
  tm_cvo_unpack(frame->orientation_octet, &orientation);
  picture.turned = frame->orientation_octet != stream->orientation;
  stream->orientation = frame->orientation_octet;
  atomic_store_explicit(&stream->counters.orientation, frame->orientation_octet, memory_order_relaxed);
  picture.frame = (tm_video_frame){.octets = picture.head_octets + frame->bytes,
                                   .timestamp = frame->timestamp,
                                   .key = frame->key,
                                   .width = (uint32_t)atomic_load_explicit(&stream->counters.width, memory_order_relaxed),
                                   .height = (uint32_t)atomic_load_explicit(&stream->counters.height, memory_order_relaxed),
                                   .rotation = orientation.rotation,
                                   .mirrored = orientation.mirrored};
  tm_count(&stream->counters.frames_received, 1);
  if (frame->key) tm_count(&stream->counters.key_frames_received, 1);
  tell_first(stream, &picture.frame, now);
  hand_over(stream, &picture);
}

static void take_pictures(tm_video_stream *stream, int64_t now)
{
  tm_h264_frame frame;
  while (tm_h264_depay_get(stream->depay, tm_video_us(now), &frame) == TM_OK) {
    bool shown = false;
    tm_keyframe_ask ask = tm_keyframe_frame(&stream->asker, &frame, tm_video_us(now), &shown);
    if (shown && frame.bytes > 0) show(stream, &frame, now);
    else if (frame.has_picture || frame.damaged) tm_count(&stream->counters.frames_dropped, 1);
    tm_video_act(stream, &ask, now);
  }
}

static void ask_for_missing(tm_video_stream *stream, int64_t now)
{
  uint16_t missing[TM_H264_DEPAY_MAX_MISSING];
  size_t count = tm_h264_depay_missing(stream->depay, missing, TM_H264_DEPAY_MAX_MISSING);
  if (count == 0) return;
  tm_keyframe_ask ask = tm_keyframe_missing(&stream->asker, missing, count, tm_video_us(now));
  tm_video_act(stream, &ask, now);
  tm_h264_depay_set_wait(stream->depay, tm_keyframe_wait_us(&stream->asker));
}

static void glance(tm_video_stream *stream, const tm_rtp_packet *packet, int64_t now)
{
  tm_h264_glance seen;
  if (packet->ssrc != stream->remote_ssrc) {
    if (stream->first_packet_ns) {
      tm_keyframe_receiver_restart(&stream->asker);
      tm_video_left(&stream->session, stream->remote_ssrc, now);
    }
    stream->remote_ssrc = packet->ssrc;
  }
  if (stream->first_packet_ns == 0) stream->first_packet_ns = now;
  if (tm_h264_glance_at(packet->payload, packet->payload_bytes, &seen) != TM_OK) return;
  tm_keyframe_ask ask = tm_keyframe_heard(&stream->asker, &seen, tm_video_us(now));
  tm_video_act(stream, &ask, now);
}

void tm_video_take(tm_session *session, const tm_rtp_packet *packet, tm_packet_class class, int64_t now)
{
  tm_video_stream *stream = tm_video_of(session);
  tm_rtp_packet counted = *packet;
  if (class == TM_PACKET_MEDIA) glance(stream, packet, now);
  else counted.payload_bytes = 0;  // its number counts, so that it is no loss
  if (tm_h264_depay_put(stream->depay, &counted, tm_video_us(now)) != TM_OK) tm_count(&session->counters.packets_discarded, 1);
  take_pictures(stream, now);
  ask_for_missing(stream, now);
}

void tm_video_receive_beat(tm_video_stream *stream, int64_t now)
{
  if (!stream->session.configured || !stream->session.config.receive) return;
  if (tm_h264_depay_due_us(stream->depay) <= tm_video_us(now)) take_pictures(stream, now);
  if (tm_keyframe_due_us(&stream->asker) > tm_video_us(now)) return;
  tm_keyframe_ask ask = tm_keyframe_tick(&stream->asker, tm_video_us(now));
  tm_video_act(stream, &ask, now);
}
