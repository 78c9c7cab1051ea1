// Which AMR mode is sent.
#include "tm_amr_modes.h"

#include "tm_amr_payload.h"

enum {
  DEFAULT_PERIOD = 2,
  CLIMB_FRAMES = 30,    // 600 ms: both waiting times of 26.114 7.5.2.1.6 without ECN
  CAREFUL_FRAMES = 500, // 10 s, once something was lost
  SMALL_SET = 3,
  MUCH_PERCENT = 5,
  LITTLE_PERCENT = 1,
};

uint8_t tm_amr_mode_within(uint16_t set, uint8_t limit) {
  for (int mode = limit; mode >= 0; mode--) {
    if ((set >> mode & 1) != 0) return (uint8_t)mode;
  }
  uint8_t lowest = 0;
  while ((set >> lowest & 1) == 0) lowest++;
  return lowest;
}

uint8_t tm_amr_initial_mode(uint16_t set) {
  uint8_t lowest = tm_amr_mode_within(set, 0), count = 0;
  for (uint16_t rest = set; rest != 0; rest = (uint16_t)(rest & (rest - 1))) count++;
  if (count <= SMALL_SET) return lowest;
  uint16_t others = (uint16_t)(set & ~(1u << lowest));
  return tm_amr_mode_within(others, 0);
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
  if ((set & ~all) != 0 || (initial > highest && initial != TM_AMR_BY_RULE) || period > DEFAULT_PERIOD)
    return TM_ERR_ARGUMENT;
  modes->set = set == 0 ? all : set;
  modes->highest = highest;
  modes->period = period == 0 ? DEFAULT_PERIOD : period;
  modes->any_change = any_change;
  bool by_rule = initial == TM_AMR_BY_RULE;
  modes->mode = by_rule ? tm_amr_initial_mode(modes->set) : tm_amr_mode_within(modes->set, initial);
  modes->ceiling = by_rule ? modes->mode : tm_amr_mode_within(modes->set, highest);
  modes->wait = CLIMB_FRAMES;
  modes->calm = 0;
  atomic_init(&modes->told, !by_rule);
  modes->wanted = highest;
  modes->frames = 0;
  atomic_init(&modes->requested, highest);
  return TM_OK;
}

/// One frame more: the ceiling rises when its time has come.
static uint8_t ceiling(tm_amr_modes *modes) {
  uint8_t top = tm_amr_mode_within(modes->set, modes->highest);
  if (atomic_load_explicit(&modes->told, memory_order_relaxed)) modes->ceiling = top;
  if (modes->ceiling < top && modes->calm++ >= modes->wait) {
    modes->ceiling = step_towards(modes->set, modes->ceiling, top);
    modes->calm = 1;
  }
  return modes->ceiling;
}

void tm_amr_modes_reported(tm_amr_modes *modes, unsigned lost_percent) {
  if (lost_percent < LITTLE_PERCENT || atomic_load_explicit(&modes->told, memory_order_relaxed)) return;
  modes->calm = 0;
  uint8_t lowest = tm_amr_mode_within(modes->set, 0);
  if (lost_percent < MUCH_PERCENT) return;
  uint8_t used = modes->mode < modes->ceiling ? modes->mode : modes->ceiling;
  modes->ceiling = used > lowest ? step_towards(modes->set, used, lowest) : lowest;
  modes->wait = CAREFUL_FRAMES;
}

uint8_t tm_amr_modes_next(tm_amr_modes *modes) {
  uint8_t requested = atomic_load_explicit(&modes->requested, memory_order_relaxed);
  uint8_t limit = requested < modes->wanted ? requested : modes->wanted;
  uint8_t most = ceiling(modes);
  if (most < limit) limit = most;
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
  bool told = cmr != TM_AMR_CMR_NONE;
  if (!told) cmr = modes->highest;
  if (cmr > modes->highest || (cmr != modes->highest && (modes->set >> cmr & 1) == 0)) return;
  if (told) atomic_store_explicit(&modes->told, true, memory_order_relaxed);
  atomic_store_explicit(&modes->requested, cmr, memory_order_relaxed);
}
