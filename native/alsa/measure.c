// The audio test: a chirp from a loudspeaker to a microphone tells the delay between them beyond what the sound system knows, and the echo's level.
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "device_private.h"
#include "stream.h"
#include "tm_fft.h"

enum {
  CHIRP = TM_AUDIO_HZ / 2,           // half a second
  TAIL = TM_AUDIO_HZ * 7 / 10,       // how long an echo is waited for, with the room's tail
  FADE = TM_AUDIO_HZ / 50,
  SPAN = 32768,                      // samples recorded, of the transform
  STEP_MS = 10,
  WARM_MS = 300,                     // until both devices run evenly
  PATIENCE_MS = 5000,
  TRIES = 3,
  APART = TM_AUDIO_HZ / 50,          // what is nearer to the peak belongs to it
  NS_PER_SAMPLE = 1000000000 / TM_AUDIO_HZ,
  JUMP_NS = 5000000,                 // times that moved so far: a device began anew meanwhile
};

static const double PI = 3.14159265358979323846;
static const double LOW_HZ = 200.0, HIGH_HZ = 7000.0, PEAK = 6500.0;  // -14 dBov
static const double WEAK_DB = 14.0, SURE_DB = 34.0;                   // peak against the rest: no confidence, all of it

// Logarithmic sweep (Farina 2000): as much energy in each octave.
static void make_chirp(int16_t *pcm)
{
  double length = (double)CHIRP / TM_AUDIO_HZ, octaves = log(HIGH_HZ / LOW_HZ);
  for (int i = 0; i < CHIRP; i++) {
    double t = (double)i / TM_AUDIO_HZ;
    double edge = fmin(1.0, fmin(i, CHIRP - 1 - i) / (double)FADE);
    pcm[i] = (int16_t)lround(PEAK * edge * sin(2.0 * PI * LOW_HZ * length / octaves * (exp(t / length * octaves) - 1.0)));
  }
}

static void no_trouble(void *context, const tm_error *error)
{
  (void)context, (void)error;
}

static void no_recovery(void *context)
{
  (void)context;
}

static void set_probe(tm_device *device, tm_probe *probe)
{
  pthread_mutex_lock(&device->lock);
  device->probe = probe;
  pthread_mutex_unlock(&device->lock);
}

static size_t position_of(tm_device *device, const tm_probe *probe)
{
  pthread_mutex_lock(&device->lock);
  size_t position = probe->position;
  pthread_mutex_unlock(&device->lock);
  return position;
}

static void pause_ms(int ms)
{
  struct timespec span = tm_timespec(ms * TM_NS_PER_MS);
  (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &span, NULL);
}

// Plays and records; 0, or an errno.
static int record(tm_device *microphone, tm_device *loudspeaker, tm_probe *heard, tm_probe *played, const atomic_bool *cancel)
{
  int code = 0;
  int waited = 0;
  for (; waited < WARM_MS && !atomic_load(cancel); waited += STEP_MS) pause_ms(STEP_MS);
  set_probe(microphone, heard);
  set_probe(loudspeaker, played);
  // As long as the chirp was not all played, what is recorded may be too early: the buffer is long enough for the start of any device.
  for (; position_of(microphone, heard) < heard->count; waited += STEP_MS) {
    if (atomic_load(cancel)) code = ECANCELED;
    else if (waited >= PATIENCE_MS) code = ETIMEDOUT;
    if (code) break;
    pause_ms(STEP_MS);
  }
  set_probe(loudspeaker, NULL);
  set_probe(microphone, NULL);
  return code;
}

static double energy(const int16_t *pcm, size_t count)
{
  double sum = 0.0;
  for (size_t i = 0; i < count; i++) sum += (double)pcm[i] * pcm[i];
  return sum;
}

// Correlation of `recorded` with the chirp, in the real parts of `work`.
static bool correlate(const tm_probe *recorded, const int16_t *chirp, tm_complex *work)
{
  tm_fft *fft = NULL;
  if (tm_fft_create(SPAN, &fft) != TM_OK) return false;
  for (size_t i = 0; i < SPAN; i++)
    work[i] = (tm_complex){i < recorded->count ? recorded->pcm[i] : 0.0F, i < CHIRP ? chirp[i] : 0.0F};
  tm_fft_run(fft, work);
  // Both spectra out of one transform; times the conjugate of the chirp's; swapped for the inverse.
  for (size_t i = 0; i <= SPAN / 2; i++) {
    size_t j = (SPAN - i) & (SPAN - 1);
    tm_complex a = work[i], b = work[j];
    tm_complex r = {a.re + b.re, a.im - b.im}, c = {a.im + b.im, b.re - a.re};
    tm_complex p = {r.re * c.re + r.im * c.im, r.im * c.re - r.re * c.im};
    work[i] = (tm_complex){p.im, p.re};
    work[j] = (tm_complex){-p.im, p.re};
  }
  tm_fft_run(fft, work);
  for (size_t i = 0; i < SPAN; i++) work[i] = (tm_complex){work[i].im / (4.0F * SPAN), 0.0F};
  tm_fft_destroy(fft);
  return true;
}

static void judge(const tm_probe *heard, const tm_probe *played, const tm_complex *work, tm_delay_measure *result)
{
  int64_t start = (played->first_ns - heard->first_ns) / NS_PER_SAMPLE;
  size_t from = start > 0 ? (size_t)start : 0, to = heard->count > CHIRP ? heard->count - CHIRP : 0, peak = from;
  double rest = 0.0, others = 1.0;
  for (size_t i = from; i < to; i++)
    if (fabsf(work[i].re) > fabsf(work[peak].re)) peak = i;
  for (size_t i = 0; i < to; i++) {
    if (i + APART > peak && i < peak + APART) continue;
    rest += (double)work[i].re * (double)work[i].re;
    others++;
  }
  double stands_out = 20.0 * log10((fabs((double)work[peak].re) + 1e-9) / (sqrt(rest / others) + 1e-9));
  result->confidence = fmax(0.0, fmin(1.0, (stands_out - WEAK_DB) / (SURE_DB - WEAK_DB)));
  int64_t met = heard->first_ns + (int64_t)peak * NS_PER_SAMPLE;
  result->delay_ms = (double)(met - played->first_ns) / (double)TM_NS_PER_MS;
  // What came with the chirp, less as much noise as there was before it.
  double noise = from > 0 ? energy(heard->pcm, from) / (double)from : 0.0;
  size_t end = peak + CHIRP < heard->count ? peak + CHIRP : heard->count;
  double echo = energy(heard->pcm + peak, end - peak) - noise * (double)(end - peak);
  result->echo_db = 10.0 * log10(fmax(echo, 1.0) / energy(played->pcm, CHIRP));
}

static tm_engine_status measure(tm_device *microphone, tm_device *loudspeaker, tm_probe *heard, tm_probe *played,
                                const atomic_bool *cancel, tm_delay_measure *result, tm_error *error)
{
  tm_complex *work = calloc(SPAN, sizeof *work);
  if (!work) return tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for a measuring");
  make_chirp(played->pcm);
  int code = EPIPE;
  // A device that began anew meanwhile (an xrun) spoils a measuring, not the next.
  for (int i = 0; i < TRIES && code == EPIPE; i++) {
    heard->position = played->position = 0;
    code = record(microphone, loudspeaker, heard, played, cancel);
    int64_t shift = llabs(heard->last_ns - heard->first_ns) + llabs(played->last_ns - played->first_ns);
    if (!code && shift > JUMP_NS) code = EPIPE;
  }
  if (!code && correlate(heard, played->pcm, work)) judge(heard, played, work, result);
  free(work);
  if (!code) return TM_ENGINE_OK;
  return tm_error_set(error, TM_ENGINE_DEVICE, code, "%s, %s: the delay could not be measured: %s", microphone->name,
                      loudspeaker->name, strerror(code));
}

tm_engine_status tm_device_measure(tm_device_pool *pool, const char *capture, const char *playback, const atomic_bool *cancel,
                                   tm_delay_measure *result, tm_error *error)
{
  static const tm_device_listener nobody = {.trouble = no_trouble, .recovered = no_recovery};
  tm_error reason = {.status = TM_ENGINE_MEMORY};
  tm_probe heard = {.count = CHIRP + TAIL, .pcm = calloc(CHIRP + TAIL, sizeof(int16_t))};
  tm_probe played = {.count = CHIRP, .pcm = calloc(CHIRP, sizeof(int16_t))};
  tm_device_port *in = tm_device_attach(pool, capture, true, &nobody, &reason);
  tm_device_port *out = in ? tm_device_attach(pool, playback, false, &nobody, &reason) : NULL;
  tm_engine_status status = reason.status;
  if (in && out && heard.pcm && played.pcm)
    status = measure(in->device, out->device, &heard, &played, cancel, result, &reason);
  if (status != TM_ENGINE_OK && error) *error = reason;
  if (out) tm_device_detach(pool, out);
  if (in) tm_device_detach(pool, in);
  free(heard.pcm);
  free(played.pcm);
  return status;
}
