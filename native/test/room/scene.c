// The made-up room: talkers, image method, two clocks.
#include "scene.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tm_test.h"

enum {
  HZ = TM_ROOM_HZ,
  TAPS = 2048,
  ORDER = 12,            // images in each direction
  SINC_HALF = 24,
  SEGMENT = HZ / 50,
  MAX_LAG = HZ / 50,     // a canceller delays by a few ms
  AHEAD_NS = 25000000,   // rendered so long before it is heard
};

static const double PI = 3.14159265358979323846;
static const double SPEED = 343.0, WALL = 0.78, FAR_DBOV = -22.0, NEAR_DBOV = -24.0, ECHO_DB = -8.0;

scene_options scene_usual(double skew_ppm)
{
  return (scene_options){.seconds = 15.0, .delay_ms = 60.0, .skew_ppm = skew_ppm, .stamp_jitter_us = 100.0,
                         .noise_dbov = -62.0, .seed = 7};
}

static double centred(tm_random *random) { return 2.0 * tm_random_unit(random) - 1.0; }

// One resonance.
typedef struct {
  double a, b, gain, y1, y2;
} formant;

static void tune(formant *f, double hz, double width)
{
  double r = exp(-PI * width / HZ);
  f->a = 2.0 * r * cos(2.0 * PI * hz / HZ);
  f->b = -r * r;
  f->gain = 1.0 - r;
}

static double ring_out(formant *f, double x)
{
  double y = f->gain * x + f->a * f->y1 + f->b * f->y2;
  f->y2 = f->y1;
  f->y1 = y;
  return y;
}

void scene_speech(int16_t *pcm, size_t count, double dbov, uint64_t seed)
{
  static const double vowels[][3] = {{730, 1090, 2440}, {270, 2290, 3010}, {300, 870, 2240}, {530, 1840, 2480}, {570, 840, 2410}, {660, 1720, 2410}};
  tm_random random = {.state = seed * 0x9E3779B97F4A7C15u + 1};
  formant voice[3] = {{0}}, hiss = {0};
  double *raw = calloc(count, sizeof *raw);
  double power = 0.0, phase = 0.0, level = 0.0, pitch = 140.0;
  if (!raw) return;
  tune(&hiss, 5000, 2500);
  for (size_t at = 0; at < count;) {
    unsigned kind = tm_random_below(&random, 10);  // 0, 1: pause, 2, 3: hiss, else a vowel
    size_t end = at + (size_t)((0.06 + 0.2 * tm_random_unit(&random)) * HZ);
    const double *vowel = vowels[tm_random_below(&random, 6)];
    double aim = kind < 2 ? 0.0 : kind < 4 ? 0.25 : 0.5 + 0.5 * tm_random_unit(&random);
    double glide = (100.0 + 120.0 * tm_random_unit(&random) - pitch) / HZ / 0.2;
    for (int i = 0; i < 3; i++) tune(&voice[i], vowel[i] * (1.0 + 0.05 * centred(&random)), 60.0 + 40.0 * i);
    for (; at < end && at < count; at++) {
      level += (aim - level) * 0.004;
      pitch = fmax(90.0, fmin(240.0, pitch + glide));
      phase += pitch / HZ;
      double pulse = phase >= 1.0 ? 1.0 : 0.0;
      if (phase >= 1.0) phase -= 1.0;
      double noise = centred(&random), excitation = kind < 4 ? 0.02 * noise : 8.0 * pulse + 0.05 * noise;
      double y = ring_out(&voice[0], excitation) + 0.6 * ring_out(&voice[1], excitation) + 0.3 * ring_out(&voice[2], excitation);
      y += ring_out(&hiss, kind >= 2 && kind < 4 ? 0.3 * noise : 0.0);
      raw[at] = level * y;
      power += raw[at] * raw[at];
    }
  }
  double gain = power > 0.0 ? 32768.0 * pow(10.0, dbov / 20.0) / sqrt(power / (double)count) : 0.0;
  for (size_t i = 0; i < count; i++) pcm[i] = (int16_t)fmax(-32767.0, fmin(32767.0, gain * raw[i]));
  free(raw);
}

// Impulse response of the shoe box, normalised to ECHO_DB.
static void room_response(float *response)
{
  static const double size[3] = {4.2, 3.1, 2.5}, speaker[3] = {1.9, 1.2, 1.0}, microphone[3] = {2.3, 1.6, 1.2};
  double energy = 0.0, *sum = calloc(TAPS, sizeof *sum);
  if (!sum) return;
  for (int x = -ORDER; x <= ORDER; x++)
    for (int y = -ORDER; y <= ORDER; y++)
      for (int z = -ORDER; z <= ORDER; z++) {
        int image[3] = {x, y, z};
        double square = 0.0;
        for (int d = 0; d < 3; d++) {
          double place = image[d] % 2 == 0 ? image[d] * size[d] + speaker[d] : (image[d] + 1) * size[d] - speaker[d];
          square += (place - microphone[d]) * (place - microphone[d]);
        }
        double distance = sqrt(square), at = distance / SPEED * HZ;
        int first = (int)at;
        double amplitude = pow(WALL, abs(x) + abs(y) + abs(z)) / distance;
        for (int i = first - 8; i <= first + 9; i++) {
          double t = i - at;
          if (i < 0 || i >= TAPS) continue;
          sum[i] += amplitude * (fabs(t) < 1e-9 ? 1.0 : sin(PI * t) / (PI * t)) * (0.5 + 0.5 * cos(PI * t / 10.0));
        }
      }
  for (int i = 0; i < TAPS; i++) energy += sum[i] * sum[i];
  for (int i = 0; i < TAPS; i++) response[i] = (float)(sum[i] * pow(10.0, ECHO_DB / 20.0) / sqrt(energy));
  free(sum);
}

static void convolve(const int16_t *in, size_t count, const float *response, float *out)
{
  for (size_t i = 0; i < count; i++) {
    if (in[i] == 0) continue;
    float x = in[i];
    size_t end = count - i < TAPS ? count - i : TAPS;
    for (size_t k = 0; k < end; k++) out[i + k] += x * response[k];
  }
}

// Windowed sinc; neighbours differ in sign of the sine and by one step of the window, so that few sines are worked out.
static double between(const float *in, size_t count, double place)
{
  const double step = 2.0 * cos(PI / (SINC_HALF + 1));
  long whole = (long)floor(place), first = whole - SINC_HALF + 1;
  double t = place - (double)first, sum = 0.0, sine = sin(PI * t) / PI;
  double window = cos(PI * t / (SINC_HALF + 1)), before = cos(PI * (t + 1.0) / (SINC_HALF + 1));
  for (long i = first; i <= whole + SINC_HALF; i++, t -= 1.0, sine = -sine) {
    if (i >= 0 && (size_t)i < count) sum += (double)in[i] * (fabs(t) < 1e-9 ? 1.0 : sine / t) * (0.5 + 0.5 * window);
    double next = step * window - before;
    before = window;
    window = next;
  }
  return sum;
}

// The far talker and his echo on the loudspeaker's clock, undelayed: the same for every scene of one seed and length, so made once.
static bool far_and_echo(const scene_options *options, size_t count, int16_t *far, const float **echo)
{
  static float *kept;
  static int16_t *spoken;
  static size_t kept_count;
  static uint64_t kept_seed;
  if (!kept || kept_count != count || kept_seed != options->seed) {
    float response[TAPS] = {0};
    free(kept);
    free(spoken);
    kept = calloc(count, sizeof *kept);
    spoken = calloc(count, sizeof *spoken);
    kept_count = count;
    kept_seed = options->seed;
    if (!kept || !spoken) return false;
    scene_speech(spoken, count, FAR_DBOV, options->seed);
    room_response(response);
    convolve(spoken, count, response, kept);
  }
  memcpy(far, spoken, count * sizeof *far);
  *echo = kept;
  return true;
}

bool scene_make(scene *made, const scene_options *options)
{
  size_t count = (size_t)(options->seconds * HZ) / TM_ROOM_BLOCK * TM_ROOM_BLOCK;
  tm_random random = {.state = options->seed};
  *made = (scene){.options = *options, .count = count};
  made->far = calloc(count, sizeof(int16_t));
  made->near = calloc(count, sizeof(int16_t));
  made->mic = calloc(count, sizeof(int16_t));
  made->out = calloc(count, sizeof(int16_t));
  const float *echo = NULL;
  if (!made->far || !made->near || !made->mic || !made->out || !far_and_echo(options, count, made->far, &echo)) return false;
  scene_speech(made->near, count, NEAR_DBOV, options->seed + 100);
  size_t from = (size_t)(options->near_from_s * HZ), to = (size_t)(options->near_to_s * HZ);
  for (size_t i = 0; i < count; i++)
    if (i < from || i >= to) made->near[i] = 0;
  double noise = 32768.0 * pow(10.0, options->noise_dbov / 20.0) * sqrt(3.0);
  double rate = 1.0 / (1.0 + options->skew_ppm / 1e6);
  for (size_t i = 0; i < count; i++) {
    double heard = between(echo, count, (double)i * rate - options->delay_ms * HZ / 1000.0);
    double sum = heard + made->near[i] + noise * centred(&random);
    made->mic[i] = (int16_t)lround(fmax(-32767.0, fmin(32767.0, sum)));
  }
  return true;
}

void scene_free(scene *made)
{
  free(made->far);
  free(made->near);
  free(made->mic);
  free(made->out);
  memset(made, 0, sizeof *made);
}

void scene_through(scene *made, tm_room *room)
{
  tm_random random = {.state = made->options.seed + 1};
  const double start_ns = 1e9, jitter_ns = made->options.stamp_jitter_us * 1e3;
  const double far_ns = 1e9 / HZ, near_ns = far_ns / (1.0 + made->options.skew_ppm / 1e6);
  size_t rendered = 0;
  memcpy(made->out, made->mic, made->count * sizeof *made->out);
  for (size_t at = 0; at + TM_ROOM_BLOCK <= made->count; at += TM_ROOM_BLOCK) {
    double met = start_ns + (double)at * near_ns, now = met + TM_ROOM_BLOCK * near_ns;
    for (; rendered + TM_ROOM_BLOCK <= made->count; rendered += TM_ROOM_BLOCK) {
      double heard = start_ns + (double)rendered * far_ns;
      if (heard - AHEAD_NS > now) break;
      tm_room_render(room, made->far + rendered, (int64_t)(heard + jitter_ns * centred(&random)));
    }
    tm_room_capture(room, made->out + at, (int64_t)(met + jitter_ns * centred(&random)));
  }
}

double scene_erle(const scene *made, double from_s, double to_s)
{
  double before = 0.0, after = 0.0;
  for (size_t at = (size_t)(from_s * HZ); at + SEGMENT <= (size_t)(to_s * HZ) && at + SEGMENT <= made->count; at += SEGMENT) {
    double in = 0.0, out = 0.0;
    for (size_t i = at; i < at + SEGMENT; i++) {
      in += (double)made->mic[i] * made->mic[i];
      out += (double)made->out[i] * made->out[i];
    }
    // Where only the room's noise is, no echo can be taken away.
    if (10.0 * log10(in / SEGMENT / 32768.0 / 32768.0 + 1e-12) < -50.0) continue;
    before += in;
    after += out;
  }
  return 10.0 * log10((before + 1.0) / (after + 1.0));
}

static double product(const int16_t *a, const int16_t *b, size_t count)
{
  double sum = 0.0;
  for (size_t i = 0; i < count; i++) sum += (double)a[i] * b[i];
  return sum;
}

static double correlate(const int16_t *a, const int16_t *b, size_t count)
{
  double both = product(a, a, count) * product(b, b, count);
  return both > 0.0 ? product(a, b, count) / sqrt(both) : 0.0;
}

scene_double_talk scene_near_kept(const scene *made, double from_s, double to_s)
{
  size_t from = (size_t)(from_s * HZ), to = (size_t)(to_s * HZ) - MAX_LAG, best = 0;
  double highest = -1.0, own = 0.0, kept = 0.0;
  for (size_t lag = 0; lag < MAX_LAG; lag++) {
    double value = correlate(made->near + from, made->out + from + lag, to - from);
    if (value <= highest) continue;
    highest = value;
    best = lag;
  }
  for (size_t at = from; at + SEGMENT <= to; at += SEGMENT) {
    double power = product(made->near + at, made->near + at, SEGMENT);
    if (power <= 0.0) continue;
    double share = product(made->near + at, made->out + at + best, SEGMENT) / power;
    own += power;
    kept += fmax(0.0, share) * fmax(0.0, share) * power;
  }
  return (scene_double_talk){.kept_db = 10.0 * log10((kept + 1.0) / (own + 1.0)), .correlation = highest,
                             .before = correlate(made->near + from, made->mic + from, to - from)};
}
