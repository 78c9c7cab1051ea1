// A conference bridge (TS 24.147 5.3.2, the mixer of RFC 3550 7): everybody hears the sum of all others. One thread, nothing allocated
// after creation. Sound is 20 ms at 16 kHz, in slots of time that all members share.
#ifndef TM_MIX_H
#define TM_MIX_H

#include <stddef.h>
#include <stdint.h>

#include "tm_status.h"

enum {
  TM_MIX_SAMPLES = 320,  // of a slot
  TM_MIX_SLOTS = 8,      // that are remembered: 160 ms
  TM_MIX_DELAY = 2,      // slots after which everybody has spoken, whatever the phase of its beats
};

typedef struct tm_mix tm_mix;
typedef struct tm_mix_member tm_mix_member;

/// Errors: MEMORY.
tm_status tm_mix_create(tm_mix **mix);
/// NULL is nothing. Its members are gone before.
void tm_mix_destroy(tm_mix *mix);

/// A member that has said nothing. It may be made on any thread, and is used on the one of the mix. Errors: MEMORY.
tm_status tm_mix_member_create(tm_mix *mix, tm_mix_member **member);
/// What it said stays in the slots that have not been heard yet.
void tm_mix_member_destroy(tm_mix_member *member);

/// What the member says in this slot; a second time in one slot, or in one that is long over, is not heard.
void tm_mix_write(tm_mix_member *member, uint64_t slot, const int16_t pcm[TM_MIX_SAMPLES]);
/// What all others said in this slot, turned down where their sum does not fit; silence when it is long over or nobody spoke.
void tm_mix_read(tm_mix_member *member, uint64_t slot, int16_t pcm[TM_MIX_SAMPLES]);

#endif
