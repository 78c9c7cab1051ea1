// Sample rate conversion by libspeexdsp.
#include "tm_resample.h"

#include <speex/speex_resampler.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_QUALITY = SPEEX_RESAMPLER_QUALITY_MAX, BOUND_SLACK = 8 };

struct tm_resample {
  SpeexResamplerState *state; // NULL: equal rates
  uint32_t in_hz;
  uint32_t out_hz;
};

static int rate_allowed(uint32_t hz) { return hz >= TM_RESAMPLE_MIN_HZ && hz <= TM_RESAMPLE_MAX_HZ; }

tm_status tm_resample_create(uint32_t in_hz, uint32_t out_hz, int quality, tm_resample **resample) {
  *resample = NULL;
  if (!rate_allowed(in_hz) || !rate_allowed(out_hz) || quality < 0 || quality > MAX_QUALITY) return TM_ERR_ARGUMENT;
  tm_resample *self = calloc(1, sizeof *self);
  if (self == NULL) return TM_ERR_MEMORY;
  self->in_hz = in_hz;
  self->out_hz = out_hz;
  if (in_hz != out_hz) {
    int error = RESAMPLER_ERR_SUCCESS;
    self->state = speex_resampler_init(1, in_hz, out_hz, quality, &error);
    if (self->state == NULL) {
      free(self);
      return TM_ERR_MEMORY;
    }
    speex_resampler_skip_zeros(self->state);
  }
  *resample = self;
  return TM_OK;
}

void tm_resample_destroy(tm_resample *resample) {
  if (resample == NULL) return;
  if (resample->state != NULL) speex_resampler_destroy(resample->state);
  free(resample);
}

tm_status tm_resample_process(tm_resample *resample, const int16_t *in, size_t in_count, int16_t *out,
                              size_t out_capacity, size_t *consumed, size_t *produced) {
  if (in_count > UINT32_MAX || out_capacity > UINT32_MAX) return TM_ERR_ARGUMENT;
  if (resample->state == NULL) {
    size_t count = in_count < out_capacity ? in_count : out_capacity;
    if (count > 0) memcpy(out, in, count * sizeof *in);
    *consumed = count;
    *produced = count;
    return TM_OK;
  }
  spx_uint32_t taken = (spx_uint32_t)in_count;
  spx_uint32_t given = (spx_uint32_t)out_capacity;
  int error = speex_resampler_process_int(resample->state, 0, in, &taken, out, &given);
  *consumed = taken;
  *produced = given;
  return error == RESAMPLER_ERR_SUCCESS ? TM_OK : TM_ERR_CODEC;
}

size_t tm_resample_bound(const tm_resample *resample, size_t in_count) {
  return (size_t)((uint64_t)in_count * resample->out_hz / resample->in_hz) + BOUND_SLACK;
}

void tm_resample_reset(tm_resample *resample) {
  if (resample->state == NULL) return;
  speex_resampler_reset_mem(resample->state);
  speex_resampler_skip_zeros(resample->state);
}
