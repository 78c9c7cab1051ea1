/* The jitter buffer benchmark: our receiver and the jitter buffer of speexdsp play the same traces of bad networks, in made-up time.
 * Usage: jitter_traces SECONDS SEED; prints a JSON line for each trace and player: mean delay above the fastest packet; the smallest
 * constant delay (of each 5 s) that would have kept as many packets; shares of 20 ms lost in the network, late, and made up. */
#include <speex/speex_jitter.h>

#include "tm_trace_play.h"

enum { HZ = 8000, FRAME = 160, MAX_MS = 400, FIRST_COUNTED = 150 };

static const tm_trace_plan PLANS[] = {
  {.name = "steady"},
  {.name = "5 % loss", .loss = 0.05},
  {.name = "20 % loss in bursts of 5", .loss = 0.2, .burst = 5},
  {.name = "scatter 10 ms", .kind = TM_TRACE_GAUSS, .delay_ms = 10},
  {.name = "scatter 30 ms", .kind = TM_TRACE_GAUSS, .delay_ms = 30},
  {.name = "queue 10 ms", .kind = TM_TRACE_GAMMA, .delay_ms = 10},
  {.name = "queue 40 ms, 10 % loss", .kind = TM_TRACE_GAMMA, .delay_ms = 40, .loss = 0.1},
  {.name = "stalls of 200 ms", .kind = TM_TRACE_SPIKES, .delay_ms = 200},
  {.name = "Wi-Fi bunches of 100 ms", .kind = TM_TRACE_BUNCHES, .delay_ms = 100},
  {.name = "delay swings by 150 ms", .kind = TM_TRACE_DRIFT, .delay_ms = 150},
  {.name = "10 % overtaken", .reordered = 0.1},
  {.name = "silence not sent, queue 20 ms", .dtx = true, .kind = TM_TRACE_GAMMA, .delay_ms = 20},
};

static void tell(const char *who, const char *name, const tm_trace *trace, double delay_ms, double made_up)
{
  int late = 0;
  for (size_t i = 0; i < trace->count; i++) late += trace->packets[i].late;
  printf("{\"who\":\"%s\",\"trace\":\"%s\",\"delay_ms\":%.3f,\"optimum_ms\":%.3f,\"lost\":%.5f,\"late\":%.5f,\"made_up\":%.5f}\n", who,
         name, delay_ms, tm_trace_optimum_ms(trace), (double)trace->lost / trace->sent, (double)late / trace->sent,
         made_up / trace->sent);
}

static void play_ours(const tm_trace_plan *plan, tm_trace *trace, const tm_sent *sent)
{
  tm_played played = tm_trace_play(trace, plan, sent, MAX_MS);
  tell("ours", plan->name, trace, played.mean_delay_ms, (double)played.stats.samples_concealed / FRAME);
  tm_played_free(&played);
}

/* As its header asks: one get and one tick each 20 ms; what it does not have, or wants inserted, is made up. */
static void play_speex(const tm_trace_plan *plan, tm_trace *trace)
{
  JitterBuffer *buffer = jitter_buffer_init(FRAME);
  bool *heard = calloc((size_t)trace->sounds, sizeof *heard);
  double sum = 0, speed = 1 + plan->skew_ppm / 1e6;
  long counted = 0, made_up = 0;
  size_t next = 0;
  if (!buffer || !heard) abort();
  double end_us = trace->packets[trace->count - 1].arrival_us;
  char data[FRAME];
  bool silence = false;
  for (long tick = 0;; tick++) {
    double now_us = 1e6 + 7000 + (double)tick * TM_TRACE_TICK_US;
    if (now_us > end_us) break;
    for (; next < trace->count && trace->packets[next].arrival_us <= now_us; next++) {
      const tm_trace_packet *packet = &trace->packets[next];
      JitterBufferPacket put = {.data = data, .len = sizeof data, .timestamp = (spx_uint32_t)packet->number * FRAME, .span = FRAME,
                                .sequence = trace->sequence[packet->number], .user_data = (spx_uint32_t)packet->number};
      memset(data, 0, sizeof data);
      jitter_buffer_put(buffer, &put);
    }
    char out[FRAME];
    spx_int32_t offset = 0;
    JitterBufferPacket got = {.data = out, .len = sizeof out};
    int result = jitter_buffer_get(buffer, &got, FRAME, &offset);
    if (result == JITTER_BUFFER_OK) {
      int number = (int)got.user_data;
      heard[number] = true;
      if (tick >= FIRST_COUNTED) {
        sum += (now_us - (1e6 + number * TM_TRACE_PACKET_MS * 1000.0 / speed) - trace->fastest_us) / 1000;
        counted++;
      }
    } else if (tick > 0) {
      // A piece that the sender kept silent about is not made up.
      int at = jitter_buffer_get_pointer_timestamp(buffer) / FRAME - 1;
      silence = at >= 0 && at < trace->sounds && trace->silent[at];
      if (!silence) made_up++;
    }
    jitter_buffer_tick(buffer);
  }
  for (size_t i = 0; i < trace->count; i++) trace->packets[i].late = !trace->packets[i].copy && !heard[trace->packets[i].number];
  // Those that still wait at the end are not late.
  for (size_t i = trace->count > 20 ? trace->count - 20 : 0; i < trace->count; i++) trace->packets[i].late = false;
  tell("speexdsp", plan->name, trace, counted ? sum / (double)counted : 0, (double)made_up);
  jitter_buffer_destroy(buffer);
  free(heard);
}

int main(int argc, char **argv)
{
  if (argc != 3) return 2;
  double seconds = atof(argv[1]);
  uint64_t seed = (uint64_t)atoll(argv[2]);
  tm_sent sent = tm_sent_make(TM_CODEC_PCMA, (int)(seconds * 50), seed);
  for (size_t i = 0; i < sizeof PLANS / sizeof PLANS[0]; i++) {
    tm_trace trace = tm_trace_make(&PLANS[i], seconds, seed);
    play_ours(&PLANS[i], &trace, &sent);
    play_speex(&PLANS[i], &trace);
    tm_trace_free(&trace);
  }
  tm_sent_free(&sent);
  return 0;
}
