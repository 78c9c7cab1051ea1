// The room's two clocks brought together: far sound read at the times at which the microphone heard.
#include "tm_room.h"

#include <limits.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tm_lag.h"
#include "tm_line.h"
#include "tm_ring.h"
#include "tm_room_apm.h"
#include "tm_sinc.h"

enum {
  HISTORY = 16384,      // samples of far sound kept: a second; a power of two
  WAITING_BLOCKS = 64,  // on their way between the threads
  FAR_AWAY = 80,        // samples: beyond 5 ms one jumps
  KNOWN_BLOCKS = 200,   // with far sound before levels mean something
  NEWS_MS = 4,          // a delay that is off by less is left alone
  MS_SAMPLES = TM_ROOM_HZ / 1000,
};

static const float FULL_SCALE = 32768.0F;
static const float AUDIBLE = 1e-5F;       // mean power: -50 dBov
static const float SLOW = 0.01F;          // of a block in the average levels: a second
static const double PULL = 0.02;        // of the distance to the right place, a block
static const double MAX_PULL = 0.0005;  // of a sample, a sample: 500 ppm on top of the skew

typedef struct {
  uint64_t position;
  int64_t heard_ns;
  int16_t pcm[TM_ROOM_BLOCK];
} block;

struct tm_room {
  tm_apm *apm;
  bool echo_cancel;
  const tm_sinc *sinc;
  tm_lag *lag;
  tm_ring *waiting;
  uint64_t rendered;  // render's thread
  // capture's thread
  tm_line far_line, near_line;
  int16_t history[HISTORY + TM_SINC_TAPS];  // its first samples again behind the last: read across the end
  uint64_t newest;                          // position after the last far sample
  uint64_t captured;
  bool placed;
  double place;  // in far samples, of the next sample to be read
  atomic_int delay_ms;
  unsigned loud_blocks;
  float far_power, met_power, left_power;  // averages while the far talker speaks
};

tm_status tm_room_create(const tm_room_options *options, tm_room **room)
{
  *room = NULL;
  if (options->delay_ms < TM_ROOM_DELAY_UNKNOWN || options->delay_ms > TM_ROOM_MAX_DELAY_MS) return TM_ERR_ARGUMENT;
  tm_room *self = calloc(1, sizeof *self);
  if (!self) return TM_ERR_MEMORY;
  self->echo_cancel = options->echo_cancel;
  atomic_init(&self->delay_ms, options->delay_ms);
  self->sinc = tm_sinc_shared();
  tm_line_init(&self->far_line, TM_ROOM_HZ);
  tm_line_init(&self->near_line, TM_ROOM_HZ);
  self->apm = tm_apm_create(options);
  if (!self->apm || tm_lag_create(&self->lag) != TM_OK || tm_ring_create(WAITING_BLOCKS * sizeof(block), &self->waiting) != TM_OK) {
    tm_room_destroy(self);
    return TM_ERR_MEMORY;
  }
  *room = self;
  return TM_OK;
}

void tm_room_destroy(tm_room *room)
{
  if (!room) return;
  tm_apm_destroy(room->apm);
  tm_lag_destroy(room->lag);
  tm_ring_destroy(room->waiting);
  free(room);
}

void tm_room_set_delay(tm_room *room, int delay_ms)
{
  atomic_store_explicit(&room->delay_ms, delay_ms, memory_order_relaxed);
}

void tm_room_render(tm_room *room, const int16_t *pcm, int64_t heard_ns)
{
  block one = {.position = room->rendered, .heard_ns = heard_ns};
  room->rendered += TM_ROOM_BLOCK;
  if (!room->echo_cancel) return;
  memcpy(one.pcm, pcm, sizeof one.pcm);
  // Full when nobody captures: the position tells the gap.
  (void)tm_ring_write(room->waiting, &one, sizeof one);
}

static void remember(tm_room *room, const block *one)
{
  if (one->position != room->newest) memset(room->history, 0, sizeof room->history);
  for (size_t i = 0; i < TM_ROOM_BLOCK; i++) {
    size_t at = (size_t)(one->position + i) & (HISTORY - 1);
    room->history[at] = one->pcm[i];
    if (at < TM_SINC_TAPS) room->history[HISTORY + at] = one->pcm[i];
  }
  room->newest = one->position + TM_ROOM_BLOCK;
}

static void take_far(tm_room *room)
{
  block one;
  while (tm_ring_read(room->waiting, &one, sizeof one) == TM_OK) {
    remember(room, &one);
    if (one.heard_ns != 0) tm_line_push(&room->far_line, (double)one.position, one.heard_ns);
  }
}

// False: that sound is not there (yet, or any more).
static bool far_at(const tm_room *room, double place, float *sample)
{
  double whole = floor(place);
  if (whole < TM_SINC_BEFORE || whole + TM_SINC_AFTER >= (double)room->newest) return false;
  uint64_t first = (uint64_t)whole - TM_SINC_BEFORE;
  if (room->newest - first > HISTORY) return false;
  *sample = tm_sinc_at(room->sinc, &room->history[first & (HISTORY - 1)], place - whole);
  return true;
}

// How far to go on per sample of the microphone so that the place stays right.
static double pace(tm_room *room)
{
  double met_ns = tm_line_time_of(&room->near_line, (double)room->captured);
  double right = tm_line_position_at(&room->far_line, met_ns);
  if (!room->placed || fabs(right - room->place) > FAR_AWAY) {
    room->place = right;
    room->placed = true;
  }
  double pull = fmax(-MAX_PULL, fmin(MAX_PULL, PULL * (right - room->place) / TM_ROOM_BLOCK));
  return room->near_line.ns_per_sample / room->far_line.ns_per_sample + pull;
}

static void read_far(tm_room *room, float *far)
{
  memset(far, 0, TM_ROOM_BLOCK * sizeof *far);
  if (!tm_line_known(&room->far_line) || !tm_line_known(&room->near_line)) return;
  double step = pace(room);
  for (size_t i = 0; i < TM_ROOM_BLOCK; i++, room->place += step)
    if (far_at(room, room->place, &far[i])) far[i] /= FULL_SCALE;
}

// The echo itself tells its delay, whatever was told or measured before.
static void hear_delay(tm_room *room, const float *far, const float *near)
{
  size_t samples = 0;
  int told = atomic_load_explicit(&room->delay_ms, memory_order_relaxed);
  if (!tm_lag_push(room->lag, far, near, TM_ROOM_BLOCK, &samples)) return;
  int heard = (int)(samples / MS_SAMPLES);
  if (heard > TM_ROOM_MAX_DELAY_MS || (told >= 0 && abs(heard - told) < NEWS_MS)) return;
  atomic_store_explicit(&room->delay_ms, heard, memory_order_relaxed);
}

static float power_of(const float *pcm)
{
  float sum = 0.0F;
  for (size_t i = 0; i < TM_ROOM_BLOCK; i++) sum += pcm[i] * pcm[i];
  return sum / TM_ROOM_BLOCK;
}

static void look(tm_room *room, const float *far, float met, float left)
{
  float power = power_of(far);
  if (power < AUDIBLE) return;
  float part = (float)room->loud_blocks * SLOW < 1.0F ? 1.0F / (float)(room->loud_blocks + 1) : SLOW;
  room->far_power += part * (power - room->far_power);
  room->met_power += part * (met - room->met_power);
  room->left_power += part * (left - room->left_power);
  if (room->loud_blocks < UINT_MAX) room->loud_blocks++;
}

void tm_room_capture(tm_room *room, int16_t *pcm, int64_t met_ns)
{
  float far[TM_ROOM_BLOCK], near[TM_ROOM_BLOCK];
  if (met_ns != 0) tm_line_push(&room->near_line, (double)room->captured, met_ns);
  if (room->echo_cancel) {
    take_far(room);
    read_far(room, far);
    tm_apm_render(room->apm, far);
  }
  room->captured += TM_ROOM_BLOCK;
  for (size_t i = 0; i < TM_ROOM_BLOCK; i++) near[i] = pcm[i] / FULL_SCALE;
  if (room->echo_cancel) hear_delay(room, far, near);
  float met = power_of(near);
  tm_apm_capture(room->apm, near, atomic_load_explicit(&room->delay_ms, memory_order_relaxed));
  for (size_t i = 0; i < TM_ROOM_BLOCK; i++) {
    float value = roundf(near[i] * FULL_SCALE);
    pcm[i] = (int16_t)fmaxf(INT16_MIN, fminf(INT16_MAX, value));
  }
  if (room->echo_cancel) look(room, far, met, power_of(near));
}

void tm_room_read_stats(const tm_room *room, tm_room_stats *stats)
{
  const double least = 1e-10;
  *stats = (tm_room_stats){.known = room->loud_blocks >= KNOWN_BLOCKS,
                           .erl_db = 10.0 * log10(((double)room->far_power + least) / ((double)room->met_power + least)),
                           .erle_db = 10.0 * log10(((double)room->met_power + least) / ((double)room->left_power + least)),
                           .delay_ms = atomic_load_explicit(&room->delay_ms, memory_order_relaxed),
                           .skew_ppm = tm_line_ppm(&room->far_line) - tm_line_ppm(&room->near_line)};
}

const char *tm_room_library(void)
{
  return tm_apm_library();
}
