// RFC 4585 3.5: turns of RTCP and feedback between them.
#include "tm_early.h"

#include <stddef.h>

enum { MOST_DEBT = 4 };  // intervals that feedback without leave may cost

static uint64_t later(uint64_t at, uint64_t interval_us)
{
  return interval_us == 0 || at == TM_EARLY_NEVER ? TM_EARLY_NEVER : at + interval_us;
}

void tm_early_begin(tm_early *early, const tm_early_config *config, uint64_t now_us, uint64_t interval_us)
{
  bool anew = early->t_rr == 0;
  early->config = *config;
  early->allow_early = true;
  if (anew) early->first = true;
  early->t_rr = interval_us;
  early->tn = config->avpf ? later(now_us, interval_us) : TM_EARLY_NEVER;
}

bool tm_early_may(tm_early *early, uint64_t now_us)
{
  if (early->allow_early && now_us < early->tn) return true;
  early->waits = true;
  return false;
}

void tm_early_sent(tm_early *early, uint64_t now_us, uint64_t interval_us)
{
  if (!early->config.avpf) {
    uint64_t from = early->allow_early ? now_us : early->tn;
    early->tn = later(from, 2 * interval_us);
    if (early->tn != TM_EARLY_NEVER && early->tn > now_us + MOST_DEBT * interval_us) early->tn = now_us + MOST_DEBT * interval_us;
    early->allow_early = false;
    return;
  }
  early->allow_early = false;
  if (early->tn == TM_EARLY_NEVER) return;
  // tn, which was tp + T_rr, becomes tp + 2 * T_rr: the next turn is left out.
  uint64_t next = early->tn + early->t_rr;
  if (next <= now_us + MOST_DEBT * early->t_rr) early->tn = next;
}

uint64_t tm_early_due(const tm_early *early)
{
  return early->tn;
}

static tm_early_step give(tm_early *early, tm_early_step step)
{
  early->waits = false;
  return step;
}

tm_early_step tm_early_tick(tm_early *early, uint64_t now_us, uint64_t interval_us, double random)
{
  if (now_us < early->tn) return TM_EARLY_NOTHING;
  early->allow_early = true;
  if (!early->config.avpf) {
    early->tn = TM_EARLY_NEVER;
    return early->waits ? give(early, TM_EARLY_FEEDBACK) : TM_EARLY_NOTHING;
  }
  early->t_rr = interval_us;
  early->tn = later(now_us, interval_us);
  bool too_soon = early->config.trr_interval_us > 0 && !early->first && early->t_rr_last + early->t_rr_current_interval > now_us;
  if (too_soon) return early->waits ? give(early, TM_EARLY_FEEDBACK) : TM_EARLY_NOTHING;
  early->first = false;
  early->t_rr_last = now_us;
  early->t_rr_current_interval = (uint64_t)((double)early->config.trr_interval_us * (random + 0.5));
  return give(early, TM_EARLY_REGULAR);
}
