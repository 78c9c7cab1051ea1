// A whole receiving stream against networks that lose, delay, reorder and double packets, and clocks that differ.
#include "tm_level.h"
#include "tm_receiver.h"
#include "tm_test.h"
#include "tm_tone.h"

enum { PACKETS = 1500, MAX_SENT = 2 * PACKETS, SECONDS_OF_PLAY = 32 };
static const double TONE_HZ = 440;

/// What the network and the peer do.
typedef struct trace {
  const char *name;
  tm_codec_id codec;
  uint32_t loss_percent;
  uint32_t burst;           // packets lost together
  uint32_t jitter_ms;       // uniform
  uint32_t reorder_percent; // packets held back by 30 ms more
  uint32_t double_percent;
  double skew_ppm;          // the peer's clock is faster by this
  int change_at;            // packet from which SSRC, sequence and timestamp are others; 0: none
  int ptime_frames;         // frames a packet
  double max_excess_ms;     // bound of the mean delay above the fastest packet
} trace;

typedef struct sent_packet {
  uint64_t arrival_us;
  size_t bytes;
  uint8_t data[12 + 480];
} sent_packet;

static sent_packet *packets;
static size_t packet_count;

/// What was heard.
typedef struct outcome {
  tm_receiver_stats stats;
  double level;          // of the tone, in the second half
  int steepest;          // largest step between samples after the first second
  double mean_delay_ms;  // in the second half
  double max_delay_ms;
} outcome;

static int by_arrival(const void *a, const void *b) {
  const sent_packet *x = a;
  const sent_packet *y = b;
  if (x->arrival_us == y->arrival_us) return x < y ? -1 : 1;
  return x->arrival_us < y->arrival_us ? -1 : 1;
}

static void add_packet(const sent_packet *packet, uint64_t arrival_us) {
  if (packet_count == MAX_SENT) abort();
  packets[packet_count] = *packet;
  packets[packet_count++].arrival_us = arrival_us;
}

/// The peer's side: codes a tone and sends it through the network of the trace.
static void send_all(const trace *t, tm_codec *codec, tm_random *random) {
  const tm_codec_info *info = tm_codec_get_info(codec);
  tm_tone tone;
  if (tm_tone_init(&tone, TONE_HZ, info->sample_hz, TM_TONE_DBOV) != TM_OK) abort();
  packet_count = 0;
  uint32_t lose = 0;
  int frames_each = t->ptime_frames > 0 ? t->ptime_frames : 1;
  for (int number = 0; number < PACKETS / frames_each; number++) {
    bool changed = t->change_at > 0 && number >= t->change_at;
    sent_packet packet;
    uint8_t payload[480];
    size_t bytes = 0;
    tm_frame frames[3];
    for (int i = 0; i < frames_each; i++) {
      int16_t pcm[TM_MAX_FRAME_SAMPLES];
      tm_tone_read(&tone, pcm, info->encode_samples);
      if (tm_codec_encode(codec, pcm, &frames[i]) != TM_OK) abort();
    }
    if (tm_codec_pack(codec, frames, (size_t)frames_each, payload, sizeof payload, &bytes) != TM_OK) abort();
    uint32_t samples = (uint32_t)(number * frames_each) * info->encode_ticks;
    tm_rtp_packet rtp = {.payload_type = 96,
                         .sequence = (uint16_t)((changed ? 777 : 65000) + number), // wraps on the way
                         .timestamp = (changed ? 123456u : 0xFFFF0000u) + samples,
                         .ssrc = changed ? 2 : 1,
                         .payload = payload,
                         .payload_bytes = bytes};
    if (tm_rtp_build(&rtp, packet.data, sizeof packet.data, &packet.bytes) != TM_OK) abort();
    if (lose == 0 && t->loss_percent > 0) {
      uint32_t burst = t->burst > 0 ? t->burst : 1;
      if (tm_random_below(random, 100 * burst) < t->loss_percent) lose = burst;
    }
    if (lose > 0) {
      lose--;
      continue;
    }
    double sent_us = number * frames_each * 20000.0 / (1 + t->skew_ppm / 1e6);
    uint64_t arrival_us = 1000000 + (uint64_t)sent_us + tm_random_below(random, t->jitter_ms * 1000 + 1);
    if (tm_random_below(random, 100) < t->reorder_percent) arrival_us += 30000;
    add_packet(&packet, arrival_us);
    if (tm_random_below(random, 100) < t->double_percent) add_packet(&packet, arrival_us + 500);
  }
  qsort(packets, packet_count, sizeof *packets, by_arrival);
}

static int16_t heard[SECONDS_OF_PLAY * 16000];

static outcome run_trace(const trace *t, uint64_t seed) {
  tm_random random = {seed};
  tm_codec_config config = {.id = t->codec, .initial_mode = 7};
  tm_codec *codec = NULL;
  tm_receiver *receiver = NULL;
  outcome result = {.steepest = 0};
  if (tm_codec_create(&config, &codec) != TM_OK) abort();
  tm_receiver_config receiver_config = {.codec = codec, .max_ms = 300};
  if (tm_receiver_create(&receiver_config, &receiver) != TM_OK) abort();
  const tm_codec_info *info = tm_codec_get_info(codec);
  send_all(t, codec, &random);

  size_t next = 0;
  size_t samples = 0;
  double delays = 0;
  int counted = 0;
  for (uint64_t now = 1000000; next < packet_count; now += 20000) {
    for (; next < packet_count && packets[next].arrival_us <= now; next++) {
      tm_rtp_packet rtp;
      if (tm_rtp_parse(packets[next].data, packets[next].bytes, &rtp) != TM_OK) abort();
      tm_receiver_put(receiver, &rtp, packets[next].arrival_us);
    }
    tm_receiver_get(receiver, now, heard + samples);
    samples += info->encode_samples;
    tm_receiver_read_stats(receiver, &result.stats);
    if (next > packet_count / 2) {
      delays += result.stats.jitter.delay_us / 1000.0;
      counted++;
    }
    if (result.stats.jitter.delay_us / 1000.0 > result.max_delay_ms) {
      result.max_delay_ms = result.stats.jitter.delay_us / 1000.0;
    }
  }
  result.mean_delay_ms = delays / counted;
  for (size_t i = info->sample_hz + 1; i < samples; i++) {
    int step = abs(heard[i] - heard[i - 1]);
    if (step > result.steepest) result.steepest = step;
  }
  // The stretches move the phase: levels of 200 ms, their mean.
  size_t block = info->sample_hz / 5;
  int blocks = 0;
  for (size_t at = samples / 2; at + block <= samples; at += block, blocks++) {
    result.level += tm_level_at_dbov(heard + at, block, TONE_HZ, info->sample_hz);
  }
  result.level /= blocks;
  tm_receiver_destroy(receiver);
  tm_codec_destroy(codec);
  return result;
}

static double natural_step(tm_codec_id codec) {
  return 11640 * 2 * 3.14159265 * TONE_HZ / tm_codec_info_of(codec)->sample_hz;
}

/// A step this much above the tone's own would be heard as a click. AMR-WB's own concealment is rougher.
static double allowed_step(const trace *t) {
  double natural = natural_step(t->codec);
  return tm_codec_info_of(t->codec)->has_concealment && t->loss_percent > 0 ? natural * 2.2 : natural * 1.5;
}

static const trace TRACES[] = {
  {.name = "a perfect network", .codec = TM_CODEC_PCMA, .max_excess_ms = 45},
  {.name = "a perfect network, AMR-WB", .codec = TM_CODEC_AMR_WB, .max_excess_ms = 45},
  {.name = "5 % loss", .codec = TM_CODEC_PCMA, .loss_percent = 5, .max_excess_ms = 45},
  {.name = "20 % loss", .codec = TM_CODEC_PCMU, .loss_percent = 20, .max_excess_ms = 45},
  {.name = "10 % loss in bursts of 3", .codec = TM_CODEC_PCMA, .loss_percent = 10, .burst = 3, .max_excess_ms = 45},
  {.name = "10 % loss and 80 ms jitter", .codec = TM_CODEC_PCMA, .loss_percent = 10, .jitter_ms = 80,
   .max_excess_ms = 140},
  {.name = "10 % loss and 80 ms jitter, AMR-WB", .codec = TM_CODEC_AMR_WB, .loss_percent = 10, .jitter_ms = 80,
   .max_excess_ms = 140},
  {.name = "20 % loss, AMR-WB", .codec = TM_CODEC_AMR_WB, .loss_percent = 20, .max_excess_ms = 45},
  {.name = "20 % reordered, 20 % doubled", .codec = TM_CODEC_PCMA, .reorder_percent = 20, .double_percent = 20,
   .max_excess_ms = 75},
  {.name = "a peer clock 100 ppm fast", .codec = TM_CODEC_PCMA, .skew_ppm = 100, .jitter_ms = 20, .max_excess_ms = 75},
  {.name = "a peer clock 100 ppm slow", .codec = TM_CODEC_PCMA, .skew_ppm = -100, .jitter_ms = 20, .max_excess_ms = 75},
  {.name = "10 % loss and 80 ms jitter, AMR", .codec = TM_CODEC_AMR, .loss_percent = 10, .jitter_ms = 80,
   .max_excess_ms = 140},
  {.name = "10 % loss and 80 ms jitter, G.722", .codec = TM_CODEC_G722, .loss_percent = 10, .jitter_ms = 80,
   .max_excess_ms = 140},
  {.name = "10 % loss and 80 ms jitter, Opus", .codec = TM_CODEC_OPUS, .loss_percent = 10, .jitter_ms = 80,
   .max_excess_ms = 140},
  {.name = "packets of 60 ms with 10 % loss, G.722", .codec = TM_CODEC_G722, .loss_percent = 10, .ptime_frames = 3,
   .max_excess_ms = 140},
  {.name = "packets of 60 ms with 10 % loss, Opus", .codec = TM_CODEC_OPUS, .loss_percent = 10, .ptime_frames = 3,
   .max_excess_ms = 140},
  {.name = "a peer clock 1 % fast", .codec = TM_CODEC_AMR_WB, .skew_ppm = 10000, .max_excess_ms = 75},
  {.name = "a peer clock 1 % slow", .codec = TM_CODEC_AMR_WB, .skew_ppm = -10000, .max_excess_ms = 75},
  {.name = "another SSRC in the middle", .codec = TM_CODEC_PCMA, .change_at = 700, .jitter_ms = 40,
   .max_excess_ms = 95},
  {.name = "another SSRC in the middle, AMR-WB", .codec = TM_CODEC_AMR_WB, .change_at = 700, .max_excess_ms = 60},
  {.name = "packets of 60 ms with 10 % loss", .codec = TM_CODEC_PCMU, .ptime_frames = 3, .loss_percent = 10,
   .max_excess_ms = 75},
};

static const trace *current;

static void check_trace(void) {
  outcome result = run_trace(current, 77);
  const tm_receiver_stats *stats = &result.stats;
  double frames = PACKETS;
  double lost = current->loss_percent / 100.0;
  double made_up = (double)stats->samples_concealed / (double)stats->samples_played;
  CHECK_RANGE(result.mean_delay_ms, 15, current->max_excess_ms);
  CHECK_RANGE(result.max_delay_ms, 15, 320);
  CHECK_RANGE(result.steepest, 0, allowed_step(current));
  // What is made up is what was lost, 4 % (late packets at the 98 % quantile, start of the stream), nothing else.
  CHECK_RANGE(made_up, lost * 0.6, lost * 1.4 + 0.04);
  // The decoders' own concealment turns down at every loss.
  double lowest = -13 - current->loss_percent * (tm_codec_info_of(current->codec)->has_concealment ? 0.4 : 0.2);
  CHECK_RANGE(result.level, lowest, -11);
  CHECK_RANGE((double)stats->jitter.frames_played, frames * (1 - lost * 1.4 - 0.06), frames * 4);
  CHECK_INT(stats->jitter.restarts, current->change_at > 0 ? 1 : 0);
  CHECK_INT(stats->jitter.overflow, 0);
  CHECK_INT(stats->bad_payloads, 0);
  if (current->double_percent > 0) CHECK(stats->jitter.duplicate > 100);
  if (current->reorder_percent > 0) CHECK(stats->jitter.reordered > 100);
  if (current->skew_ppm > 5000) CHECK(stats->samples_removed > 1000);
  if (current->skew_ppm < -5000) CHECK(stats->samples_stretched > 1000);
}

static void skew_is_followed_both_ways(void) {
  // 30 s at 1 % are 300 ms: neither is the buffer emptied nor does the delay grow.
  trace fast = {.codec = TM_CODEC_PCMA, .skew_ppm = 10000};
  trace slow = {.codec = TM_CODEC_PCMA, .skew_ppm = -10000};
  outcome a = run_trace(&fast, 5);
  outcome b = run_trace(&slow, 5);
  CHECK_RANGE(((double)a.stats.samples_removed - (double)a.stats.samples_stretched) / 8000, 0.2, 0.4);
  CHECK_RANGE(((double)b.stats.samples_stretched - (double)b.stats.samples_removed) / 8000, 0.2, 0.4);
  CHECK_RANGE(a.mean_delay_ms, 15, 60);
  CHECK_RANGE(b.mean_delay_ms, 5, 60);
  CHECK_RANGE((double)b.stats.samples_concealed / 8000, 0, 0.3);
}

static void bad_payloads_are_counted(void) {
  tm_codec_config config = {.id = TM_CODEC_AMR_WB};
  tm_codec *codec = NULL;
  tm_receiver *receiver = NULL;
  CHECK_INT(tm_codec_create(&config, &codec), TM_OK);
  tm_receiver_config receiver_config = {.codec = codec};
  CHECK_INT(tm_receiver_create(&receiver_config, &receiver), TM_OK);
  static const uint8_t reserved_type[] = {0xF5, 0x40};
  tm_rtp_packet packet = {.ssrc = 1, .payload = reserved_type, .payload_bytes = 2};
  CHECK_INT(tm_receiver_put(receiver, &packet, 0), TM_ERR_UNSUPPORTED);
  packet.payload_bytes = 0;
  CHECK_INT(tm_receiver_put(receiver, &packet, 0), TM_ERR_TRUNCATED);
  int16_t pcm[320];
  tm_receiver_get(receiver, 0, pcm);
  for (int i = 0; i < 320; i++) CHECK_INT(pcm[i], 0);
  tm_receiver_stats stats;
  tm_receiver_read_stats(receiver, &stats);
  CHECK_INT(stats.bad_payloads, 2);
  tm_receiver_destroy(receiver);
  tm_codec_destroy(codec);
}

static void no_codec(void) {
  tm_receiver *receiver = NULL;
  tm_receiver_config config = {.codec = NULL};
  CHECK_INT(tm_receiver_create(&config, &receiver), TM_ERR_ARGUMENT);
  tm_receiver_destroy(NULL);
}

int main(void) {
  packets = calloc(MAX_SENT, sizeof *packets);
  if (packets == NULL) return 1;
  for (size_t i = 0; i < sizeof TRACES / sizeof TRACES[0]; i++) {
    current = &TRACES[i];
    char name[100];
    snprintf(name, sizeof name, "%s: bounded delay, no click, the tone stays", current->name);
    tm_test_run(name, check_trace);
  }
  tm_test_run("a clock 1 % fast or slow is followed by stretching", skew_is_followed_both_ways);
  tm_test_run("payloads that cannot be read are counted, silence is played", bad_payloads_are_counted);
  tm_test_run("a receiver needs a codec", no_codec);
  free(packets);
  return tm_test_end();
}
