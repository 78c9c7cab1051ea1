// Jitter buffer: creation, the store of waiting frames, counters.
#include "tm_jitter.h"

#include <stdlib.h>
#include <string.h>

#include "tm_jitter_private.h"

enum {
  DEFAULT_MIN_MS = 10,
  DEFAULT_INITIAL_MS = 60,
  DEFAULT_MAX_MS = 400,
  DEFAULT_BEAT_MS = 20,
  MIN_CAPACITY = 16,
  MAX_CAPACITY = 1024,
};

tm_status tm_jitter_create(const tm_jitter_config *config, tm_jitter **jitter) {
  *jitter = NULL;
  tm_jitter_config filled = *config;
  if (filled.min_ms == 0) filled.min_ms = DEFAULT_MIN_MS;
  if (filled.initial_ms == 0) filled.initial_ms = DEFAULT_INITIAL_MS;
  if (filled.max_ms == 0) filled.max_ms = DEFAULT_MAX_MS;
  if (filled.beat_ms == 0) filled.beat_ms = DEFAULT_BEAT_MS;
  if (filled.clock_hz == 0 || filled.frame_ticks == 0) return TM_ERR_ARGUMENT;
  if (filled.capacity < MIN_CAPACITY || filled.capacity > MAX_CAPACITY) return TM_ERR_ARGUMENT;
  if (filled.min_ms > filled.max_ms) return TM_ERR_ARGUMENT;
  if (filled.initial_ms > filled.max_ms) filled.initial_ms = filled.max_ms;
  if ((uint64_t)filled.capacity * filled.frame_ticks * 1000 < (uint64_t)filled.max_ms * filled.clock_hz) {
    return TM_ERR_ARGUMENT;
  }
  tm_jitter *self = calloc(1, sizeof *self);
  if (self == NULL) return TM_ERR_MEMORY;
  self->config = filled;
  self->frames = calloc(filled.capacity, sizeof *self->frames);
  self->order = calloc(filled.capacity, sizeof *self->order);
  self->free_slots = calloc(filled.capacity, sizeof *self->free_slots);
  if (self->frames == NULL || self->order == NULL || self->free_slots == NULL) {
    tm_jitter_destroy(self);
    return TM_ERR_MEMORY;
  }
  for (uint16_t slot = 0; slot < filled.capacity; slot++) self->free_slots[slot] = slot;
  tm_delay_init(&self->delay, filled.initial_ms);
  tm_bursts_init(&self->bursts);
  *jitter = self;
  return TM_OK;
}

void tm_jitter_destroy(tm_jitter *jitter) {
  if (jitter == NULL) return;
  free(jitter->frames);
  free(jitter->order);
  free(jitter->free_slots);
  free(jitter);
}

void tm_jitter_reset(tm_jitter *jitter) {
  tm_jitter_clear(jitter);
  jitter->has_stream = false;
  jitter->has_candidate = false;
  jitter->playing = false;
  jitter->lead_us = 0;
  jitter->least_lead_us = 0;
  jitter->unknown = 0;
  tm_delay_init(&jitter->delay, jitter->config.initial_ms);
}

int64_t tm_jitter_us_of(const tm_jitter *jitter, int64_t ticks) {
  int64_t hz = jitter->config.clock_hz;
  return ticks / hz * 1000000 + ticks % hz * 1000000 / hz;
}

static bool is_marked(const tm_jitter *jitter, const uint64_t *bits, int64_t sequence) {
  if (sequence > jitter->highest_sequence || jitter->highest_sequence - sequence >= TM_JITTER_SEEN) return false;
  uint64_t bit = (uint64_t)sequence % TM_JITTER_SEEN;
  return (bits[bit / 64] >> bit % 64 & 1) != 0;
}

bool tm_jitter_was_seen(const tm_jitter *jitter, int64_t sequence) { return is_marked(jitter, jitter->seen, sequence); }

bool tm_jitter_was_useful(const tm_jitter *jitter, int64_t sequence) { return is_marked(jitter, jitter->useful, sequence); }

void tm_jitter_pop(tm_jitter *jitter) {
  uint16_t slot = jitter->order[0].slot;
  jitter->waiting--;
  memmove(jitter->order, jitter->order + 1, jitter->waiting * sizeof *jitter->order);
  // free_slots[0 .. capacity - waiting) are free.
  jitter->free_slots[jitter->config.capacity - jitter->waiting - 1] = slot;
}

void tm_jitter_clear(tm_jitter *jitter) {
  while (jitter->waiting > 0) tm_jitter_pop(jitter);
}

void tm_jitter_read_stats(const tm_jitter *jitter, tm_jitter_stats *stats) {
  *stats = jitter->stats;
  stats->buffered = (uint32_t)jitter->waiting;
  stats->position = (uint32_t)jitter->cursor;
  tm_bursts_read(&jitter->bursts, &stats->bursts);
}
