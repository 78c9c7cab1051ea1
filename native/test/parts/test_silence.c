// A receiving stream with gaps of silence and with redundancy: what is no loss is not counted as such, nothing is heard twice.
#include "tm_amr_payload.h"
#include "tm_level.h"
#include "tm_receiver.h"
#include "tm_speech.h"
#include "tm_test.h"
#include "tm_tone.h"

enum { TICKS = 500, NOISE_PEAK = 64, SPEECH_UNTIL = 150, SPEECH_FROM = 350, UNIT_US = 20000, PHASE_US = 7000 };

typedef struct outcome {
  tm_receiver_stats stats;
  double silence_dbov; // heard in the middle of the silence
  double source_dbov;  // of the noise there
  unsigned sent;
} outcome;

/// 3 s of speech, 4 s of soft noise (Opus: silence; it has its own idea of what is noise), 3 s of speech, with DTX over a
/// perfect network. No tone: AMR takes one for music and stays awake.
static outcome converse(tm_codec_id id) {
  tm_codec_config config = {.id = id, .dtx = true, .initial_mode = 2};
  tm_codec *codec = NULL;
  tm_receiver *receiver = NULL;
  static int16_t speech[TICKS * 320];
  tm_random random = {21};
  int peak = id == TM_CODEC_OPUS ? 0 : NOISE_PEAK;
  outcome heard = {.sent = 0};
  if (tm_codec_create(&config, &codec) != TM_OK) abort();
  const tm_codec_info *info = tm_codec_get_info(codec);
  tm_receiver_config receiving = {.codec = codec};
  if (tm_receiver_create(&receiving, &receiver) != TM_OK) abort();
  tm_speech_fill(speech, TICKS * (size_t)info->encode_samples, info->sample_hz, 3);
  for (unsigned tick = 0; tick < TICKS; tick++) {
    int16_t pcm[TM_MAX_FRAME_SAMPLES];
    tm_frame frame;
    uint8_t payload[TM_CODEC_MAX_PAYLOAD];
    size_t bytes = 0;
    memcpy(pcm, speech + tick * info->encode_samples, info->encode_samples * sizeof *pcm);
    if (tick >= SPEECH_UNTIL && tick < SPEECH_FROM) {
      for (size_t i = 0; i < info->encode_samples; i++) pcm[i] = (int16_t)((int)tm_random_below(&random, 2 * (uint32_t)peak + 1) - peak);
      heard.source_dbov = tm_level_rms_dbov(pcm, info->encode_samples);
    }
    if (tm_codec_encode(codec, pcm, &frame) != TM_OK) abort();
    if (frame.kind != TM_FRAME_NO_DATA) {
      if (tm_codec_pack(codec, &frame, 1, payload, sizeof payload, &bytes) != TM_OK) abort();
      tm_rtp_packet packet = {.payload_type = 96, .sequence = (uint16_t)heard.sent++, .ssrc = 1,
                              .timestamp = tick * info->encode_ticks, .payload = payload, .payload_bytes = bytes};
      tm_receiver_put(receiver, &packet, tick * (uint64_t)UNIT_US);
    }
    tm_receiver_get(receiver, tick * (uint64_t)UNIT_US + PHASE_US, pcm);
    if (tick == SPEECH_FROM - 50) heard.silence_dbov = tm_level_rms_dbov(pcm, info->encode_samples);
  }
  tm_receiver_read_stats(receiver, &heard.stats);
  tm_receiver_destroy(receiver);
  tm_codec_destroy(codec);
  return heard;
}

static void silence_is_no_loss(void) {
  static const tm_codec_id ids[] = {TM_CODEC_AMR, TM_CODEC_AMR_WB, TM_CODEC_OPUS};
  for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
    outcome heard = converse(ids[i]);
    CHECK_RANGE(heard.sent, 0, TICKS - 60);
    CHECK_RANGE(heard.stats.jitter.frames_dtx, 60, 200);
    CHECK_INT(heard.stats.jitter.frames_lost, 0);
    CHECK_INT(heard.stats.samples_concealed, 0);
    CHECK_INT(heard.stats.jitter.late, 0);
  }
}

static void silence_is_comfortable(void) {
  static const tm_codec_id ids[] = {TM_CODEC_AMR, TM_CODEC_AMR_WB};
  for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
    outcome heard = converse(ids[i]);
    CHECK_RANGE(heard.silence_dbov, heard.source_dbov - 10, heard.source_dbov + 4);
  }
}

// RFC 4867 3.7.1: each packet repeats the frame before; the peer's max-red allows what ours does not ask for.
static void redundancy_is_heard_once(void) {
  static const tm_codec_id ids[] = {TM_CODEC_AMR, TM_CODEC_AMR_WB};
  for (size_t which = 0; which < 2; which++) {
    tm_codec_config config = {.id = ids[which], .octet_aligned = true, .initial_mode = 4};
    tm_codec *codec = NULL;
    tm_receiver *receiver = NULL;
    tm_tone tone;
    tm_frame frames[2];
    tm_receiver_stats stats;
    unsigned dropped = 0;
    CHECK_INT(tm_codec_create(&config, &codec), TM_OK);
    const tm_codec_info *info = tm_codec_get_info(codec);
    tm_receiver_config receiving = {.codec = codec};
    CHECK_INT(tm_receiver_create(&receiving, &receiver), TM_OK);
    CHECK_INT(tm_tone_init(&tone, 440, info->sample_hz, TM_TONE_DBOV), TM_OK);
    for (unsigned tick = 0; tick < TICKS; tick++) {
      int16_t pcm[TM_MAX_FRAME_SAMPLES];
      uint8_t payload[160];
      size_t bytes = 0;
      tm_tone_read(&tone, pcm, info->encode_samples);
      frames[0] = frames[1];
      CHECK_INT(tm_codec_encode(codec, pcm, &frames[1]), TM_OK);
      if (tick > 0) {
        CHECK_INT(tm_codec_pack(codec, frames, 2, payload, sizeof payload, &bytes), TM_OK);
        tm_rtp_packet packet = {.payload_type = 96, .sequence = (uint16_t)tick, .ssrc = 1,
                                .timestamp = (tick - 1) * info->encode_ticks, .payload = payload, .payload_bytes = bytes};
        // Every tenth packet is lost: its frames come with its neighbours.
        if (tick % 10 == 5) dropped++;
        else CHECK_INT(tm_receiver_put(receiver, &packet, tick * (uint64_t)UNIT_US), TM_OK);
      }
      tm_receiver_get(receiver, tick * (uint64_t)UNIT_US + PHASE_US, pcm);
    }
    tm_receiver_read_stats(receiver, &stats);
    tm_receiver_destroy(receiver);
    tm_codec_destroy(codec);
    CHECK_INT(dropped, TICKS / 10);
    CHECK_INT(stats.jitter.frames_lost, 0);
    // One frame for every 20 ms played, not two.
    CHECK_RANGE((double)stats.jitter.frames_played, TICKS - 12, TICKS);
  }
}

int main(void) {
  tm_test_run("gaps of silence are not counted as loss", silence_is_no_loss);
  tm_test_run("received descriptions of silence are heard as comfort noise", silence_is_comfortable);
  tm_test_run("frames that come twice are heard once and mend loss", redundancy_is_heard_once);
  return tm_test_end();
}
