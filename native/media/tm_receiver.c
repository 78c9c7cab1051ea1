// The receiving half of an audio stream.
#include "tm_receiver.h"

#include <stdlib.h>
#include <string.h>

#include "tm_plc.h"
#include "tm_stretch.h"

enum {
  DEFAULT_MAX_MS = 400,
  SPARE_MS = 600,        // beyond the largest delay: bursts, long packets
  MIN_FRAMES = 16,
  MAX_FRAMES = 1024,
  STRETCH_PAUSE = 4,     // ticks between two changes of length
  READY_TICKS = 3,       // work buffer, in playout ticks; and one frame of the largest kind
};
static const int64_t HURRY_US = 80000; // an excess that is worth a worse match and no pause

struct tm_receiver {
  tm_codec *codec;
  const tm_codec_info *info;
  tm_jitter *jitter;
  tm_plc *plc;
  size_t tick;          // samples in one playout
  size_t history;       // samples kept of what was played, before `ready`
  int16_t *sound;       // history, then sound that is ready
  size_t capacity;      // of ready sound
  size_t ready;
  int pause;
  tm_receiver_stats stats;
  uint64_t samples_damaged;
  tm_frame frames[TM_FRAMES_PER_PACKET];
};

static tm_status create_parts(tm_receiver *self, const tm_receiver_config *config) {
  uint32_t max_ms = config->max_ms == 0 ? DEFAULT_MAX_MS : config->max_ms;
  uint32_t frames = (uint32_t)((uint64_t)(max_ms + SPARE_MS) * self->info->clock_hz / 1000 / self->info->decode_ticks);
  if (frames < MIN_FRAMES) frames = MIN_FRAMES;
  if (frames > MAX_FRAMES) frames = MAX_FRAMES;
  tm_jitter_config jitter = {.clock_hz = self->info->clock_hz,
                             .frame_ticks = self->info->decode_ticks,
                             .capacity = (uint16_t)frames,
                             .min_ms = config->min_ms,
                             .initial_ms = config->initial_ms,
                             .max_ms = config->max_ms};
  tm_status status = tm_jitter_create(&jitter, &self->jitter);
  if (status == TM_OK) status = tm_plc_create(self->info->sample_hz, &self->plc);
  self->sound = calloc(self->history + self->capacity, sizeof *self->sound);
  return status == TM_OK && self->sound == NULL ? TM_ERR_MEMORY : status;
}

tm_status tm_receiver_create(const tm_receiver_config *config, tm_receiver **receiver) {
  *receiver = NULL;
  if (config->codec == NULL) return TM_ERR_ARGUMENT;
  tm_receiver *self = calloc(1, sizeof *self);
  if (self == NULL) return TM_ERR_MEMORY;
  self->codec = config->codec;
  self->info = tm_codec_get_info(config->codec);
  self->tick = self->info->encode_samples;
  self->history = tm_stretch_max_lag(self->info->sample_hz);
  self->capacity = READY_TICKS * self->tick + TM_MAX_FRAME_SAMPLES;
  tm_status status = create_parts(self, config);
  if (status != TM_OK) {
    tm_receiver_destroy(self);
    return status;
  }
  *receiver = self;
  return TM_OK;
}

void tm_receiver_destroy(tm_receiver *receiver) {
  if (receiver == NULL) return;
  tm_jitter_destroy(receiver->jitter);
  tm_plc_destroy(receiver->plc);
  free(receiver->sound);
  free(receiver);
}

tm_status tm_receiver_put(tm_receiver *receiver, const tm_rtp_packet *packet, uint64_t arrival_us) {
  size_t count = 0;
  tm_status status = tm_codec_unpack(receiver->codec, packet->payload, packet->payload_bytes, receiver->frames,
                                     TM_FRAMES_PER_PACKET, &count);
  if (status != TM_OK) {
    receiver->stats.bad_payloads++;
    return status;
  }
  tm_jitter_packet put = {.ssrc = packet->ssrc, .sequence = packet->sequence, .timestamp = packet->timestamp,
                          .marker = packet->marker, .arrival_us = arrival_us, .frames = receiver->frames,
                          .count = count};
  tm_jitter_put(receiver->jitter, &put);
  return TM_OK;
}

void tm_receiver_note(tm_receiver *receiver, const tm_rtp_packet *packet, uint64_t arrival_us) {
  tm_jitter_packet put = {.ssrc = packet->ssrc, .sequence = packet->sequence, .timestamp = packet->timestamp,
                          .arrival_us = arrival_us};
  tm_jitter_put(receiver->jitter, &put);
}

/// A lost frame from what the next one repeats of it, where a codec does that and it is there; else made-up sound.
static void conceal(tm_receiver *receiver, int16_t *pcm) {
  size_t samples = receiver->info->decode_samples;
  const tm_frame *next = tm_jitter_next(receiver->jitter);
  if ((next != NULL && tm_codec_recover(receiver->codec, next, pcm) == TM_OK) ||
      tm_codec_conceal(receiver->codec, pcm) == TM_OK) {
    tm_plc_good(receiver->plc, pcm, samples);
  } else {
    tm_plc_lost(receiver->plc, pcm, samples);
  }
}

/// Comfort noise where the codec has it, else a fade to silence.
static void comfort(tm_receiver *receiver, int16_t *pcm) {
  size_t samples = receiver->info->decode_samples;
  tm_frame none = {.kind = TM_FRAME_NO_DATA, .type = 15, .ticks = receiver->info->decode_ticks};
  if (receiver->info->has_dtx && tm_codec_decode(receiver->codec, &none, pcm) == TM_OK) {
    tm_plc_good(receiver->plc, pcm, samples);
  } else {
    tm_plc_lost(receiver->plc, pcm, samples);
  }
}

/// Sound that is ready, as time of the RTP clock.
static uint32_t pending_ticks(const tm_receiver *receiver) {
  return (uint32_t)((uint64_t)receiver->ready * receiver->info->clock_hz / receiver->info->sample_hz);
}

/// Takes one frame out of the jitter buffer and appends its sound.
static tm_jitter_result pull(tm_receiver *receiver, uint64_t now_us) {
  int16_t *pcm = receiver->sound + receiver->history + receiver->ready;
  tm_frame frame;
  bool restarted = false;
  size_t samples = receiver->info->decode_samples;
  tm_jitter_result result = tm_jitter_get(receiver->jitter, now_us, pending_ticks(receiver), &frame, &restarted);
  switch (result) {
    case TM_JITTER_FRAME:
      if (restarted) tm_plc_break(receiver->plc);
      if (tm_codec_decode(receiver->codec, &frame, pcm) == TM_OK) {
        samples = tm_codec_samples(receiver->codec, frame.ticks);
        if (frame.kind == TM_FRAME_SPEECH) receiver->stats.mode = frame.type;
        tm_plc_good(receiver->plc, pcm, samples);
      } else {
        conceal(receiver, pcm);
        receiver->samples_damaged += samples;
      }
      break;
    case TM_JITTER_LOST: conceal(receiver, pcm); break;
    case TM_JITTER_DTX: comfort(receiver, pcm); break;
    case TM_JITTER_NONE: tm_plc_lost(receiver->plc, pcm, samples); break;
  }
  receiver->ready += samples;
  return result;
}

/// Follows the jitter buffer's advice by one pitch period.
static void stretch(tm_receiver *receiver, uint64_t now_us, tm_jitter_advice advice, int64_t excess_us, int64_t most_us) {
  bool hurry = excess_us > HURRY_US || excess_us < -HURRY_US;
  if (receiver->pause > 0 && !hurry) {
    receiver->pause--;
    return;
  }
  int16_t *pcm = receiver->sound + receiver->history;
  uint32_t hz = receiver->info->sample_hz;
  size_t before = receiver->ready;
  size_t most = (size_t)most_us * hz / 1000000;
  if (advice == TM_JITTER_SHORTEN) {
    receiver->ready = tm_stretch_shorten(pcm, before, hz, most, hurry);
    receiver->stats.samples_removed += before - receiver->ready;
    tm_jitter_shortened(receiver->jitter, (int64_t)(before - receiver->ready) * 1000000 / hz);
    while (receiver->ready < receiver->tick) pull(receiver, now_us);
  } else {
    // Room is left for one more frame in the next round.
    size_t room = receiver->capacity - TM_MAX_FRAME_SAMPLES;
    receiver->ready = tm_stretch_lengthen(pcm, before, room, receiver->sound, hz, most, hurry);
    // More than what is needed is better than nothing.
    if (receiver->ready == before) receiver->ready = tm_stretch_lengthen(pcm, before, room, receiver->sound, hz, room, hurry);
    receiver->stats.samples_stretched += receiver->ready - before;
  }
  if (receiver->ready != before) receiver->pause = STRETCH_PAUSE;
}

void tm_receiver_get(tm_receiver *receiver, uint64_t now_us, int16_t *pcm) {
  uint32_t pending = pending_ticks(receiver);
  tm_jitter_advice advice = tm_jitter_advise(receiver->jitter, now_us, pending);
  int64_t excess_us = tm_jitter_excess_us(receiver->jitter, now_us, pending);
  int64_t most_us = advice == TM_JITTER_SHORTEN ? tm_jitter_spare_us(receiver->jitter, now_us, pending)
                                                : tm_jitter_lack_us(receiver->jitter, now_us, pending);
  bool all_sound = true;
  while (receiver->ready < receiver->tick) {
    if (pull(receiver, now_us) != TM_JITTER_FRAME) all_sound = false;
  }
  // Stretching works on real sound only; in silence and loss the jitter buffer moves by itself.
  if (advice != TM_JITTER_KEEP && all_sound) stretch(receiver, now_us, advice, excess_us, most_us);

  int16_t *ready = receiver->sound + receiver->history;
  memcpy(pcm, ready, receiver->tick * sizeof *pcm);
  receiver->ready -= receiver->tick;
  memmove(receiver->sound, receiver->sound + receiver->tick,
          (receiver->history + receiver->ready) * sizeof *receiver->sound);
  receiver->stats.samples_played += receiver->tick;
}

void tm_receiver_read_stats(const tm_receiver *receiver, tm_receiver_stats *stats) {
  *stats = receiver->stats;
  stats->samples_ready = (uint32_t)receiver->ready;
  tm_jitter_read_stats(receiver->jitter, &stats->jitter);
  uint64_t each = receiver->info->decode_samples;
  stats->samples_concealed = stats->jitter.frames_lost * each + receiver->samples_damaged;
  stats->samples_comfort = stats->jitter.frames_dtx * each;
}
