// RFC 4585 3.4, 3.5: when RTCP leaves under AVPF, and when feedback may, between two participants (T_dither_max = 0). Pure: monotonic
// microseconds, intervals and chance are handed in. Plain struct, one thread.
//
// Feedback leaves at once when none did since the last regular packet, and costs the next of those; else it waits for its turn and goes along
// with it: a PLI soon after a NACK up to 2 * T_rr, which b=RS and b=RR bound. So it stays within the RTCP share, however much there is to say. Without AVPF, regular packets keep to RFC 3550 elsewhere, and feedback that
// was agreed all the same keeps to the same share here.
#ifndef TM_EARLY_H
#define TM_EARLY_H

#include <stdbool.h>
#include <stdint.h>

#define TM_EARLY_NEVER UINT64_MAX

enum { TM_EARLY_FIRST_US = 1000000 };  // 3.5.2: Tmin until the first regular packet has left, 0 from then on

typedef struct tm_early_config {
  bool avpf;
  uint32_t trr_interval_us;  // a=rtcp-fb trr-int; 0: none
} tm_early_config;

typedef enum tm_early_step {
  TM_EARLY_NOTHING,
  TM_EARLY_REGULAR,   // send a whole report, with the feedback that waits
  TM_EARLY_FEEDBACK,  // send the feedback that waits; the report is left out for T_rr_interval's sake
} tm_early_step;

/// Names as in 3.5.1; fields are private but for `first` and `waits`.
typedef struct tm_early {
  tm_early_config config;
  bool allow_early;
  bool first;          // no regular packet has left
  bool waits;          // feedback waits for its turn
  uint64_t tn;         // next turn
  uint64_t t_rr;       // present interval
  uint64_t t_rr_last;  // the last regular packet
  uint64_t t_rr_current_interval;
} tm_early;

/// Bandwidth or profile are new. `interval_us`: T_rr, of at least TM_EARLY_FIRST_US / 2 while `first`; 0: RTCP is off.
void tm_early_begin(tm_early *early, const tm_early_config *config, uint64_t now_us, uint64_t interval_us);
/// Whether feedback may leave at once. If not, it waits from now on.
bool tm_early_may(tm_early *early, uint64_t now_us);
/// It left, with leave or without (NG.110 2.9.1: FIR at once); `interval_us` counts without AVPF only.
void tm_early_sent(tm_early *early, uint64_t now_us, uint64_t interval_us);
/// When to tick next.
uint64_t tm_early_due(const tm_early *early);
/// A turn has come. `interval_us`: T_rr up to the next; `random` in [0,1). What it says counts as done.
tm_early_step tm_early_tick(tm_early *early, uint64_t now_us, uint64_t interval_us, double random);

#endif
