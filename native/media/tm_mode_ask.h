// Which AMR mode we ask the peer for (RFC 4867 4.3.1 CMR; TS 26.114 10.2.1), from the loss that we see.
//
// Policy, once a second: 5 % of the frames lost or more: one step down the ladder, at most every other second; less than 1 %
// for 10 seconds: one step up. A step up that brings the loss back at once doubles the wait for the next, up to 80 s.
// The ladder is the preferred set of 26.114 (AMR-WB 12.65, 8.85, 6.60; AMR 12.2, 7.4, 5.9, 4.75) as far as it was
// negotiated; above its top nothing is asked for. Plain struct, one thread.
#ifndef TM_MODE_ASK_H
#define TM_MODE_ASK_H

#include <stdbool.h>
#include <stdint.h>

enum { TM_MODE_ASK_STEPS = 4 };

typedef struct tm_mode_ask {
  uint8_t ladder[TM_MODE_ASK_STEPS]; // highest first
  unsigned steps;
  unsigned step;          // 0: nothing is asked for, n: ladder[n - 1]
  unsigned calm;          // seconds of little loss in a row
  unsigned since_change;  // seconds
  unsigned patience;      // calm seconds before a step up
  bool rose;              // the last change was a step up
  uint64_t lost, played;  // totals at the last look
} tm_mode_ask;

/// `modes`: the mask that was negotiated, 0: all of the family.
void tm_mode_ask_init(tm_mode_ask *ask, bool wideband, uint16_t modes);
/// Once a second with the totals of frames since the stream began. Returns the CMR to send, 15: none.
uint8_t tm_mode_ask_look(tm_mode_ask *ask, uint64_t lost, uint64_t played);

#endif
