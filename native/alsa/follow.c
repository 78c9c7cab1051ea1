// A ring between two clocks: a loop of second order keeps the stock, a windowed sinc reads between the samples.
#include "follow.h"

#include <math.h>
#include <string.h>

enum {
  RING_SAMPLES = TM_FOLLOW_HZ / 2,
  FADE = 64,                     // samples: 4 ms
  HASTY_READS = 200,             // the loop is quicker at first
  LOOK = 10 * TM_FOLLOW_HZ,      // samples: how often less stock is tried
  NS_PER_SAMPLE = 1000000000 / TM_FOLLOW_HZ,
};

static const double FIRST_SPARE = 80.0;    // 5 ms
static const double STEP_UP = 160.0;       // when it ran dry
static const double STEP_DOWN = 16.0;      // when there was more than enough
static const double MOST_SPARE = 960.0;    // 60 ms
static const double TOO_MUCH = 800.0;      // 50 ms beyond the wanted stock: a jump, faded
static const double BEND = 80.0;           // more distance than this is somebody's lateness
static const double MAX_DRIFT = 2500e-6, MAX_STEP = 3000e-6;
static const double SMOOTH_S = 0.5;
static const double QUICK = 0.4, SLOW = 0.2;  // rad/s

tm_status tm_follow_init(tm_follow *follow, size_t block)
{
  memset(follow, 0, sizeof *follow);
  atomic_init(&follow->origin_ns, INT64_MIN);
  follow->block = block;
  follow->spare = FIRST_SPARE;
  follow->sinc = tm_sinc_shared();
  return tm_ring_create(RING_SAMPLES * sizeof(int16_t), &follow->ring);
}

void tm_follow_end(tm_follow *follow)
{
  tm_ring_destroy(follow->ring);
  follow->ring = NULL;
}

void tm_follow_write(tm_follow *follow, const int16_t *pcm, size_t count, int64_t now_ns)
{
  if (tm_ring_write_pcm(follow->ring, pcm, count) == TM_OK) follow->written += count;
  atomic_store_explicit(&follow->origin_ns, now_ns - (int64_t)follow->written * NS_PER_SAMPLE, memory_order_release);
}

// Samples written and not yet read, as if the writer wrote one at a time.
static double stock(const tm_follow *follow, int64_t now_ns)
{
  int64_t origin = atomic_load_explicit(&follow->origin_ns, memory_order_acquire);
  if (origin == INT64_MIN) return -1.0;
  double written = (double)(now_ns - origin) / NS_PER_SAMPLE;
  return written - ((double)follow->taken - (double)follow->held + follow->place);
}

static double wanted(const tm_follow *follow, size_t count)
{
  return (double)(count + follow->block + TM_SINC_TAPS) + follow->spare;
}

// Makes sure that `count` samples lie in `work`.
static bool hold(tm_follow *follow, size_t count)
{
  if (count > TM_FOLLOW_WORK) return false;
  if (follow->held < count) {
    size_t got = tm_ring_read_pcm(follow->ring, follow->work + follow->held, count - follow->held);
    follow->held += got;
    follow->taken += got;
  }
  return follow->held >= count;
}

static void forget_read(tm_follow *follow)
{
  size_t done = (size_t)follow->place;
  if (done > follow->held) done = follow->held;
  memmove(follow->work, follow->work + done, (follow->held - done) * sizeof *follow->work);
  follow->held -= done;
  follow->place -= (double)done;
}

// `count` samples from the present place on. False: not all are there.
static bool read_on(tm_follow *follow, float *out, size_t count, double step)
{
  if (!hold(follow, (size_t)(follow->place + (double)count * step) + TM_SINC_TAPS)) return false;
  for (size_t i = 0; i < count; i++) {
    double at = follow->place + (double)i * step;
    out[i] = tm_sinc_at(follow->sinc, &follow->work[(size_t)at], at - floor(at));
  }
  follow->place += (double)count * step;
  forget_read(follow);
  return true;
}

static void skip(tm_follow *follow, double samples)
{
  follow->place += samples;
  forget_read(follow);
  size_t rest = (size_t)follow->place;
  size_t gone = tm_ring_drop(follow->ring, rest * sizeof(int16_t)) / sizeof(int16_t);
  follow->taken += gone;
  follow->place -= (double)gone;
}

static bool begin(tm_follow *follow, size_t count, int64_t now_ns)
{
  double there = stock(follow, now_ns), aim = wanted(follow, count);
  size_t real = tm_ring_readable(follow->ring) / sizeof(int16_t) + follow->held;
  if (there < aim || (double)real < follow->place + there - aim + (double)(count + TM_SINC_TAPS)) return false;
  // Exactly to the stock wanted: the loop has nothing to make up for.
  skip(follow, there - aim);
  follow->running = true;
  follow->error = 0.0;
  follow->least = MOST_SPARE;
  follow->reads = follow->calm = follow->fade = 0;
  return true;
}

// How fast to read: the loop.
static double steer(tm_follow *follow, size_t count, int64_t now_ns)
{
  double seconds = (double)count / TM_FOLLOW_HZ, speed = follow->reads++ < HASTY_READS ? QUICK : SLOW;
  double error = stock(follow, now_ns) - wanted(follow, count);
  error = fmax(-BEND, fmin(BEND, error));
  follow->error += fmin(1.0, seconds / SMOOTH_S) * (error - follow->error);
  follow->drift += speed * speed * follow->error * seconds / TM_FOLLOW_HZ;
  follow->drift = fmax(-MAX_DRIFT, fmin(MAX_DRIFT, follow->drift));
  double pull = 1.4 * speed * follow->error / TM_FOLLOW_HZ;
  return 1.0 + fmax(-MAX_STEP, fmin(MAX_STEP, follow->drift + pull));
}

// Less stock is tried when there always was more than enough.
static void economise(tm_follow *follow, size_t count)
{
  double left = (double)(tm_ring_readable(follow->ring) / sizeof(int16_t) + follow->held);
  if (left < follow->least) follow->least = left;
  follow->calm += (unsigned)count;
  if (follow->calm < LOOK) return;
  if (follow->least > FIRST_SPARE + STEP_DOWN && follow->spare > FIRST_SPARE)
    follow->spare = fmax(FIRST_SPARE, follow->spare - STEP_DOWN);
  follow->calm = 0;
  follow->least = MOST_SPARE;
}

// The last of what is there, faded out.
static size_t last_of(tm_follow *follow, float *out, size_t count, double step)
{
  size_t there = 0;
  for (; there < count; there++) {
    double at = follow->place + (double)there * step;
    if ((size_t)at + TM_SINC_TAPS > follow->held) break;
    out[there] = tm_sinc_at(follow->sinc, &follow->work[(size_t)at], at - floor(at));
  }
  size_t fade = there < FADE ? there : FADE;
  for (size_t i = 0; i < fade; i++) out[there - fade + i] *= 1.0F - (float)(i + 1) / (float)fade;
  follow->place += (double)there * step;
  forget_read(follow);
  return there;
}

static void ran_dry(tm_follow *follow, float *out, size_t count, double step)
{
  size_t there = follow->running ? last_of(follow, out, count, step) : 0;
  for (size_t i = there; i < count; i++) out[i] = there ? 0.0F : follow->last * (1.0F - fminf(1.0F, (float)(i + 1) / FADE));
  follow->last = 0.0F;
  if (!follow->running) return;
  follow->running = false;
  follow->dry++;
  follow->spare = fmin(MOST_SPARE, follow->spare + STEP_UP);
}

// Far too much: on to the right place, the old sound faded into the new.
static void jump(tm_follow *follow, float *out, size_t count, double step, double surplus)
{
  float old[FADE];
  size_t both = count < FADE ? count : FADE;
  double back = follow->place;
  size_t ahead = (size_t)(back + FADE * step) + TM_SINC_TAPS;
  bool faded = hold(follow, ahead);
  for (size_t i = 0; faded && i < both; i++) {
    double at = back + (double)i * step;
    old[i] = tm_sinc_at(follow->sinc, &follow->work[(size_t)at], at - floor(at));
  }
  skip(follow, surplus);
  follow->jumps++;
  follow->error = 0.0;
  if (!read_on(follow, out, count, step)) {
    ran_dry(follow, out, count, step);
    return;
  }
  for (size_t i = 0; faded && i < both; i++) {
    float part = (float)(i + 1) / (float)both;
    out[i] = part * out[i] + (1.0F - part) * old[i];
  }
}

void tm_follow_read(tm_follow *follow, int16_t *pcm, size_t count, int64_t now_ns)
{
  float out[TM_FOLLOW_MAX_READ];
  if (count > TM_FOLLOW_MAX_READ) return;
  if (!follow->running && !begin(follow, count, now_ns)) {
    ran_dry(follow, out, count, 1.0);
  } else {
    double step = steer(follow, count, now_ns), real = (double)(tm_ring_readable(follow->ring) / sizeof(int16_t));
    double surplus = real - wanted(follow, count);
    if (surplus > TOO_MUCH) jump(follow, out, count, step, surplus);
    else if (!read_on(follow, out, count, step)) ran_dry(follow, out, count, step);
    else economise(follow, count);
  }
  for (size_t i = 0; i < count; i++) {
    if (follow->running && follow->fade < FADE) out[i] *= (float)++follow->fade / FADE;
    pcm[i] = (int16_t)lrintf(fmaxf(INT16_MIN, fminf(INT16_MAX, out[i])));
  }
  if (follow->running) follow->last = out[count - 1];
}

double tm_follow_ppm(const tm_follow *follow)
{
  return follow->drift * 1e6;
}
