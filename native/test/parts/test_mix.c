// A conference bridge: everybody hears all others and never itself; sums that do not fit are turned down, not cut off.
#include "tm_level.h"
#include "tm_mix.h"
#include "tm_test.h"
#include "tm_tone.h"

enum { MEMBERS = 4, RATE = 16000, SECOND = 50, SAMPLES = SECOND * TM_MIX_SAMPLES };

static const double TONES[MEMBERS] = {440, 700, 1000, 1900};

// A second of a conference; member i speaks its tone and is late by i slots of reading.
static void confer(double dbov, unsigned speakers, int16_t heard[MEMBERS][SAMPLES])
{
  tm_mix *mix = NULL;
  tm_mix_member *members[MEMBERS];
  tm_tone tones[MEMBERS];
  int16_t pcm[TM_MIX_SAMPLES];
  CHECK_INT(tm_mix_create(&mix), TM_OK);
  for (unsigned i = 0; i < MEMBERS; i++) {
    CHECK_INT(tm_mix_member_create(mix, &members[i]), TM_OK);
    CHECK_INT(tm_tone_init(&tones[i], TONES[i], RATE, dbov), TM_OK);
  }
  for (uint64_t slot = 1000; slot < 1000 + SECOND + TM_MIX_DELAY; slot++)
    for (unsigned i = 0; i < MEMBERS; i++) {
      if (slot >= 1000 + TM_MIX_DELAY)
        tm_mix_read(members[i], slot - TM_MIX_DELAY, heard[i] + (slot - 1000 - TM_MIX_DELAY) * TM_MIX_SAMPLES);
      tm_tone_read(&tones[i], pcm, TM_MIX_SAMPLES);
      if (i < speakers) tm_mix_write(members[i], slot, pcm);
    }
  for (unsigned i = 0; i < MEMBERS; i++) tm_mix_member_destroy(members[i]);
  tm_mix_destroy(mix);
}

static int16_t heard[MEMBERS][SAMPLES];

static void all_others(void)
{
  confer(-20, MEMBERS, heard);
  for (unsigned i = 0; i < MEMBERS; i++)
    for (unsigned j = 0; j < MEMBERS; j++) {
      double level = tm_level_at_dbov(heard[i], SAMPLES, TONES[j], RATE);
      if (i == j) CHECK_RANGE(level, -200, -70);
      else CHECK_RANGE(level, -20.1, -19.9);
    }
}

static void silent_members(void)
{
  confer(-20, 1, heard);
  CHECK_RANGE(tm_level_rms_dbov(heard[0], SAMPLES), -127, -127);
  CHECK_RANGE(tm_level_at_dbov(heard[3], SAMPLES, TONES[0], RATE), -20.1, -19.9);
}

// Three full-scale tones are 9.5 dB too much: each is heard, and what is heard is still tones.
static void too_loud(void)
{
  confer(-3.1, MEMBERS, heard);
  const int16_t *late = heard[0] + SAMPLES / 2;
  CHECK_RANGE(tm_level_peak_dbov(late, SAMPLES / 2), -1.5, 0);
  for (unsigned j = 1; j < MEMBERS; j++) CHECK_RANGE(tm_level_at_dbov(late, SAMPLES / 2, TONES[j], RATE), -14, -12);
  CHECK_RANGE(tm_level_at_dbov(late, SAMPLES / 2, 2 * TONES[2] - TONES[1], RATE), -200, -40);
}

static void turned_up_again(void)
{
  tm_mix *mix = NULL;
  tm_mix_member *loud = NULL, *also = NULL, *ear = NULL;
  int16_t pcm[TM_MIX_SAMPLES], out[TM_MIX_SAMPLES];
  CHECK_INT(tm_mix_create(&mix), TM_OK);
  CHECK_INT(tm_mix_member_create(mix, &loud), TM_OK);
  CHECK_INT(tm_mix_member_create(mix, &also), TM_OK);
  CHECK_INT(tm_mix_member_create(mix, &ear), TM_OK);
  for (int i = 0; i < TM_MIX_SAMPLES; i++) pcm[i] = 30000;
  tm_mix_write(loud, 10, pcm);
  tm_mix_write(also, 10, pcm);
  tm_mix_read(ear, 10, out);
  CHECK_RANGE(out[0], 32000, 32767);
  CHECK_RANGE(out[TM_MIX_SAMPLES - 1], 32000, 32767);
  for (uint64_t slot = 11; slot < 80; slot++) {
    tm_mix_write(loud, slot, pcm);
    tm_mix_read(ear, slot, out);
    if (slot == 11) CHECK_RANGE(out[0], 16000, 17000);
  }
  CHECK_INT(out[TM_MIX_SAMPLES - 1], 30000);
  tm_mix_member_destroy(loud);
  tm_mix_member_destroy(also);
  tm_mix_member_destroy(ear);
  tm_mix_destroy(mix);
}

static void out_of_time(void)
{
  tm_mix *mix = NULL;
  tm_mix_member *voice = NULL, *ear = NULL;
  int16_t pcm[TM_MIX_SAMPLES] = {7}, out[TM_MIX_SAMPLES];
  CHECK_INT(tm_mix_create(&mix), TM_OK);
  CHECK_INT(tm_mix_member_create(mix, &voice), TM_OK);
  CHECK_INT(tm_mix_member_create(mix, &ear), TM_OK);
  tm_mix_write(voice, 100, pcm);
  tm_mix_write(voice, 100, pcm);  // twice: once
  tm_mix_write(voice, 100 - TM_MIX_SLOTS, pcm);  // long over
  tm_mix_read(ear, 100, out);
  CHECK_INT(out[0], 7);
  tm_mix_read(ear, 100 - TM_MIX_SLOTS, out);
  CHECK_INT(out[0], 0);
  tm_mix_read(ear, 100 + TM_MIX_SLOTS, out);
  CHECK_INT(out[0], 0);
  // Who leaves is heard to the end of what was said.
  tm_mix_member_destroy(voice);
  tm_mix_read(ear, 100, out);
  CHECK_INT(out[0], 7);
  tm_mix_member_destroy(ear);
  tm_mix_destroy(mix);
}

int main(void)
{
  tm_test_run("everybody hears all others and not itself", all_others);
  tm_test_run("silent members are silence", silent_members);
  tm_test_run("a sum that does not fit is turned down, not cut off", too_loud);
  tm_test_run("and up again slowly", turned_up_again);
  tm_test_run("twice, too late, long over, gone", out_of_time);
  return tm_test_end();
}
