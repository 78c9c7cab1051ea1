// Speech through a codec, a trace and our receiver; what comes out, and how long it took.
#ifndef TM_TRACE_PLAY_H
#define TM_TRACE_PLAY_H

#include "tm_receiver.h"
#include "tm_speech.h"
#include "tm_trace.h"

enum { TM_TRACE_MAX_PAYLOAD = 400, TM_TRACE_TICK_US = 20000 };

/// What is sent: the payload of each 20 ms, and what the codec alone makes of it.
typedef struct tm_sent {
  tm_codec_id codec;
  uint32_t hz;
  long samples;
  int16_t *source;   // decoded without any network
  uint8_t *payloads; // TM_TRACE_MAX_PAYLOAD each
  size_t *bytes;
  int count;
} tm_sent;

typedef struct tm_played {
  tm_receiver_stats stats;
  int16_t *heard;
  long samples;
  long *place;           // of each tick: the source sample that it began with, -1: none
  double mean_delay_ms;  // above the fastest packet, from 3 s on
  double last_delay_ms;  // mean of the last 10 s
  double max_delay_ms;
  uint64_t late;         // packets
} tm_played;

static inline tm_codec *tm_trace_codec(tm_codec_id id) {
  tm_codec_config config = {.id = id, .initial_mode = 8};
  tm_codec *codec = NULL;
  if (tm_codec_create(&config, &codec) != TM_OK) abort();
  return codec;
}

static inline tm_sent tm_sent_make(tm_codec_id id, int count, uint64_t seed) {
  tm_codec *codec = tm_trace_codec(id);
  const tm_codec_info *info = tm_codec_get_info(codec);
  long each = info->encode_samples;
  tm_sent sent = {.codec = id, .hz = info->sample_hz, .samples = each * count, .count = count};
  sent.source = calloc((size_t)sent.samples, sizeof *sent.source);
  sent.payloads = calloc((size_t)count, TM_TRACE_MAX_PAYLOAD);
  sent.bytes = calloc((size_t)count, sizeof *sent.bytes);
  if (sent.source == NULL || sent.payloads == NULL || sent.bytes == NULL) abort();
  tm_speech_fill(sent.source, (size_t)sent.samples, sent.hz, seed);
  for (int i = 0; i < count; i++) {
    tm_frame frame;
    tm_frame frames[TM_FRAMES_PER_PACKET];
    size_t pieces = 0;
    int16_t *pcm = sent.source + i * each;
    uint8_t *payload = sent.payloads + (size_t)i * TM_TRACE_MAX_PAYLOAD;
    if (tm_codec_encode(codec, pcm, &frame) != TM_OK) abort();
    if (tm_codec_pack(codec, &frame, 1, payload, TM_TRACE_MAX_PAYLOAD, &sent.bytes[i]) != TM_OK) abort();
    if (tm_codec_unpack(codec, payload, sent.bytes[i], frames, TM_FRAMES_PER_PACKET, &pieces) != TM_OK) abort();
    for (size_t piece = 0; piece < pieces; piece++) {
      if (tm_codec_decode(codec, &frames[piece], pcm) != TM_OK) abort();
      pcm += tm_codec_samples(codec, frames[piece].ticks);
    }
  }
  tm_codec_destroy(codec);
  return sent;
}

static inline void tm_sent_free(tm_sent *sent) {
  free(sent->source);
  free(sent->payloads);
  free(sent->bytes);
}

static inline void tm_played_free(tm_played *played) {
  free(played->heard);
  free(played->place);
}

/// Plays the trace from its first packet to its last one; marks the late ones in it.
static inline tm_played tm_trace_play(tm_trace *trace, const tm_trace_plan *plan, const tm_sent *sent, uint16_t max_ms) {
  static const uint32_t FIRST_TIMESTAMP[2] = {0xFFFF0000u, 123456};
  tm_codec *codec = tm_trace_codec(sent->codec);
  long each = tm_codec_get_info(codec)->encode_samples;
  tm_receiver *receiver = NULL;
  tm_receiver_config config = {.codec = codec, .max_ms = max_ms};
  if (tm_receiver_create(&config, &receiver) != TM_OK) abort();
  long ticks = trace->sounds + 50;
  tm_played played = {.heard = calloc((size_t)(ticks * each), sizeof *played.heard),
                      .place = calloc((size_t)ticks, sizeof *played.place)};
  if (played.heard == NULL || played.place == NULL) abort();
  int change = plan->change_s > 0 ? (int)(plan->change_s * 1000 / TM_TRACE_PACKET_MS) : trace->sounds;
  double speed = 1 + plan->skew_ppm / 1e6;
  double sum = 0;
  double last_sum = 0;
  long counted = 0;
  long last_counted = 0;
  size_t next = 0;
  double begin_us = 1e6 + 7000;  // some phase against the sender
  double end_us = trace->packets[trace->count - 1].arrival_us;
  bool changed = false;
  uint64_t sounded = 0;  // frames, before
  for (long tick = 0; tick < ticks; tick++) {
    double now_us = begin_us + (double)tick * TM_TRACE_TICK_US;
    if (now_us > end_us) break;
    for (; next < trace->count && trace->packets[next].arrival_us <= now_us; next++) {
      tm_trace_packet *packet = &trace->packets[next];
      bool other = packet->number >= change;
      tm_rtp_packet rtp = {.payload_type = 96, .marker = packet->marker,
                           .sequence = (uint16_t)(trace->sequence[packet->number] + (other ? 7777 : 0)),
                           .timestamp = FIRST_TIMESTAMP[other] + (uint32_t)packet->number * (uint32_t)each, .ssrc = other ? 2 : 1,
                           .payload = sent->payloads + (size_t)packet->number * TM_TRACE_MAX_PAYLOAD,
                           .payload_bytes = sent->bytes[packet->number]};
      uint64_t late = played.stats.jitter.late;
      uint64_t restarts = played.stats.jitter.restarts;
      if (tm_receiver_put(receiver, &rtp, (uint64_t)packet->arrival_us) != TM_OK) abort();
      tm_receiver_read_stats(receiver, &played.stats);
      if (!packet->copy) packet->late = played.stats.jitter.late > late;
      if (other && played.stats.jitter.restarts > restarts) changed = true;
    }
    tm_receiver_get(receiver, (uint64_t)now_us, played.heard + tick * each);
    tm_receiver_read_stats(receiver, &played.stats);
    played.samples += each;
    played.place[tick] = -1;
    if (played.stats.jitter.delay_us == 0 && played.stats.jitter.frames_played == 0) continue;
    // The end of what is ready is the moment `position` of the source.
    long end = (int32_t)(played.stats.jitter.position - FIRST_TIMESTAMP[changed]);
    long begin = end - (long)played.stats.samples_ready - each;
    played.place[tick] = begin < 0 ? 0 : begin;
    double sent_us = 1e6 + (double)begin * 1e6 / sent->hz / speed;
    double delay_ms = (now_us - sent_us - trace->fastest_us) / 1000;
    bool sounds = played.stats.jitter.frames_played > sounded;
    sounded = played.stats.jitter.frames_played;
    if (tick < 150 || !sounds) continue;
    if (delay_ms > played.max_delay_ms) played.max_delay_ms = delay_ms;
    sum += delay_ms;
    counted++;
    if (now_us > end_us - 10e6) {
      last_sum += delay_ms;
      last_counted++;
    }
  }
  played.late = played.stats.jitter.late;
  played.mean_delay_ms = counted > 0 ? sum / (double)counted : 0;
  played.last_delay_ms = last_counted > 0 ? last_sum / (double)last_counted : 0;
  tm_receiver_destroy(receiver);
  tm_codec_destroy(codec);
  return played;
}

#endif
