// Concealment and time stretching: no clicks, fades, lengths.
#include "tm_level.h"
#include "tm_plc.h"
#include "tm_stretch.h"
#include "tm_test.h"
#include "tm_tone.h"

enum { HZ = 8000, PIECE = 40 };

/// Largest step from one sample to the next.
static int steepest(const int16_t *pcm, size_t count) {
  int most = 0;
  for (size_t i = 1; i < count; i++) {
    int step = abs(pcm[i] - pcm[i - 1]);
    if (step > most) most = step;
  }
  return most;
}

/// A tone in pieces of 5 ms, of which some are lost, through the concealment.
static void play(int16_t *out, size_t pieces, double hz, bool (*lost)(size_t piece)) {
  tm_plc *plc = NULL;
  tm_tone tone;
  if (tm_plc_create(HZ, &plc) != TM_OK || tm_tone_init(&tone, hz, HZ, -12) != TM_OK) abort();
  for (size_t piece = 0; piece < pieces; piece++) {
    int16_t *pcm = out + piece * PIECE;
    tm_tone_read(&tone, pcm, PIECE);
    if (lost(piece)) {
      memset(pcm, 0x55, PIECE * sizeof *pcm);
      tm_plc_lost(plc, pcm, PIECE);
    } else {
      tm_plc_good(plc, pcm, PIECE);
    }
  }
  tm_plc_destroy(plc);
}

static bool none(size_t piece) { return piece > SIZE_MAX - 1; }
static bool one_packet(size_t piece) { return piece >= 40 && piece < 44; }
static bool every_tenth_packet(size_t piece) { return piece / 4 % 10 == 9; }
static bool from_40_on(size_t piece) { return piece >= 40; }
static bool alternating(size_t piece) { return piece % 2 == 1; }

static void good_is_untouched(void) {
  static int16_t out[100 * PIECE];
  static int16_t tone_only[100 * PIECE];
  tm_tone tone;
  play(out, 100, 440, none);
  CHECK_INT(tm_tone_init(&tone, 440, HZ, -12), TM_OK);
  tm_tone_read(&tone, tone_only, 100 * PIECE);
  CHECK_BYTES(out, tone_only, sizeof out);
}

static void no_clicks(void) {
  static int16_t out[400 * PIECE];
  static bool (*const patterns[])(size_t) = {one_packet, every_tenth_packet, alternating};
  static const double tones[] = {210, 440, 697, 1000};
  for (size_t t = 0; t < sizeof tones / sizeof tones[0]; t++) {
    play(out, 400, tones[t], none);
    int natural = steepest(out, 400 * PIECE);
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
      play(out, 400, tones[t], patterns[i]);
      CHECK_RANGE(steepest(out, 400 * PIECE), 0, natural * 1.45);
    }
  }
}

static void tone_goes_on(void) {
  static int16_t out[100 * PIECE];
  play(out, 100, 440, one_packet);
  // The 20 ms that were lost: the first 10 ms at full level, then a fade to 80 %.
  CHECK_RANGE(tm_level_rms_dbov(out + 40 * PIECE, 2 * PIECE), -12.5, -11.5);
  CHECK_RANGE(tm_level_rms_dbov(out + 42 * PIECE, 2 * PIECE), -14, -12);
}

static void long_loss_fades_out(void) {
  static int16_t out[100 * PIECE];
  play(out, 100, 440, from_40_on);
  CHECK_RANGE(tm_level_rms_dbov(out + 52 * PIECE, 48 * PIECE), -127, -127); // silent after 60 ms
  CHECK_RANGE(tm_level_rms_dbov(out + 46 * PIECE, 2 * PIECE), -22, -14);
}

static void joint_is_faded(void) {
  tm_plc *plc = NULL;
  int16_t out[320];
  int16_t loud[160];
  for (int i = 0; i < 160; i++) loud[i] = 20000;
  CHECK_INT(tm_plc_create(HZ, &plc), TM_OK);
  tm_plc_break(plc); // begins out of silence
  memcpy(out, loud, sizeof loud);
  tm_plc_good(plc, out, 160);
  for (int i = 0; i < 160; i++) loud[i] = -20000;
  tm_plc_break(plc); // another source
  memcpy(out + 160, loud, sizeof loud);
  tm_plc_good(plc, out + 160, 160);
  tm_plc_destroy(plc);
  CHECK_RANGE(steepest(out, 320), 0, 40000 / 40 + 10);
  CHECK_INT(out[159], 20000);
  CHECK_INT(out[319], -20000);
}

static void bad_rates(void) {
  tm_plc *plc = NULL;
  CHECK_INT(tm_plc_create(4000, &plc), TM_ERR_ARGUMENT);
  CHECK_INT(tm_plc_create(96000, &plc), TM_ERR_ARGUMENT);
  tm_plc_destroy(NULL);
}

static void random_sound_and_sizes(void) {
  tm_plc *plc = NULL;
  tm_random random = {31};
  int16_t pcm[2000];
  CHECK_INT(tm_plc_create(16000, &plc), TM_OK);
  for (int round = 0; round < 300; round++) {
    size_t count = tm_random_below(&random, 2000);
    for (size_t i = 0; i < count; i++) pcm[i] = (int16_t)tm_random_u32(&random);
    switch (tm_random_below(&random, 3)) {
      case 0: tm_plc_lost(plc, pcm, count % 200); break;
      case 1: tm_plc_break(plc); break;
      default: tm_plc_good(plc, pcm, count);
    }
  }
  tm_plc_destroy(plc);
}

static void stretched_tone(void) {
  static const uint32_t rates[] = {8000, 16000, 48000};
  static const double tones[] = {210, 440, 1000, 2500};
  for (size_t r = 0; r < 3; r++) {
    for (size_t t = 0; t < 4; t++) {
      uint32_t hz = rates[r];
      size_t tick = hz / 50;
      int16_t sound[6000];
      tm_tone tone;
      CHECK_INT(tm_tone_init(&tone, tones[t], hz, -12), TM_OK);
      tm_tone_read(&tone, sound, 5 * tick);
      int natural = steepest(sound, 5 * tick);
      int16_t *middle = sound + 2 * tick;
      size_t kept = tm_stretch_shorten(middle, tick, hz, tick, 0);
      CHECK_RANGE(tick - kept, hz / 400, hz * 15 / 1000);
      memmove(middle + kept, sound + 3 * tick, 2 * tick * sizeof *sound);
      CHECK_RANGE(steepest(sound, 4 * tick + kept), 0, natural * 1.1 + 2);
      CHECK_RANGE(tm_level_rms_dbov(middle, kept), -13, -11);

      CHECK_INT(tm_tone_init(&tone, tones[t], hz, -12), TM_OK);
      tm_tone_read(&tone, sound, 3 * tick);
      size_t grown =
        tm_stretch_lengthen(middle, tick, 3 * tick, middle - tm_stretch_max_lag(hz), hz, tick, 0);
      CHECK_RANGE(grown - tick, hz / 400, hz * 15 / 1000);
      tm_tone_read(&tone, middle + grown, tick);
      CHECK_RANGE(steepest(sound, 3 * tick + grown), 0, natural * 1.1 + 2);
      CHECK_RANGE(tm_level_rms_dbov(middle, grown), -13, -11);
    }
  }
}

static void no_room_no_match(void) {
  tm_random random = {41};
  int16_t noise[400];
  for (int i = 0; i < 400; i++) noise[i] = (int16_t)((int)tm_random_below(&random, 20000) - 10000);
  CHECK_INT(tm_stretch_shorten(noise, 159, 8000, 160, 1), 159);             // too short
  CHECK_INT(tm_stretch_shorten(noise, 160, 8000, 160, 0), 160);             // nothing in noise matches
  CHECK(tm_stretch_shorten(noise, 160, 8000, 160, 1) < 160);           // unless it must
  CHECK_INT(tm_stretch_shorten(noise, 160, 8000, 19, 1), 160);         // less than the shortest lag may be taken out
  CHECK_INT(tm_stretch_lengthen(noise + 120, 160, 200, noise, 8000, 160, 1), 160); // no room
  CHECK_INT(tm_stretch_lengthen(noise + 120, 30, 280, noise, 8000, 160, 1), 30);   // too short
}

int main(void) {
  tm_test_run("good sound is not touched", good_is_untouched);
  tm_test_run("losses of a packet in ten and of every other piece give no click", no_clicks);
  tm_test_run("the tone goes on through a lost packet", tone_goes_on);
  tm_test_run("a long loss fades to silence within 60 ms", long_loss_fades_out);
  tm_test_run("a joint is cross-faded", joint_is_faded);
  tm_test_run("impossible rates are refused", bad_rates);
  tm_test_run("random sound in random sizes is survived", random_sound_and_sizes);
  tm_test_run("a tone is shortened and lengthened without click or loss of level", stretched_tone);
  tm_test_run("noise is stretched only by force, and never beyond its room", no_room_no_match);
  return tm_test_end();
}
