// RFC 5104 3.5.4, 4.2: the sender's video rate.
#include "tm_rate.h"

#include <string.h>

enum {
  PACKET_BYTES = 1000,
  SECOND_US = 1000000,
  MOST_SECONDS = 5, // of growth that one report may bring (trr-int)
  LOSS_HIGH = 26,   // 10 % of 256
  LOSS_LOW = 5,     // 2 %
  LOSS_WHOLE = 256,
  GROWTH_PERCENT = 8,
  GROWTH_BPS = 1000,
};

static bool valid(const tm_rate_config *config) {
  return config->least_bps > 0 && config->least_bps <= config->start_bps && config->start_bps <= config->most_bps;
}

tm_status tm_rate_init(tm_rate *rate, const tm_rate_config *config) {
  if (!valid(config)) return TM_ERR_ARGUMENT;
  memset(rate, 0, sizeof *rate);
  rate->config = *config;
  rate->loss_bps = config->start_bps;
  return TM_OK;
}

tm_status tm_rate_configure(tm_rate *rate, const tm_rate_config *config) {
  if (!valid(config)) return TM_ERR_ARGUMENT;
  rate->config = *config;
  if (rate->loss_bps > config->most_bps) rate->loss_bps = config->most_bps;
  if (rate->loss_bps < config->least_bps) rate->loss_bps = config->least_bps;
  return TM_OK;
}

static bool same_bound(const tm_bitrate_bound *a, const tm_bitrate_bound *b) {
  return a->ssrc == b->ssrc && a->bits_per_second == b->bits_per_second && a->overhead == b->overhead;
}

// What is left for video when each packet has headers of so many octets.
static uint64_t payload_share(const tm_rate *rate, uint64_t bps, uint16_t overhead) {
  uint64_t packet = rate->config.packet_bytes == 0 ? PACKET_BYTES : rate->config.packet_bytes;
  uint64_t whole = packet + overhead;
  return bps / whole * packet + bps % whole * packet / whole;
}

static const tm_bitrate_bound *binding(const tm_rate *rate) {
  const tm_bitrate_bound *least = NULL;
  for (size_t i = 0; i < rate->bound_count; i++) {
    const tm_bitrate_bound *one = &rate->bounds[i];
    if (least == NULL || payload_share(rate, one->bits_per_second, one->overhead) < payload_share(rate, least->bits_per_second, least->overhead))
      least = one;
  }
  return least;
}

bool tm_rate_bound(tm_rate *rate, uint32_t requester, const tm_bitrate_bound *bound) {
  tm_bitrate_bound before = {0};
  tm_bitrate_bound after = {0};
  size_t had = tm_rate_bounding_set(rate, &before);
  tm_bitrate_bound mine = *bound;
  mine.ssrc = requester;
  size_t at = 0;
  while (at < rate->bound_count && rate->bounds[at].ssrc != requester) at++;
  if (at < TM_RATE_OWNERS) {
    if (at == rate->bound_count) rate->bound_count++;
    rate->bounds[at] = mine;
  } else { // more requesters than places: the loosest of them makes room for a tighter one
    size_t loosest = 0;
    for (size_t i = 1; i < TM_RATE_OWNERS; i++)
      if (rate->bounds[i].bits_per_second > rate->bounds[loosest].bits_per_second) loosest = i;
    if (mine.bits_per_second < rate->bounds[loosest].bits_per_second) rate->bounds[loosest] = mine;
  }
  size_t has = tm_rate_bounding_set(rate, &after);
  return had != has || !same_bound(&before, &after);
}

bool tm_rate_forget(tm_rate *rate, uint32_t requester) {
  for (size_t i = 0; i < rate->bound_count; i++) {
    if (rate->bounds[i].ssrc != requester) continue;
    bool bound = binding(rate) == &rate->bounds[i];
    rate->bounds[i] = rate->bounds[--rate->bound_count];
    return bound;
  }
  return false;
}

void tm_rate_forget_all(tm_rate *rate) { rate->bound_count = 0; }

size_t tm_rate_bounding_set(const tm_rate *rate, tm_bitrate_bound *out) {
  const tm_bitrate_bound *least = binding(rate);
  if (least == NULL) return 0;
  *out = *least;
  return 1;
}

void tm_rate_loss(tm_rate *rate, uint8_t fraction_lost, uint64_t now_us) {
  if (!rate->heard) {
    rate->heard = true;
    rate->changed_us = now_us > SECOND_US ? now_us - SECOND_US : 0;
  }
  uint64_t seconds = (now_us - rate->changed_us) / SECOND_US;
  if (seconds == 0) return;
  uint64_t bps = rate->loss_bps;
  if (fraction_lost > LOSS_HIGH) {
    bps = bps * (2 * LOSS_WHOLE - fraction_lost) / (2 * LOSS_WHOLE);
  } else if (fraction_lost < LOSS_LOW) {
    for (uint64_t i = 0; i < seconds && i < MOST_SECONDS; i++) bps += bps * GROWTH_PERCENT / 100 + GROWTH_BPS;
  }
  if (bps > rate->config.most_bps) bps = rate->config.most_bps;
  if (bps < rate->config.least_bps) bps = rate->config.least_bps;
  rate->loss_bps = (uint32_t)bps;
  rate->changed_us = now_us;
}

uint32_t tm_rate_target(const tm_rate *rate) {
  uint64_t bps = rate->loss_bps;
  if (rate->config.as_kbps > 0) {
    uint64_t as = payload_share(rate, 1000u * (uint64_t)rate->config.as_kbps, rate->config.overhead);
    if (as < bps) bps = as;
  }
  const tm_bitrate_bound *bound = binding(rate);
  if (bound != NULL) {
    uint64_t most = payload_share(rate, bound->bits_per_second, bound->overhead);
    if (most < bps) bps = most;
  }
  return (uint32_t)bps;
}

bool tm_rate_paused(const tm_rate *rate) {
  const tm_bitrate_bound *bound = binding(rate);
  return bound != NULL && bound->bits_per_second == 0;
}
