// Which AMR mode is sent at the beginning (26.114 7.5.2.1.6), frame by frame.
#include "tm_amr_modes.h"
#include "tm_amr_payload.h"
#include "tm_test.h"

enum { WB = 8, NB = 7, SECOND = 50, CLIMB = 30 };

static tm_amr_modes begin(uint8_t highest, uint16_t set)
{
  tm_amr_modes modes;
  if (tm_amr_modes_init(&modes, highest, set, TM_AMR_BY_RULE, 0, false) != TM_OK) modes.mode = TM_AMR_BY_RULE;
  return modes;
}

static uint8_t after(tm_amr_modes *modes, unsigned frames)
{
  uint8_t mode = modes->mode;
  for (unsigned i = 0; i < frames; i++) mode = tm_amr_modes_next(modes);
  return mode;
}

static void initial(void)
{
  static const struct {
    uint16_t set;
    uint8_t mode;
  } rows[] = {
      {1u << 2, 2},            // one mode: that one
      {1u << 0 | 1u << 2, 0},  // two or three: the lowest
      {1u << 2 | 1u << 5 | 1u << 8, 2},
      {1u << 0 | 1u << 1 | 1u << 2 | 1u << 8, 1},  // four or more: the second
      {1u << 0 | 1u << 2 | 1u << 4 | 1u << 7, 2},
      {0x1ff, 1},  // all of AMR-WB: 8.85
      {0xff, 1},   // all of AMR: 5.15
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) CHECK_INT(tm_amr_initial_mode(rows[i].set), rows[i].mode);
}

static void climbs(void)
{
  tm_amr_modes modes = begin(WB, 0);
  for (uint8_t mode = 1; mode <= WB; mode++) {
    CHECK_INT(after(&modes, CLIMB), mode);  // 600 ms each
  }
  CHECK_INT(after(&modes, 10 * SECOND), WB);
  // A set with gaps: from neighbour to neighbour.
  modes = begin(NB, 1u << 0 | 1u << 2 | 1u << 4 | 1u << 7);
  CHECK_INT(after(&modes, CLIMB), 2);
  CHECK_INT(after(&modes, CLIMB), 4);
  CHECK_INT(after(&modes, CLIMB), 7);
  modes = begin(WB, 1u << 2);
  CHECK_INT(after(&modes, 5 * SECOND), 2);
}

static void the_peer_says(void)
{
  // A request ends the beginning at once, upwards too; what it leaves free is free.
  tm_amr_modes modes = begin(WB, 0);
  CHECK_INT(after(&modes, 10), 1);
  tm_amr_modes_requested(&modes, TM_AMR_CMR_NONE);  // no request (NOTE 1)
  CHECK_INT(after(&modes, 10), 1);
  tm_amr_modes_requested(&modes, 4);
  CHECK_INT(after(&modes, 6), 4);
  tm_amr_modes_requested(&modes, 0);
  CHECK_INT(after(&modes, 8), 0);
  tm_amr_modes_requested(&modes, TM_AMR_CMR_NONE);
  CHECK_INT(after(&modes, 20), WB);
  // One outside of the set says nothing.
  modes = begin(WB, 1u << 0 | 1u << 2 | 1u << 8);
  tm_amr_modes_requested(&modes, 5);
  CHECK_INT(after(&modes, 20), 0);
}

static void reports(void)
{
  // Loss while it climbs: one down, and ten seconds of peace before the next step.
  tm_amr_modes modes = begin(WB, 0);
  CHECK_INT(after(&modes, 2 * CLIMB), 2);
  tm_amr_modes_reported(&modes, 0);
  CHECK_INT(after(&modes, CLIMB), 3);
  tm_amr_modes_reported(&modes, 5);
  CHECK_INT(after(&modes, 2), 2);
  CHECK_INT(after(&modes, 9 * SECOND), 2);
  tm_amr_modes_reported(&modes, 1);  // not calm yet
  CHECK_INT(after(&modes, 10 * SECOND), 2);
  CHECK_INT(after(&modes, 2), 3);
  for (int i = 0; i < 20; i++) {
    tm_amr_modes_reported(&modes, 30);
    (void)after(&modes, 2);
  }
  CHECK_INT(after(&modes, 1), 0);
  CHECK_INT(after(&modes, 10 * SECOND + 2), 1);
  // A peer that asks minds its loss itself.
  tm_amr_modes_requested(&modes, WB);
  CHECK_INT(after(&modes, 20), WB);
  tm_amr_modes_reported(&modes, 50);
  CHECK_INT(after(&modes, 20), WB);
}

static void as_told(void)
{
  tm_amr_modes modes;
  CHECK_INT(tm_amr_modes_init(&modes, WB, 0, 2, 1, true), TM_OK);
  CHECK_INT(modes.mode, 2);
  CHECK_INT(after(&modes, 1), WB);
  CHECK_INT(tm_amr_modes_init(&modes, WB, 0, WB + 1, 0, false), TM_ERR_ARGUMENT);
}

int main(void)
{
  tm_test_run("the first mode is one of the lowest of the set", initial);
  tm_test_run("every 600 ms the next one, up to the highest", climbs);
  tm_test_run("the peer's first request ends the beginning", the_peer_says);
  tm_test_run("reported loss brings one down, ten calm seconds one up", reports);
  tm_test_run("an initial mode of our own", as_told);
  return tm_test_end();
}
