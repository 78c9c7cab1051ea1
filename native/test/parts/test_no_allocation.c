// After creation nothing allocates: malloc and its kin are counted while every part works. Under a sanitizer, which has
// an allocator of its own, the counting is off and the test only runs the parts.
#include "tm_dtmf.h"
#include "tm_h264_depay.h"
#include "tm_h264_payload.h"
#include "tm_keyframe.h"
#include "tm_level.h"
#include "tm_mix.h"
#include "tm_receiver.h"
#include "tm_resample.h"
#include "tm_ring.h"
#include "tm_rtcp.h"
#include "tm_rtp_stats.h"
#include "tm_test.h"
#include "tm_tone.h"
#include "tm_video_fixture.h"
#include "tm_wav.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTING 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COUNTING 0
#endif
#endif
#ifndef COUNTING
#define COUNTING 1
#endif

static volatile unsigned long allocations;

#if COUNTING
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

__attribute__((visibility("default"))) void *malloc(size_t size) {
  allocations++;
  return __libc_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(size_t count, size_t size) {
  allocations++;
  return __libc_calloc(count, size);
}

__attribute__((visibility("default"))) void *realloc(void *old, size_t size) {
  allocations++;
  return __libc_realloc(old, size);
}
#endif

/// Both halves of a stream for 5 s with loss, jitter and reports; counts what was allocated meanwhile.
static unsigned long stream_allocations(tm_codec_id id) {
  tm_codec_config config = {.id = id, .initial_mode = 2, .dtx = true};
  tm_codec *codec = NULL;
  tm_receiver *receiver = NULL;
  tm_tone tone;
  tm_level level;
  tm_rtp_source source;
  if (tm_codec_create(&config, &codec) != TM_OK) abort();
  tm_receiver_config receiver_config = {.codec = codec};
  if (tm_receiver_create(&receiver_config, &receiver) != TM_OK) abort();
  const tm_codec_info *info = tm_codec_get_info(codec);
  if (tm_tone_init(&tone, 440, info->sample_hz, -12) != TM_OK) abort();
  tm_level_init(&level, info->sample_hz);
  tm_rtp_source_init(&source, 1, 0, info->clock_hz);
  tm_random random = {61};

  unsigned long before = allocations;
  for (uint32_t tick = 0; tick < 250; tick++) {
    int16_t pcm[TM_MAX_FRAME_SAMPLES];
    tm_frame frame;
    uint8_t payload[TM_CODEC_MAX_PAYLOAD];
    uint8_t datagram[2048];
    size_t bytes = 0;
    tm_tone_read(&tone, pcm, info->encode_samples);
    if (tick > 150) memset(pcm, 0, sizeof pcm); // silence: the DTX path
    tm_codec_encode(codec, pcm, &frame);
    if (frame.kind != TM_FRAME_NO_DATA && tm_random_below(&random, 10) > 0) {
      tm_codec_pack(codec, &frame, 1, payload, sizeof payload, &bytes);
      tm_rtp_packet packet = {.payload_type = 96, .sequence = (uint16_t)tick, .ssrc = 1,
                              .timestamp = tick * info->encode_ticks, .payload = payload, .payload_bytes = bytes};
      tm_rtp_build(&packet, datagram, sizeof datagram, &bytes);
      tm_rtp_parse(datagram, bytes, &packet);
      uint64_t arrival = tick * 20000u + tm_random_below(&random, 40000);
      tm_rtp_source_receive(&source, packet.sequence, packet.timestamp, arrival, packet.payload_bytes);
      tm_receiver_put(receiver, &packet, arrival);
    }
    tm_receiver_get(receiver, tick * 20000u + 20000u, pcm);
    tm_level_push(&level, pcm, info->encode_samples);
    tm_rtcp_report report;
    tm_rtp_source_report(&source, tick * 20000u, &report);
    tm_rtcp_content content = {.ssrc = 1, .reports = &report, .report_count = 1, .cname = "a@b"};
    tm_rtcp_build(&content, datagram, sizeof datagram, &bytes);
  }
  unsigned long during = allocations - before;
  tm_receiver_destroy(receiver);
  tm_codec_destroy(codec);
  return during;
}

static void streams(void) {
  for (int id = 0; id < TM_CODEC_COUNT; id++) CHECK_INT(stream_allocations((tm_codec_id)id), 0);
}

static void resampler_and_ring(void) {
  tm_resample *resample = NULL;
  tm_ring *ring = NULL;
  CHECK_INT(tm_resample_create(48000, 16000, TM_RESAMPLE_QUALITY, &resample), TM_OK);
  CHECK_INT(tm_ring_create(4096, &ring), TM_OK);
  unsigned long before = allocations;
  for (int tick = 0; tick < 100; tick++) {
    int16_t in[960] = {0};
    int16_t out[400];
    size_t used = 0;
    size_t made = 0;
    tm_resample_process(resample, in, 960, out, 400, &used, &made);
    tm_ring_write_pcm(ring, out, made);
    tm_ring_read_pcm(ring, out, made);
  }
  CHECK_INT(allocations - before, 0);
  tm_resample_destroy(resample);
  tm_ring_destroy(ring);
}

static void files(void) {
  tm_wav_writer *writer = NULL;
  CHECK_INT(tm_wav_create("/dev/null", 8000, &writer), TM_OK);
  unsigned long before = allocations;
  int16_t pcm[160] = {0};
  for (int tick = 0; tick < 100; tick++) CHECK_INT(tm_wav_write(writer, pcm, 160), TM_OK);
  CHECK_INT(allocations - before, 0);
  CHECK_INT(tm_wav_writer_close(writer), TM_OK);
}

// A file as source, packets with every seventh lost, pictures judged and asked for.
static void video(void) {
  static tm_h264_payload payload;
  tm_h264_depay *d = NULL;
  tm_annexb_reader *reader = NULL;
  tm_annexb_frame unit;
  tm_keyframe_receiver policy;
  uint16_t sequence = 0;
  CHECK_INT(tm_h264_payload_init(&payload, &(tm_h264_payload_config){.mode = 1, .max_payload = 200}), TM_OK);
  CHECK_INT(tm_h264_depay_create(&(tm_h264_depay_config){0}, &d), TM_OK);
  CHECK_INT(tm_annexb_open(tm_fixture_path("baseline.h264"), &(tm_annexb_options){.loop = true}, &reader), TM_OK);
  tm_keyframe_receiver_init(&policy, &(tm_keyframe_settings){.pli = true});
  unsigned long before = allocations;
  for (int i = 0; i < 150; i++) {
    tm_rtp_packet packet;
    tm_h264_frame frame;
    bool show = false;
    CHECK_INT(tm_annexb_next(reader, &unit), TM_OK);
    CHECK_INT(tm_h264_payload_begin(&payload, unit.data, unit.bytes, NULL, NULL), TM_OK);
    while (tm_h264_payload_next(&payload, &packet) == TM_OK) {
      packet.sequence = sequence++;
      packet.timestamp = unit.timestamp;
      if (sequence % 7 == 0) continue;
      tm_h264_depay_put(d, &packet, unit.time_us);
      while (tm_h264_depay_get(d, unit.time_us, &frame) == TM_OK) tm_keyframe_frame(&policy, &frame, unit.time_us, &show);
    }
  }
  CHECK_INT(allocations - before, 0);
  CHECK(policy.asks > 0);
  tm_annexb_close(reader);
  tm_h264_depay_destroy(d);
}

static void bridge(void) {
  tm_mix *mix = NULL;
  tm_mix_member *members[3];
  int16_t pcm[TM_MIX_SAMPLES] = {30000, -30000};
  CHECK_INT(tm_mix_create(&mix), TM_OK);
  for (int i = 0; i < 3; i++) CHECK_INT(tm_mix_member_create(mix, &members[i]), TM_OK);
  unsigned long before = allocations;
  for (uint64_t slot = TM_MIX_DELAY; slot < 500; slot++)
    for (int i = 0; i < 3; i++) {
      tm_mix_write(members[i], slot, pcm);
      tm_mix_read(members[i], slot - TM_MIX_DELAY, pcm);
    }
  CHECK_INT(allocations - before, 0);
  for (int i = 0; i < 3; i++) tm_mix_member_destroy(members[i]);
  tm_mix_destroy(mix);
}

static void the_counter_counts(void) {
  unsigned long before = allocations;
  void *volatile block = malloc(16);
  free(block);
  CHECK_INT(allocations - before, COUNTING);
}

int main(void) {
  tm_test_run("the counter sees an allocation", the_counter_counts);
  tm_test_run("5 s of a stream of each codec allocate nothing", streams);
  tm_test_run("resampler and ring allocate nothing", resampler_and_ring);
  tm_test_run("the file writer allocates nothing", files);
  tm_test_run("10 s of video allocate nothing", video);
  tm_test_run("10 s of a conference allocate nothing", bridge);
  return tm_test_end();
}
