// The jitter buffer, frame by frame: order, loss, silence, jumps, bounds.
#include "tm_jitter.h"
#include "tm_test.h"

enum { CLOCK = 16000, STEP = 320 };
static const uint64_t TICK_US = 20000;

static tm_jitter *make(uint16_t capacity) {
  tm_jitter_config config = {.clock_hz = CLOCK, .frame_ticks = STEP, .capacity = capacity, .min_ms = 20,
                             .initial_ms = 40, .max_ms = 300};
  tm_jitter *jitter = NULL;
  if (tm_jitter_create(&config, &jitter) != TM_OK) abort();
  return jitter;
}

/// Puts packet `number` (its frame holds the number) of a stream that began at first_seq and first_ts.
static tm_jitter_verdict put_kind(tm_jitter *jitter, uint32_t number, uint64_t arrival_us, tm_frame_kind kind,
                                  uint32_t sequence_offset) {
  tm_frame frame = {.kind = kind, .ticks = STEP, .bytes = 2};
  frame.data[0] = (uint8_t)(number >> 8);
  frame.data[1] = (uint8_t)number;
  tm_jitter_packet packet = {.ssrc = 1, .sequence = (uint16_t)(65500 + number - sequence_offset),
                             .timestamp = 0xFFFFF000u + number * STEP, .arrival_us = arrival_us, .frames = &frame,
                             .count = 1};
  return tm_jitter_put(jitter, &packet);
}

static tm_jitter_verdict put(tm_jitter *jitter, uint32_t number, uint64_t arrival_us) {
  return put_kind(jitter, number, arrival_us, TM_FRAME_SPEECH, 0);
}

static tm_jitter_result get(tm_jitter *jitter, uint64_t now_us, int *number) {
  tm_frame frame;
  bool restarted = false;
  tm_jitter_result result = tm_jitter_get(jitter, now_us, 0, &frame, &restarted);
  *number = result == TM_JITTER_FRAME ? frame.data[0] << 8 | frame.data[1] : -1;
  return result;
}

static void in_order_over_the_wraps(void) {
  tm_jitter *jitter = make(64);
  int expected = 0;
  for (uint32_t tick = 0; tick < 500; tick++) {
    CHECK_INT(put(jitter, tick, tick * TICK_US), TM_JITTER_STORED);
    int number = -1;
    tm_jitter_result result = get(jitter, tick * TICK_US + 1000, &number);
    if (result == TM_JITTER_NONE) {
      CHECK(tick < 4);
      continue;
    }
    CHECK_INT(result, TM_JITTER_FRAME);
    CHECK_INT(number, expected);
    expected++;
  }
  CHECK_RANGE(expected, 496, 499);
  tm_jitter_stats stats;
  tm_jitter_read_stats(jitter, &stats);
  CHECK_INT(stats.frames_lost, 0);
  CHECK_INT(stats.late + stats.duplicate + stats.reordered + stats.restarts + stats.suspect, 0);
  tm_jitter_destroy(jitter);
}

static void reordered_and_doubled(void) {
  tm_jitter *jitter = make(64);
  int expected = 0;
  for (uint32_t pair = 0; pair < 100; pair++) {
    uint64_t now = pair * 2 * TICK_US;
    put(jitter, pair * 2 + 1, now); // the second first
    put(jitter, pair * 2, now);
    CHECK_INT(put(jitter, pair * 2, now), TM_JITTER_DUPLICATE);
    for (uint64_t half = 0; half < 2; half++) {
      int number = -1;
      if (get(jitter, now + half * TICK_US, &number) == TM_JITTER_NONE) continue;
      CHECK_INT(number, expected++);
    }
  }
  CHECK(expected > 190);
  tm_jitter_stats stats;
  tm_jitter_read_stats(jitter, &stats);
  CHECK_INT(stats.duplicate, 100);
  CHECK_INT(stats.reordered, 100);
  CHECK_INT(stats.frames_lost, 0);
  tm_jitter_destroy(jitter);
}

static void played_ones_are_known(void) {
  tm_jitter *jitter = make(64);
  int number = -1;
  for (uint32_t tick = 0; tick < 50; tick++) {
    if (tick != 20) put(jitter, tick, tick * TICK_US);
    get(jitter, tick * TICK_US, &number);
  }
  CHECK_INT(put(jitter, 10, 50 * TICK_US), TM_JITTER_DUPLICATE); // played long ago
  CHECK_INT(put(jitter, 20, 50 * TICK_US), TM_JITTER_LATE);      // never came
  tm_jitter_stats stats;
  tm_jitter_read_stats(jitter, &stats);
  CHECK_INT(stats.frames_lost, 1);
  CHECK_INT(stats.late, 1);
  tm_jitter_destroy(jitter);
}

static void silence_is_no_loss(void) {
  // The sender is silent for 30 frames: the sequence numbers go on without a hole.
  tm_jitter *jitter = make(64);
  int number = -1;
  int lost = 0;
  int comfort = 0;
  for (uint32_t tick = 0; tick < 200; tick++) {
    if (tick < 50 || tick >= 80) put_kind(jitter, tick, tick * TICK_US, TM_FRAME_SPEECH, tick < 50 ? 0 : 30);
    tm_jitter_result result = get(jitter, tick * TICK_US, &number);
    if (tick > 100) CHECK_INT(result, TM_JITTER_FRAME);
    lost += result == TM_JITTER_LOST;
    comfort += result == TM_JITTER_DTX;
  }
  // While nothing is there it cannot be told from loss; it must not be more than the silence, and must end with it.
  CHECK_RANGE(lost + comfort, 28, 31);
  tm_jitter_destroy(jitter);
}

static void comfort_noise_frames(void) {
  // AMR-WB DTX: a SID frame every eighth time, nothing between.
  tm_jitter *jitter = make(64);
  int number = -1;
  int lost = 0;
  uint32_t skipped = 0;
  for (uint32_t tick = 0; tick < 300; tick++) {
    bool silent = tick >= 50 && tick < 250;
    if (!silent || tick % 8 == 2) {
      put_kind(jitter, tick, tick * TICK_US, silent ? TM_FRAME_SID : TM_FRAME_SPEECH, skipped);
    } else {
      skipped++;
    }
    tm_jitter_result result = get(jitter, tick * TICK_US, &number);
    lost += result == TM_JITTER_LOST;
    if (tick > 270) CHECK_INT(result, TM_JITTER_FRAME);
  }
  CHECK_INT(lost, 0);
  tm_jitter_destroy(jitter);
}

static void events_leave_no_hole(void) {
  // Packets of another payload type take 5 sequence numbers (RFC 4733); the sound before and after is whole.
  tm_jitter *jitter = make(64);
  int number = -1;
  for (uint32_t tick = 0; tick < 100; tick++) {
    if (tick >= 40 && tick < 45) {
      tm_jitter_packet event = {.ssrc = 1, .sequence = (uint16_t)(65500 + tick), .timestamp = 1,
                                .arrival_us = tick * TICK_US};
      CHECK_INT(tm_jitter_put(jitter, &event), TM_JITTER_STORED);
    } else {
      put(jitter, tick, tick * TICK_US);
    }
    get(jitter, tick * TICK_US, &number);
  }
  tm_jitter_stats stats;
  tm_jitter_read_stats(jitter, &stats);
  CHECK_INT(stats.reordered + stats.late + stats.suspect, 0);
  CHECK_RANGE(stats.frames_played, 92, 94); // all but those that wait
  tm_jitter_destroy(jitter);
}

static tm_jitter_verdict put_foreign(tm_jitter *jitter, uint32_t ssrc, uint16_t sequence, uint32_t timestamp,
                                     uint64_t arrival_us) {
  tm_frame frame = {.kind = TM_FRAME_SPEECH, .ticks = STEP, .bytes = 2, .data = {0x70, (uint8_t)sequence}};
  tm_jitter_packet packet = {.ssrc = ssrc, .sequence = sequence, .timestamp = timestamp, .arrival_us = arrival_us,
                             .frames = &frame, .count = 1};
  return tm_jitter_put(jitter, &packet);
}

static void another_source(void) {
  tm_jitter *jitter = make(64);
  int number = -1;
  for (uint32_t tick = 0; tick < 50; tick++) {
    put(jitter, tick, tick * TICK_US);
    get(jitter, tick * TICK_US, &number);
  }
  uint64_t now = 50 * TICK_US;
  CHECK_INT(put_foreign(jitter, 9, 4000, 5, now), TM_JITTER_SUSPECT); // a stray packet changes nothing
  CHECK_INT(put(jitter, 50, now), TM_JITTER_STORED);
  CHECK_INT(put_foreign(jitter, 9, 100, 7000, now), TM_JITTER_SUSPECT);
  CHECK_INT(put_foreign(jitter, 9, 101, 7000 + STEP, now + TICK_US), TM_JITTER_RESTART);
  bool joined = false;
  for (uint32_t tick = 2; tick < 12; tick++) {
    CHECK_INT(put_foreign(jitter, 9, (uint16_t)(100 + tick), 7000 + tick * STEP, now + tick * TICK_US),
              TM_JITTER_STORED);
    tm_frame frame;
    bool restarted = false;
    tm_jitter_result result = tm_jitter_get(jitter, now + tick * TICK_US, 0, &frame, &restarted);
    if (result != TM_JITTER_FRAME) continue;
    CHECK_INT(frame.data[0], 0x70);
    CHECK_INT(restarted, !joined); // to be cross-faded, once
    joined = true;
  }
  CHECK(joined);
  tm_jitter_destroy(jitter);
}

static void jumps_of_time_and_sequence(void) {
  static const struct {
    uint16_t sequence;
    uint32_t timestamp;
  } jumps[] = {{60, 0x40000000u}, {30000, 60 * STEP}, {60, 60u * STEP - 10u * CLOCK}, {60, 60u * STEP + 10u * CLOCK}};
  for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
    tm_jitter *jitter = make(64);
    int number = -1;
    for (uint32_t tick = 0; tick < 60; tick++) {
      put_foreign(jitter, 1, (uint16_t)tick, tick * STEP, tick * TICK_US);
      get(jitter, tick * TICK_US, &number);
    }
    int frames = 0;
    for (uint32_t tick = 0; tick < 50; tick++) {
      uint64_t now = (60 + tick) * TICK_US;
      put_foreign(jitter, 1, (uint16_t)(jumps[i].sequence + tick), jumps[i].timestamp + tick * STEP, now);
      frames += get(jitter, now, &number) == TM_JITTER_FRAME && tick >= 10;
    }
    CHECK_INT(frames, 40);
    tm_jitter_stats stats;
    tm_jitter_read_stats(jitter, &stats);
    CHECK_INT(stats.restarts, 1);
    CHECK_INT(stats.suspect, 1);
    tm_jitter_destroy(jitter);
  }
}

static void clock_that_stood_still(void) {
  // A peer on hold that stops its media clock for 2 s: later all its packets would be late.
  tm_jitter *jitter = make(64);
  int number = -1;
  int frames = 0;
  for (uint32_t tick = 0; tick < 300; tick++) {
    if (tick < 50) put(jitter, tick, tick * TICK_US);
    if (tick >= 150) put(jitter, tick - 100, tick * TICK_US);
    tm_jitter_result result = get(jitter, tick * TICK_US, &number);
    if (tick >= 200) frames += result == TM_JITTER_FRAME;
  }
  CHECK_RANGE(frames, 95, 100);
  tm_jitter_destroy(jitter);
}

static void burst_after_a_stall(void) {
  // The network stands for 400 ms, then everything comes at once: what is still in time is played.
  tm_jitter *jitter = make(64);
  int number = -1;
  int last = -1;
  for (uint32_t tick = 0; tick < 400; tick++) {
    if (tick < 100 || tick > 120) put(jitter, tick, tick * TICK_US);
    if (tick == 120) {
      for (uint32_t held = 100; held <= 120; held++) put(jitter, held, tick * TICK_US);
    }
    if (get(jitter, tick * TICK_US, &number) == TM_JITTER_FRAME) {
      CHECK(number > last);
      last = number;
    }
  }
  tm_jitter_stats stats;
  tm_jitter_read_stats(jitter, &stats);
  CHECK_INT(stats.restarts, 0);
  CHECK(stats.target_us <= 300000);
  CHECK(last > 380);
  tm_jitter_destroy(jitter);
}

static void never_more_than_its_room(void) {
  tm_jitter *jitter = make(16);
  tm_jitter_stats stats;
  for (uint32_t number = 0; number < 1000; number++) put(jitter, number, number);
  tm_jitter_read_stats(jitter, &stats);
  CHECK_INT(stats.buffered, 16);
  CHECK_INT(stats.overflow, 984);
  int number = -1;
  CHECK_INT(get(jitter, 1000000, &number), TM_JITTER_FRAME);
  CHECK(number >= 984);
  tm_jitter_destroy(jitter);
}

static void redundancy_fills_holes(void) {
  // RFC 4867 3.7.1: each packet repeats the frame before; every other packet is lost.
  tm_jitter *jitter = make(64);
  int number = -1;
  int expected = -1;
  for (uint32_t tick = 1; tick < 200; tick++) {
    if (tick % 2 == 0) {
      tm_frame frames[2] = {{.kind = TM_FRAME_SPEECH, .ticks = STEP, .bytes = 2},
                            {.kind = TM_FRAME_SPEECH, .ticks = STEP, .bytes = 2}};
      for (uint32_t i = 0; i < 2; i++) {
        frames[i].data[0] = (uint8_t)((tick - 1 + i) >> 8);
        frames[i].data[1] = (uint8_t)(tick - 1 + i);
      }
      tm_jitter_packet packet = {.ssrc = 1, .sequence = (uint16_t)tick, .timestamp = (tick - 1) * STEP,
                                 .arrival_us = tick * TICK_US, .frames = frames, .count = 2};
      CHECK_INT(tm_jitter_put(jitter, &packet), TM_JITTER_STORED);
    }
    tm_jitter_result result = get(jitter, tick * TICK_US, &number);
    if (result == TM_JITTER_NONE) continue;
    CHECK_INT(result, TM_JITTER_FRAME);
    if (expected >= 0) CHECK_INT(number, expected);
    expected = number + 1;
  }
  CHECK(expected > 180);
  tm_jitter_destroy(jitter);
}

static void damaged_frames(void) {
  tm_jitter *jitter = make(64);
  int number = -1;
  int lost = 0;
  int silent = 0;
  for (uint32_t tick = 0; tick < 100; tick++) {
    tm_frame_kind kind = TM_FRAME_SPEECH;
    if (tick % 10 == 3) kind = TM_FRAME_LOST;
    if (tick % 10 == 7) kind = TM_FRAME_NO_DATA;
    put_kind(jitter, tick, tick * TICK_US, kind, 0);
    tm_jitter_result result = get(jitter, tick * TICK_US, &number);
    lost += result == TM_JITTER_LOST;
    silent += result == TM_JITTER_DTX;
  }
  CHECK_RANGE(lost, 9, 10);
  CHECK_RANGE(silent, 9, 10);
  tm_jitter_destroy(jitter);
}

static void stops_and_comes_back(void) {
  tm_jitter *jitter = make(64);
  int number = -1;
  for (uint32_t tick = 0; tick < 50; tick++) {
    put(jitter, tick, tick * TICK_US);
    get(jitter, tick * TICK_US, &number);
  }
  tm_jitter_result result = TM_JITTER_FRAME;
  for (uint32_t tick = 50; tick < 150; tick++) result = get(jitter, tick * TICK_US, &number);
  CHECK_INT(result, TM_JITTER_NONE); // a second without a packet
  tm_jitter_reset(jitter);
  CHECK_INT(get(jitter, 150 * TICK_US, &number), TM_JITTER_NONE);
  for (uint32_t tick = 150; tick < 160; tick++) {
    put(jitter, tick, tick * TICK_US);
    result = get(jitter, tick * TICK_US, &number);
  }
  CHECK_INT(result, TM_JITTER_FRAME);
  tm_jitter_destroy(jitter);
}

static void bad_configuration(void) {
  tm_jitter *jitter = NULL;
  tm_jitter_config config = {.clock_hz = 8000, .frame_ticks = 160, .capacity = 64};
  CHECK_INT(tm_jitter_create(&config, &jitter), TM_OK);
  tm_jitter_destroy(jitter);
  config.capacity = 15;
  CHECK_INT(tm_jitter_create(&config, &jitter), TM_ERR_ARGUMENT);
  config.capacity = 64;
  config.max_ms = 2000; // 64 frames hold 1280 ms
  CHECK_INT(tm_jitter_create(&config, &jitter), TM_ERR_ARGUMENT);
  config.max_ms = 100;
  config.min_ms = 200;
  CHECK_INT(tm_jitter_create(&config, &jitter), TM_ERR_ARGUMENT);
  config.min_ms = 20;
  config.frame_ticks = 0;
  CHECK_INT(tm_jitter_create(&config, &jitter), TM_ERR_ARGUMENT);
  tm_jitter_destroy(NULL);
}

static void random_packets(void) {
  tm_random random = {51};
  for (int round = 0; round < 50; round++) {
    tm_jitter *jitter = make(32);
    uint64_t now = 0;
    for (int step = 0; step < 2000; step++) {
      tm_frame frames[3];
      memset(frames, 0, sizeof frames);
      for (int i = 0; i < 3; i++) {
        frames[i].kind = (tm_frame_kind)tm_random_below(&random, 4);
        frames[i].ticks = (uint16_t)(1 + tm_random_below(&random, 320));
      }
      bool wild = tm_random_below(&random, 4) == 0;
      tm_jitter_packet packet = {
        .ssrc = tm_random_below(&random, 3),
        .sequence = (uint16_t)(wild ? tm_random_u32(&random) : (uint32_t)step),
        .timestamp = wild ? tm_random_u32(&random) : (uint32_t)step * STEP,
        .arrival_us = now,
        .frames = frames,
        .count = tm_random_below(&random, 4)};
      tm_jitter_put(jitter, &packet);
      tm_frame frame;
      bool restarted = false;
      tm_jitter_get(jitter, now, tm_random_below(&random, 640), &frame, &restarted);
      now += tm_random_below(&random, 40000);
    }
    tm_jitter_stats stats;
    tm_jitter_read_stats(jitter, &stats);
    CHECK(stats.buffered <= 32);
    tm_jitter_destroy(jitter);
  }
}

int main(void) {
  tm_test_run("frames come in order over the wraps of sequence and timestamp", in_order_over_the_wraps);
  tm_test_run("reordered and doubled packets are mended and counted", reordered_and_doubled);
  tm_test_run("a packet that was played is a duplicate, one that was missed is late", played_ones_are_known);
  tm_test_run("a silent sender is followed without a break", silence_is_no_loss);
  tm_test_run("between SID frames nothing is lost", comfort_noise_frames);
  tm_test_run("telephone events leave no hole", events_leave_no_hole);
  tm_test_run("another SSRC takes over at its second packet", another_source);
  tm_test_run("jumps of timestamp and sequence are followed", jumps_of_time_and_sequence);
  tm_test_run("a sender whose clock stood still is followed", clock_that_stood_still);
  tm_test_run("a burst after a stall is played as far as it is in time", burst_after_a_stall);
  tm_test_run("the buffer never holds more than its room", never_more_than_its_room);
  tm_test_run("redundant frames fill the holes of lost packets", redundancy_fills_holes);
  tm_test_run("damaged frames are lost, empty ones silence", damaged_frames);
  tm_test_run("a stream that stops is told, and may come back", stops_and_comes_back);
  tm_test_run("impossible configurations are refused", bad_configuration);
  tm_test_run("100000 random packets are survived", random_packets);
  return tm_test_end();
}
