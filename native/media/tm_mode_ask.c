// Which AMR mode we ask the peer for.
#include "tm_mode_ask.h"

#include <stddef.h>
#include <string.h>

#include "tm_amr_payload.h"

enum {
  MUCH_PERCENT = 5,
  LITTLE_PERCENT = 1,
  FEWEST_FRAMES = 25, // half a second of sound: less says nothing
  EFFECT_SECONDS = 2, // until a request shows
  RELAPSE_SECONDS = 5,
  PATIENCE_SECONDS = 10,
  MOST_PATIENCE_SECONDS = 80,
};

// 26.114 7.5.2.1.1 and table 6.3: the sets that most networks prefer.
static const uint8_t WIDE[TM_MODE_ASK_STEPS] = {2, 1, 0, 0};
static const uint8_t NARROW[TM_MODE_ASK_STEPS] = {7, 4, 2, 0};

void tm_mode_ask_init(tm_mode_ask *ask, bool wideband, uint16_t modes) {
  const tm_amr_family *family = wideband ? &TM_AMR_WB : &TM_AMR_NB;
  const uint8_t *preferred = wideband ? WIDE : NARROW;
  memset(ask, 0, sizeof *ask);
  ask->patience = PATIENCE_SECONDS;
  uint8_t highest = (uint8_t)(family->speech_modes - 1);
  while (modes != 0 && (modes >> highest & 1) == 0) highest--;
  // To ask for the highest of all is to ask for nothing.
  for (size_t i = 0; i < TM_MODE_ASK_STEPS; i++) {
    bool allowed = modes == 0 || (modes >> preferred[i] & 1) != 0;
    bool again = ask->steps > 0 && ask->ladder[ask->steps - 1] == preferred[i];
    if (allowed && !again && preferred[i] < highest) ask->ladder[ask->steps++] = preferred[i];
  }
}

static void change(tm_mode_ask *ask, bool up) {
  if (up) {
    ask->step--;
  } else {
    if (ask->rose && ask->since_change <= RELAPSE_SECONDS && ask->patience < MOST_PATIENCE_SECONDS) ask->patience *= 2;
    ask->step++;
  }
  ask->rose = up;
  ask->since_change = 0;
  ask->calm = 0;
}

uint8_t tm_mode_ask_look(tm_mode_ask *ask, uint64_t lost, uint64_t played) {
  uint64_t now_lost = lost - ask->lost;
  uint64_t frames = now_lost + played - ask->played;
  ask->lost = lost;
  ask->played = played;
  ask->since_change++;
  if (frames >= FEWEST_FRAMES) {
    bool much = now_lost * 100 >= frames * MUCH_PERCENT;
    bool little = now_lost * 100 < frames * LITTLE_PERCENT;
    ask->calm = little ? ask->calm + 1 : 0;
    if (much && ask->step < ask->steps && ask->since_change >= EFFECT_SECONDS) change(ask, false);
    else if (ask->step > 0 && ask->calm >= ask->patience) change(ask, true);
  }
  return ask->step == 0 ? TM_AMR_CMR_NONE : ask->ladder[ask->step - 1];
}
