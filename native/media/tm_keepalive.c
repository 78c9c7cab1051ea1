// NG.110 2.9.1: keep-alive of NAT bindings.
#include "tm_keepalive.h"

#include <stddef.h>

#define US_PER_MS UINT64_C(1000)

typedef enum { ANY, NO, YES } condition;

static const struct {
  condition established, video, sends, receives, heard, streams;
  tm_keepalive_pace pace;
  const char *clause;
} table[] = {
    // The first row that fits decides.
    {.video = NO, .pace = TM_KEEPALIVE_STEADY, .clause = "MD-2.9.1a"},
    {.receives = NO, .pace = TM_KEEPALIVE_STEADY, .clause = "MD-2.9.1a"},
    {.heard = YES, .pace = TM_KEEPALIVE_STEADY, .clause = "MD-2.9.1c"},
    {.sends = YES, .streams = YES, .pace = TM_KEEPALIVE_STEADY, .clause = "MD-2.9.1b: the device streams itself on a two-way stream"},
    {.established = NO, .pace = TM_KEEPALIVE_BURST, .clause = "MD-2.9.1b"},
    {.established = YES, .pace = TM_KEEPALIVE_CONTINUOUS, .clause = "MD-2.9.1b: after a 200 they go on without pause"},
};

static bool fits(condition wanted, bool is)
{
  return wanted == ANY || (wanted == YES) == is;
}

tm_keepalive_pace tm_keepalive_pace_of(tm_keepalive_phase phase, const tm_keepalive_situation *situation, const char **clause)
{
  size_t row = 0, last = sizeof table / sizeof table[0] - 1;
  while (row < last && !(fits(table[row].established, phase == TM_KEEPALIVE_ESTABLISHED) &&
                         fits(table[row].video, situation->video) && fits(table[row].sends, situation->sends) &&
                         fits(table[row].receives, situation->receives) && fits(table[row].heard, situation->heard) &&
                         fits(table[row].streams, situation->streams)))
    row++;
  if (clause) *clause = table[row].clause;
  return table[row].pace;
}

static tm_keepalive_pace pace_of(const tm_keepalive *keepalive)
{
  return tm_keepalive_pace_of(keepalive->config.phase, &keepalive->situation, NULL);
}

void tm_keepalive_init(tm_keepalive *keepalive)
{
  *keepalive = (tm_keepalive){.opening = false};
}

static uint32_t or_default(uint32_t value, uint32_t recommended)
{
  return value ? value : recommended;
}

void tm_keepalive_configure(tm_keepalive *keepalive, const tm_keepalive_config *config, bool video, bool sends, bool receives,
                            uint64_t now_us)
{
  tm_keepalive_situation *situation = &keepalive->situation;
  tm_keepalive_pace before = pace_of(keepalive);
  bool begins = config->enabled && !keepalive->config.enabled;
  bool answered = config->phase == TM_KEEPALIVE_ESTABLISHED && keepalive->config.phase == TM_KEEPALIVE_EARLY;
  if (receives && !situation->receives) situation->heard = false;
  if (!sends) situation->streams = false;
  situation->video = video;
  situation->sends = sends;
  situation->receives = receives;
  keepalive->config = *config;
  keepalive->config.burst_ms = or_default(config->burst_ms, TM_KEEPALIVE_BURST_MS);
  keepalive->config.spacing_ms = or_default(config->spacing_ms, TM_KEEPALIVE_SPACING_MS);
  keepalive->config.interval_ms = or_default(config->interval_ms, TM_KEEPALIVE_INTERVAL_MS);
  keepalive->opening = config->enabled && (keepalive->opening || begins || answered);
  if (begins || pace_of(keepalive) != before) keepalive->burst_us = now_us;
  if (begins) keepalive->last_us = now_us;
}

void tm_keepalive_moved(tm_keepalive *keepalive, uint64_t now_us)
{
  keepalive->situation.heard = false;
  keepalive->situation.streams = false;
  keepalive->opening = keepalive->config.enabled;
  keepalive->burst_us = now_us;
}

void tm_keepalive_heard(tm_keepalive *keepalive)
{
  if (keepalive->situation.receives) keepalive->situation.heard = true;
}

void tm_keepalive_sent(tm_keepalive *keepalive, uint64_t now_us)
{
  keepalive->situation.streams = keepalive->situation.sends;
  keepalive->last_us = now_us;
}

static uint64_t next_of_bursts(const tm_keepalive *keepalive)
{
  const tm_keepalive_config *config = &keepalive->config;
  uint64_t next = keepalive->last_us + config->spacing_ms * US_PER_MS;
  if (next < keepalive->burst_us + config->burst_ms * US_PER_MS) return next;
  return keepalive->burst_us + config->interval_ms * US_PER_MS;
}

uint64_t tm_keepalive_next(const tm_keepalive *keepalive)
{
  const tm_keepalive_config *config = &keepalive->config;
  if (!config->enabled) return TM_KEEPALIVE_NEVER;
  if (keepalive->opening) return 0;
  switch (pace_of(keepalive)) {
    case TM_KEEPALIVE_BURST: return next_of_bursts(keepalive);
    case TM_KEEPALIVE_CONTINUOUS: return keepalive->last_us + config->spacing_ms * US_PER_MS;
    case TM_KEEPALIVE_STEADY: break;
  }
  return keepalive->last_us + config->interval_ms * US_PER_MS;
}

tm_keepalive_action tm_keepalive_tick(tm_keepalive *keepalive, uint64_t now_us)
{
  if (now_us < tm_keepalive_next(keepalive)) return TM_KEEPALIVE_NONE;
  bool opening = keepalive->opening;
  uint64_t interval_us = keepalive->config.interval_ms * US_PER_MS;
  // Bursts keep to their intervals, however late one of them was.
  if (now_us >= keepalive->burst_us + interval_us) keepalive->burst_us += (now_us - keepalive->burst_us) / interval_us * interval_us;
  keepalive->opening = false;
  keepalive->last_us = now_us;
  return opening ? TM_KEEPALIVE_OPEN : TM_KEEPALIVE_PACKET;
}
