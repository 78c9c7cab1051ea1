// Waveform concealment: repeats the last pitch period with a fade; joins are cross-faded.
#include "tm_plc.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tm_match.h"

enum {
  MIN_HZ = 8000,
  MAX_HZ = 48000,
  // Microseconds; after G.711 Appendix I.
  MIN_LAG_US = 5000,
  MAX_LAG_US = 15000,
  MATCH_US = 20000,
  JOINT_US = 2500, // where the made-up sound begins it has to fit closely
  HISTORY_US = MAX_LAG_US + MATCH_US,
  SMOOTH_US = 2000, // how long the step at the start of the made-up sound takes to fade
  FULL_US = 10000,  // made-up sound at full level
  SILENT_US = 60000,
  JOIN_US = 5000,
};

struct tm_plc {
  size_t min_lag, max_lag, match, closely, history_size, smooth, full, silent, join;
  int16_t *history; // the last output, oldest first
  int16_t *cycle;   // one pitch period, made to repeat without a step
  size_t period;
  bool making_up;
  size_t made;      // samples made up since the last good sound
  double step;      // jump between the last good sample and the cycle
  size_t joined;    // samples of the join done; == join: none under way
};

static size_t samples_of(uint32_t sample_hz, uint32_t us) { return (size_t)((uint64_t)sample_hz * us / 1000000u); }

tm_status tm_plc_create(uint32_t sample_hz, tm_plc **plc) {
  *plc = NULL;
  if (sample_hz < MIN_HZ || sample_hz > MAX_HZ) return TM_ERR_ARGUMENT;
  tm_plc *self = calloc(1, sizeof *self);
  if (self == NULL) return TM_ERR_MEMORY;
  self->min_lag = samples_of(sample_hz, MIN_LAG_US);
  self->max_lag = samples_of(sample_hz, MAX_LAG_US);
  self->match = samples_of(sample_hz, MATCH_US);
  self->closely = samples_of(sample_hz, JOINT_US);
  self->history_size = samples_of(sample_hz, HISTORY_US);
  self->smooth = samples_of(sample_hz, SMOOTH_US);
  self->full = samples_of(sample_hz, FULL_US);
  self->silent = samples_of(sample_hz, SILENT_US);
  self->join = samples_of(sample_hz, JOIN_US);
  self->joined = self->join;
  self->history = calloc(self->history_size, sizeof *self->history);
  self->cycle = calloc(self->max_lag, sizeof *self->cycle);
  if (self->history == NULL || self->cycle == NULL) {
    tm_plc_destroy(self);
    return TM_ERR_MEMORY;
  }
  *plc = self;
  return TM_OK;
}

void tm_plc_destroy(tm_plc *plc) {
  if (plc == NULL) return;
  free(plc->history);
  free(plc->cycle);
  free(plc);
}

static void remember(tm_plc *plc, const int16_t *pcm, size_t samples) {
  if (samples >= plc->history_size) {
    memcpy(plc->history, pcm + samples - plc->history_size, plc->history_size * sizeof *pcm);
    return;
  }
  memmove(plc->history, plc->history + samples, (plc->history_size - samples) * sizeof *pcm);
  memcpy(plc->history + plc->history_size - samples, pcm, samples * sizeof *pcm);
}

static size_t find_period(const tm_plc *plc) {
  const int16_t *recent = plc->history + plc->history_size - plc->match;
  size_t best = plc->max_lag;
  double best_match = -3;
  for (size_t lag = plc->min_lag; lag <= plc->max_lag; lag++) {
    const int16_t *joint = recent + plc->match - plc->closely;
    double match = tm_match_end(recent, recent - lag, plc->match) + tm_match_end(joint, joint - lag, plc->closely);
    if (match > best_match) {
      best_match = match;
      best = lag;
    }
  }
  return best;
}

static void start_making_up(tm_plc *plc) {
  size_t period = find_period(plc);
  const int16_t *end = plc->history + plc->history_size;
  memcpy(plc->cycle, end - period, period * sizeof *plc->cycle);
  // The last quarter leads over to what came before the cycle, so that it repeats without a step.
  size_t quarter = period / 4;
  for (size_t i = 0; i < quarter; i++) {
    plc->cycle[period - quarter + i] = tm_cross_fade(end[(ptrdiff_t)i - (ptrdiff_t)quarter],
                                                     end[(ptrdiff_t)i - (ptrdiff_t)(quarter + period)], i, quarter);
  }
  plc->period = period;
  plc->step = (double)end[-1] - end[-1 - (ptrdiff_t)period];
  plc->made = 0;
  plc->making_up = true;
}

static int16_t next_made_up(tm_plc *plc) {
  size_t at = plc->made++;
  if (at >= plc->silent) return 0;
  double value = plc->cycle[at % plc->period];
  if (at < plc->smooth) value += plc->step * (1 - (double)(at + 1) / (double)plc->smooth);
  if (at > plc->full) value *= (double)(plc->silent - at) / (double)(plc->silent - plc->full);
  return tm_clip16(value);
}

void tm_plc_good(tm_plc *plc, int16_t *pcm, size_t samples) {
  if (plc->making_up && plc->joined == plc->join) plc->joined = 0;
  for (size_t i = 0; i < samples && plc->joined < plc->join; i++) {
    pcm[i] = tm_cross_fade(next_made_up(plc), pcm[i], plc->joined++, plc->join);
    if (plc->joined == plc->join) plc->making_up = false;
  }
  remember(plc, pcm, samples);
}

void tm_plc_lost(tm_plc *plc, int16_t *pcm, size_t samples) {
  if (!plc->making_up || plc->joined < plc->join) start_making_up(plc);
  plc->joined = plc->join;
  for (size_t i = 0; i < samples; i++) pcm[i] = next_made_up(plc);
  remember(plc, pcm, samples);
}

void tm_plc_break(tm_plc *plc) {
  if (!plc->making_up || plc->joined < plc->join) start_making_up(plc);
  plc->joined = plc->join;
}
