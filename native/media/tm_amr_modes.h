// Which AMR mode is sent: RFC 4867 4.3.1, 8.1 and TS 26.114 7.5.2.1.2, 7.5.2.1.6 as one small machine.
//
// The beginning (7.5.2.1.6): with TM_AMR_BY_RULE a stream starts low, so that it congests nothing, and climbs by one mode of the set every 600 ms.
// The peer's first codec mode request ends that: from then on it alone binds. Until then reported loss counts: 5 % bring one
// mode less, and the next one up again after ten seconds of reports below 1 % (these figures are ours; 10.2 leaves them open).
//
// The sending half asks tm_amr_modes_next once for every frame; the receiving half tells what the peer requested
// (any thread, atomically). Nothing allocates.
#ifndef TM_AMR_MODES_H
#define TM_AMR_MODES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tm_status.h"

enum { TM_AMR_BY_RULE = 0xff };  // no initial mode of our own

typedef struct tm_amr_modes {
  uint16_t set;        // bit n allows mode n; never empty
  uint8_t highest;     // of the family
  uint8_t period;      // frames between two changes, 1 or 2
  bool any_change;     // false: to the neighbour in the set only
  uint8_t mode;        // of the last frame
  uint8_t wanted;      // bound by our own side
  uint8_t ceiling;     // of the beginning, and of reported loss; in the set
  uint32_t wait;       // frames before it rises by one mode
  uint32_t calm;       // frames since it last changed
  uint32_t frames;     // so far, for the phase of the changes
  atomic_uchar requested;
  atomic_bool told;    // the peer controls the rate
} tm_amr_modes;

/// set 0: all; period 0: 2, the 26.114 default. The first mode is the highest of the set that is not above `initial`
/// (the lowest when all are), and higher ones follow at once; TM_AMR_BY_RULE: as told above. Errors: ARGUMENT (a mode above `highest`, period above 2).
tm_status tm_amr_modes_init(tm_amr_modes *modes, uint8_t highest, uint16_t set, uint8_t initial, uint8_t period,
                            bool any_change);
/// Mode of the next frame. A request takes effect with the first frame that may bring a change: at once, or one later
/// with period 2; with neighbours only by one step of the set at each such frame.
uint8_t tm_amr_modes_next(tm_amr_modes *modes);
/// Highest mode that our own side wants to send. Errors: ARGUMENT.
tm_status tm_amr_modes_want(tm_amr_modes *modes, uint8_t mode);
/// The CMR of a received payload, 0..15. It holds until the next one; 15 asks for nothing; reserved values and modes
/// outside the set are ignored.
void tm_amr_modes_requested(tm_amr_modes *modes, uint8_t cmr);

/// A report of the peer's about what it received of us (RFC 3550 6.4): so much was lost. Of the thread that sends.
void tm_amr_modes_reported(tm_amr_modes *modes, unsigned lost_percent);

/// 26.114 7.5.2.1.6: the lowest mode of a set of up to three, the second of a larger one.
uint8_t tm_amr_initial_mode(uint16_t set);

/// Highest mode of the set that is not above `limit`; the lowest of the set when all are above.
uint8_t tm_amr_mode_within(uint16_t set, uint8_t limit);

#endif
