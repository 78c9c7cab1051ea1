// What networks do to packets, from a seed: loss (random, or in bursts after Gilbert), delay that varies in several ways, reordering,
// duplication, clocks that differ, another source in the middle, silence that is not sent. And the limit for any jitter buffer: the smallest
// constant delay of each stretch of time that keeps as many packets.
#ifndef TM_TRACE_H
#define TM_TRACE_H

#include "tm_test.h"

enum { TM_TRACE_PACKET_MS = 20, TM_TRACE_WINDOW_PACKETS = 250 };  // the optimum may change every 5 s

typedef enum tm_trace_delay {
  TM_TRACE_STEADY = 0,
  TM_TRACE_GAUSS,   // each packet on its own, as netem does it: standard deviation, so packets overtake each other
  TM_TRACE_GAMMA,   // a queue: shape 2 with this mean, nobody overtakes
  TM_TRACE_SPIKES,  // about every 4 s the line stands for up to this long, then everything comes at once
  TM_TRACE_BUNCHES, // Wi-Fi power save: delivered only at the beacons, this far apart, for some seconds; then prompt again
  TM_TRACE_DRIFT,   // a queue that fills up and runs empty in 20 s, this high
} tm_trace_delay;

typedef struct tm_trace_plan {
  const char *name;
  double loss;         // share of packets
  double burst;        // mean length of a run of lost packets; up to 1: each on its own
  tm_trace_delay kind;
  double delay_ms;     // as the kind has it
  double reordered;    // share of packets that come 30 ms later than they should
  double doubled;      // share of packets that come twice
  double skew_ppm;     // the sender's clock is faster by this
  double change_s;     // another source from here on; 0: none
  bool dtx;            // talk spurts of 1.2 s and silence of 1 s on average
} tm_trace_plan;

typedef struct tm_trace_packet {
  int number;          // of its 20 ms of sound
  double sent_us, arrival_us;
  bool copy;
  bool marker;         // first after silence
  bool late;           // to be filled by who plays it
} tm_trace_packet;

typedef struct tm_trace {
  tm_trace_packet *packets;  // by arrival
  size_t count;
  int sounds;          // 20 ms pieces of the whole
  int sent;            // of them those that were sent
  int lost;
  double fastest_us;   // smallest delay of all
  uint16_t *sequence;  // of each piece
  bool *silent;        // each piece: not sent
} tm_trace;

static inline double tm_trace_gauss(tm_random *random) {
  double sum = 0;
  for (int i = 0; i < 12; i++) sum += tm_random_unit(random);
  return sum - 6;
}

static inline double tm_trace_exponential(tm_random *random) { return -log(1 - tm_random_unit(random) * 0.999999); }

static inline int tm_trace_by_arrival(const void *a, const void *b) {
  const tm_trace_packet *x = a;
  const tm_trace_packet *y = b;
  if (x->arrival_us != y->arrival_us) return x->arrival_us < y->arrival_us ? -1 : 1;
  return x->number - y->number;
}

typedef struct tm_trace_line {
  double free_us;   // a queue: nobody arrives before
  double spike_us;  // the line stands until then
  double phase_us;  // change between prompt and bunched delivery
  bool bunched;
} tm_trace_line;

/// Delay of the packet sent at sent_us.
static inline double tm_trace_delay_of(const tm_trace_plan *plan, tm_trace_line *line, double sent_us, tm_random *random) {
  static const double BASE_US = 30000;
  double us = plan->delay_ms * 1000;
  double delay = BASE_US + tm_random_unit(random) * 300;
  switch (plan->kind) {
    case TM_TRACE_STEADY: return delay;
    case TM_TRACE_GAUSS: return delay + fmax(0, us * (3 + tm_trace_gauss(random)));
    case TM_TRACE_GAMMA: delay += us / 2 * (tm_trace_exponential(random) + tm_trace_exponential(random)); break;
    case TM_TRACE_SPIKES:
      if (tm_random_unit(random) < TM_TRACE_PACKET_MS / 4000.0) line->spike_us = sent_us + us * tm_random_unit(random);
      delay = fmax(delay, line->spike_us - sent_us + BASE_US);
      break;
    case TM_TRACE_BUNCHES:
      if (sent_us >= line->phase_us) {
        line->bunched = !line->bunched;
        line->phase_us = sent_us + 5e6 * (0.5 + tm_random_unit(random));
      }
      if (line->bunched) delay += us - fmod(sent_us, us);
      break;
    case TM_TRACE_DRIFT: delay += us * (0.5 - 0.5 * cos(sent_us / 20e6 * 2 * 3.14159265)) + 2000 * tm_random_unit(random); break;
  }
  double arrival = fmax(sent_us + delay, line->free_us + 50);
  line->free_us = arrival;
  return arrival - sent_us;
}

static inline void tm_trace_add(tm_trace *trace, tm_trace_packet packet) {
  double delay = packet.arrival_us - packet.sent_us;
  if (trace->count == 0 || delay < trace->fastest_us) trace->fastest_us = delay;
  trace->packets[trace->count++] = packet;
}

static inline void tm_trace_free(tm_trace *trace) {
  free(trace->packets);
  free(trace->sequence);
  free(trace->silent);
}

/// `seconds` of the plan. Free it with tm_trace_free.
static inline tm_trace tm_trace_make(const tm_trace_plan *plan, double seconds, uint64_t seed) {
  tm_random random = {seed};
  tm_trace_line line = {.free_us = 0};
  tm_trace trace = {.sounds = (int)(seconds * 1000 / TM_TRACE_PACKET_MS)};
  size_t sounds = (size_t)trace.sounds;
  trace.packets = calloc(sounds * 2, sizeof *trace.packets);
  trace.sequence = calloc(sounds, sizeof *trace.sequence);
  trace.silent = calloc(sounds, sizeof *trace.silent);
  if (trace.packets == NULL || trace.sequence == NULL || trace.silent == NULL) abort();
  double burst = plan->burst > 1 ? plan->burst : 1;
  bool losing = false;
  bool quiet = false;
  bool marker = true;
  for (int number = 0; number < trace.sounds; number++) {
    if (plan->dtx && tm_random_unit(&random) < TM_TRACE_PACKET_MS / (quiet ? 1000.0 : 1200.0)) quiet = !quiet;
    trace.silent[number] = quiet;
    trace.sequence[number] = (uint16_t)(65000 + trace.sent);  // wraps on the way
    if (quiet) {
      marker = true;
      continue;
    }
    trace.sent++;
    // Gilbert: from good to bad so that the share comes out, back with 1 / burst.
    double chance = plan->loss;
    if (burst > 1) chance = losing ? 1 - 1 / burst : plan->loss / (burst * (1 - plan->loss));
    losing = tm_random_unit(&random) < chance;
    double sent_us = 1e6 + number * TM_TRACE_PACKET_MS * 1000.0 / (1 + plan->skew_ppm / 1e6);
    double delay = tm_trace_delay_of(plan, &line, sent_us, &random);
    if (tm_random_unit(&random) < plan->reordered) delay += 30000;
    bool twice = tm_random_unit(&random) < plan->doubled;
    tm_trace_packet packet = {.number = number, .sent_us = sent_us, .arrival_us = sent_us + delay, .marker = marker};
    marker = false;
    if (losing) {
      trace.lost++;
      continue;
    }
    tm_trace_add(&trace, packet);
    packet.arrival_us += 500;
    packet.copy = true;
    if (twice) tm_trace_add(&trace, packet);
  }
  qsort(trace.packets, trace.count, sizeof *trace.packets, tm_trace_by_arrival);
  return trace;
}

static inline int tm_trace_falling(const void *a, const void *b) {
  double x = *(const double *)a;
  double y = *(const double *)b;
  return x < y ? 1 : x > y ? -1 : 0;
}

/// The smallest constant delay (milliseconds above the fastest packet) of each window with as many late packets as are marked there: the
/// mean over all windows. No program that does not know the future does better on average.
static inline double tm_trace_optimum_ms(const tm_trace *trace) {
  double delays[TM_TRACE_WINDOW_PACKETS];
  double sum = 0;
  int windows = 0;
  double *all = calloc((size_t)trace->sounds, sizeof *all);  // delay of each piece; 0: never came
  bool *late = calloc((size_t)trace->sounds, sizeof *late);
  if (all == NULL || late == NULL) abort();
  for (size_t i = 0; i < trace->count; i++) {
    const tm_trace_packet *packet = &trace->packets[i];
    if (packet->copy) continue;
    all[packet->number] = packet->arrival_us - packet->sent_us;
    late[packet->number] = packet->late;
  }
  for (int from = 0; from + TM_TRACE_WINDOW_PACKETS <= trace->sounds; from += TM_TRACE_WINDOW_PACKETS) {
    size_t count = 0;
    size_t allowed = 0;
    for (int i = from; i < from + TM_TRACE_WINDOW_PACKETS; i++) {
      if (all[i] > 0) delays[count++] = all[i] - trace->fastest_us;
      allowed += late[i];
    }
    if (count <= allowed) continue;
    qsort(delays, count, sizeof *delays, tm_trace_falling);
    sum += delays[allowed] / 1000;
    windows++;
  }
  free(all);
  free(late);
  return windows > 0 ? sum / windows : 0;
}

#endif
