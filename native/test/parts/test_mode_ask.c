// Which AMR mode is asked for: the policy of tm_mode_ask.h, second by second.
#include "tm_amr_payload.h"
#include "tm_mode_ask.h"
#include "tm_test.h"

enum { FRAMES = 50 };

typedef struct watcher {
  tm_mode_ask ask;
  uint64_t lost, played;
} watcher;

static watcher watch(bool wideband, uint16_t modes) {
  watcher it = {.lost = 0};
  tm_mode_ask_init(&it.ask, wideband, modes);
  return it;
}

static uint8_t second(watcher *it, unsigned lost) {
  it->lost += lost;
  it->played += FRAMES - lost;
  return tm_mode_ask_look(&it->ask, it->lost, it->played);
}

static uint8_t seconds(watcher *it, unsigned count, unsigned lost) {
  uint8_t cmr = TM_AMR_CMR_NONE;
  for (unsigned i = 0; i < count; i++) cmr = second(it, lost);
  return cmr;
}

static void nothing_without_loss(void) {
  watcher it = watch(true, 0);
  CHECK_INT(seconds(&it, 60, 0), TM_AMR_CMR_NONE);
  CHECK_INT(seconds(&it, 60, 2), TM_AMR_CMR_NONE); // 4 %: neither much nor little
}

static void down_with_loss_and_up_again(void) {
  watcher it = watch(true, 0);
  seconds(&it, 5, 0);
  CHECK_INT(second(&it, 5), 2);   // 12.65
  CHECK_INT(second(&it, 5), 2);   // a request needs time to show
  CHECK_INT(second(&it, 5), 1);   // 8.85
  CHECK_INT(seconds(&it, 2, 5), 0);
  CHECK_INT(seconds(&it, 20, 5), 0); // the bottom
  CHECK_INT(seconds(&it, 9, 0), 0);
  CHECK_INT(second(&it, 0), 1);
  CHECK_INT(seconds(&it, 10, 0), 2);
  CHECK_INT(seconds(&it, 10, 0), TM_AMR_CMR_NONE);
}

static void a_relapse_makes_patient(void) {
  watcher it = watch(true, 0);
  seconds(&it, 5, 0);
  CHECK_INT(second(&it, 10), 2);
  CHECK_INT(seconds(&it, 10, 0), TM_AMR_CMR_NONE);
  CHECK_INT(seconds(&it, 2, 10), 2); // the loss is back at once
  CHECK_INT(seconds(&it, 19, 0), 2);
  CHECK_INT(second(&it, 0), TM_AMR_CMR_NONE);
}

static void the_ladder_keeps_to_what_was_negotiated(void) {
  watcher narrow = watch(false, 0);
  seconds(&narrow, 2, 0);
  CHECK_INT(second(&narrow, 10), 4); // 7.4; 12.2 is the highest of all: nothing to ask for
  CHECK_INT(seconds(&narrow, 2, 10), 2);
  CHECK_INT(seconds(&narrow, 2, 10), 0);
  watcher two = watch(true, 1u << 0 | 1u << 2);
  seconds(&two, 2, 0);
  CHECK_INT(second(&two, 10), 0);
  watcher one = watch(true, 1u << 8);
  CHECK_INT(seconds(&one, 20, 25), TM_AMR_CMR_NONE);
}

static void silence_says_nothing(void) {
  watcher it = watch(true, 0);
  for (int i = 0; i < 20; i++) {
    it.lost += 2;
    it.played += 6; // descriptions of silence
    CHECK_INT(tm_mode_ask_look(&it.ask, it.lost, it.played), TM_AMR_CMR_NONE);
  }
}

int main(void) {
  tm_test_run("without loss nothing is asked for", nothing_without_loss);
  tm_test_run("loss brings lower modes, ten calm seconds each a higher one", down_with_loss_and_up_again);
  tm_test_run("loss right after a step up doubles the wait", a_relapse_makes_patient);
  tm_test_run("only negotiated modes are asked for", the_ladder_keeps_to_what_was_negotiated);
  tm_test_run("too few frames say nothing", silence_says_nothing);
  return tm_test_end();
}
