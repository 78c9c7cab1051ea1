// Which AMR mode is sent.
#include "tm_amr_modes.h"

#include "tm_amr_payload.h"

enum { DEFAULT_PERIOD = 2 };

uint8_t tm_amr_mode_within(uint16_t set, uint8_t limit) {
  for (int mode = limit; mode >= 0; mode--) {
    if ((set >> mode & 1) != 0) return (uint8_t)mode;
  }
  uint8_t lowest = 0;
  while ((set >> lowest & 1) == 0) lowest++;
  return lowest;
}

/// The neighbour of `mode` in the set, one step towards `goal` (which is in the set).
static uint8_t step_towards(uint16_t set, uint8_t mode, uint8_t goal) {
  int step = goal > mode ? 1 : -1;
  int next = mode + step;
  while ((set >> next & 1) == 0) next += step;
  return (uint8_t)next;
}

tm_status tm_amr_modes_init(tm_amr_modes *modes, uint8_t highest, uint16_t set, uint8_t initial, uint8_t period,
                            bool any_change) {
  uint16_t all = (uint16_t)((1u << (highest + 1)) - 1);
  if ((set & ~all) != 0 || initial > highest || period > DEFAULT_PERIOD) return TM_ERR_ARGUMENT;
  modes->set = set == 0 ? all : set;
  modes->highest = highest;
  modes->period = period == 0 ? DEFAULT_PERIOD : period;
  modes->any_change = any_change;
  modes->mode = tm_amr_mode_within(modes->set, initial);
  modes->wanted = highest;
  modes->frames = 0;
  atomic_init(&modes->requested, highest);
  return TM_OK;
}

uint8_t tm_amr_modes_next(tm_amr_modes *modes) {
  uint8_t requested = atomic_load_explicit(&modes->requested, memory_order_relaxed);
  uint8_t limit = requested < modes->wanted ? requested : modes->wanted;
  uint8_t goal = tm_amr_mode_within(modes->set, limit);
  bool may_change = modes->frames % modes->period == 0;
  if (goal != modes->mode && may_change) {
    modes->mode = modes->any_change ? goal : step_towards(modes->set, modes->mode, goal);
  }
  modes->frames++;
  return modes->mode;
}

tm_status tm_amr_modes_want(tm_amr_modes *modes, uint8_t mode) {
  if (mode > modes->highest) return TM_ERR_ARGUMENT;
  modes->wanted = mode;
  return TM_OK;
}

void tm_amr_modes_requested(tm_amr_modes *modes, uint8_t cmr) {
  if (cmr == TM_AMR_CMR_NONE) cmr = modes->highest;
  if (cmr > modes->highest || (cmr != modes->highest && (modes->set >> cmr & 1) == 0)) return;
  atomic_store_explicit(&modes->requested, cmr, memory_order_relaxed);
}
