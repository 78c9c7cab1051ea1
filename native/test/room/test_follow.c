// A ring between two clocks, in made-up time: minutes of drift without a click, and what happens when one side is late.
#include "follow.h"
#include "tm_test.h"

enum { HZ = TM_FOLLOW_HZ, WRITE = 160, READ = 320 };

static const double PI = 3.14159265358979323846, TONE_HZ = 1000.0, PEAK = 10000.0;

typedef struct {
  double ppm, seconds;
  double late_ms;              // wake-ups of both sides, at most
  double stall_at_s, stall_s;  // the writer stands still once, and writes late what it owes
  double settle_s;             // clicks count from here on
} course;

typedef struct {
  double worst;   // largest deviation of a sample from the tone that the two before it make, of PEAK
  double stock_low, stock_high, ppm;
  uint64_t dry, jumps;
} outcome;

// A pure tone obeys x[n] = 2 cos(w) x[n-1] - x[n-2]: whatever does not is a click.
static outcome run(const course *c)
{
  static tm_follow follow;
  tm_random random = {.state = 5};
  int16_t in[WRITE], out[READ];
  outcome seen = {.stock_low = 1e9};
  double one = 0.0, two = 0.0, phase = 0.0, written = 0.0, turn = 2.0 * cos(2.0 * PI * TONE_HZ / HZ);
  if (tm_follow_init(&follow, WRITE) != TM_OK) return seen;
  for (double at = 0.02; at < c->seconds; at += 0.02) {
    double now = at + c->late_ms / 1000.0 * tm_random_unit(&random) * tm_random_unit(&random);
    for (double due = (written + WRITE) / HZ / (1.0 + c->ppm / 1e6); due <= now; due = (written + WRITE) / HZ / (1.0 + c->ppm / 1e6)) {
      bool stalled = c->stall_s > 0.0 && due >= c->stall_at_s && due < c->stall_at_s + c->stall_s;
      if (stalled && now < c->stall_at_s + c->stall_s) break;
      double moment = stalled ? c->stall_at_s + c->stall_s : fmin(now, due + c->late_ms / 1000.0 * tm_random_unit(&random) * tm_random_unit(&random));
      for (int i = 0; i < WRITE; i++, phase += 2.0 * PI * TONE_HZ / HZ) in[i] = (int16_t)lround(PEAK * sin(phase));
      tm_follow_write(&follow, in, WRITE, (int64_t)(moment * 1e9));
      written += WRITE;
    }
    tm_follow_read(&follow, out, READ, (int64_t)(now * 1e9));
    double left = (double)(tm_ring_readable(follow.ring) / sizeof(int16_t) + follow.held);
    for (int i = 0; i < READ; i++) {
      double off = fabs(out[i] - (turn * one - two)) / PEAK;
      if (at > c->settle_s && off > seen.worst) seen.worst = off;
      two = one;
      one = out[i];
    }
    if (at > c->settle_s) {
      seen.stock_low = fmin(seen.stock_low, left);
      seen.stock_high = fmax(seen.stock_high, left);
    }
  }
  seen.ppm = tm_follow_ppm(&follow);
  seen.dry = follow.dry;
  seen.jumps = follow.jumps;
  tm_follow_end(&follow);
  printf("# %g ppm: found %.0f, worst sample %.2f %% off, stock %.1f to %.1f ms, dry %llu, jumps %llu\n", c->ppm, seen.ppm, 100.0 * seen.worst,
         seen.stock_low / HZ * 1e3, seen.stock_high / HZ * 1e3, (unsigned long long)seen.dry, (unsigned long long)seen.jumps);
  return seen;
}

static void drifts(double ppm)
{
  course c = {.ppm = ppm, .seconds = 300, .late_ms = 1, .settle_s = 0.2};
  outcome seen = run(&c);
  CHECK_RANGE(seen.worst, 0, 0.01);
  CHECK_INT(seen.dry, 0);
  CHECK_INT(seen.jumps, 0);
  CHECK_RANGE(seen.ppm, ppm - 30, ppm + 30);
  CHECK_RANGE(seen.stock_high, 0, 0.04 * HZ);
}

static void none(void) { drifts(0); }
static void fast(void) { drifts(100); }
static void slow(void) { drifts(-100); }
static void very_fast(void) { drifts(1500); }
static void very_slow(void) { drifts(-1500); }

static void late(void)
{
  course c = {.ppm = 100, .seconds = 120, .late_ms = 20, .settle_s = 60};
  outcome seen = run(&c);
  // More stock is kept after it ran out; then nothing more is heard.
  CHECK_RANGE(seen.worst, 0, 0.02);
  CHECK_RANGE(seen.dry, 0, 5);
}

static void stalled(void)
{
  course c = {.ppm = 0, .seconds = 30, .late_ms = 1, .stall_at_s = 10, .stall_s = 0.1, .settle_s = 0.2};
  outcome seen = run(&c);
  CHECK_INT(seen.dry, 1);
  CHECK_INT(seen.jumps, 0);
  // Faded out, faded in: no sample stands alone.
  CHECK_RANGE(seen.worst, 0, 0.2);
}

int main(void)
{
  tm_test_run("equal clocks", none);
  tm_test_run("five minutes 100 ppm fast: no click", fast);
  tm_test_run("five minutes 100 ppm slow: no click", slow);
  tm_test_run("1500 ppm fast", very_fast);
  tm_test_run("1500 ppm slow", very_slow);
  tm_test_run("both sides up to 20 ms late", late);
  tm_test_run("a writer that stands still", stalled);
  return tm_test_end();
}
