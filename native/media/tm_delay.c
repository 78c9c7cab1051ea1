// Delay statistics of the jitter buffer.
#include "tm_delay.h"

#include <string.h>

static const int64_t BIN_US = 2500;
static const uint64_t WINDOW_US = 250000;
static const double QUANTILE = 0.98;
static const uint32_t MEMORY_PACKETS = 250; // 5 s of 20 ms packets

static int bin_of(int64_t delay_us) {
  if (delay_us <= 0) return 0;
  int64_t bin = delay_us / BIN_US;
  return bin >= TM_DELAY_BINS ? TM_DELAY_BINS - 1 : (int)bin;
}

void tm_delay_init(tm_delay *delay, uint32_t expected_ms) {
  memset(delay, 0, sizeof *delay);
  delay->bins[bin_of((int64_t)expected_ms * 1000 - 1)] = 1;
}

void tm_delay_rebase(tm_delay *delay) { delay->any = false; }

static void update_fastest(tm_delay *delay, int64_t transit_us, uint64_t arrival_us) {
  uint64_t passed = arrival_us < delay->window_start_us ? 0 : (arrival_us - delay->window_start_us) / WINDOW_US;
  delay->window_start_us += passed * WINDOW_US;
  if (passed > TM_DELAY_WINDOWS) passed = TM_DELAY_WINDOWS;
  for (; passed > 0; passed--) {
    delay->window = (delay->window + 1) % TM_DELAY_WINDOWS;
    delay->window_used[delay->window] = false;
  }
  int now = delay->window;
  if (!delay->window_used[now] || transit_us < delay->window_us[now]) delay->window_us[now] = transit_us;
  delay->window_used[now] = true;
  delay->fastest_us = transit_us;
  for (int i = 0; i < TM_DELAY_WINDOWS; i++) {
    if (delay->window_used[i] && delay->window_us[i] < delay->fastest_us) delay->fastest_us = delay->window_us[i];
  }
}

int64_t tm_delay_add(tm_delay *delay, int64_t transit_us, uint64_t arrival_us) {
  if (!delay->any) {
    delay->any = true;
    delay->since_base = 0;
    memset(delay->window_used, 0, sizeof delay->window_used);
    delay->window_start_us = arrival_us;
  }
  update_fastest(delay, transit_us, arrival_us);
  delay->recent_us[delay->since_base++ % TM_DELAY_RECENT] = transit_us;
  if (delay->packets < MEMORY_PACKETS) delay->packets++;
  double weight = 1.0 / (delay->packets + 1);
  for (int bin = 0; bin < TM_DELAY_BINS; bin++) delay->bins[bin] *= 1 - weight;
  delay->bins[bin_of(transit_us - delay->fastest_us)] += weight;
  return transit_us - delay->fastest_us;
}

int64_t tm_delay_needed_us(const tm_delay *delay) {
  double sum = 0;
  int bin = 0;
  for (; bin < TM_DELAY_BINS - 1; bin++) {
    sum += delay->bins[bin];
    if (sum >= QUANTILE) break;
  }
  int64_t needed = (bin + 1) * BIN_US;
  if (!delay->any || delay->since_base < TM_DELAY_RECENT) return needed;
  int64_t least = delay->recent_us[0];
  for (int i = 1; i < TM_DELAY_RECENT; i++) {
    if (delay->recent_us[i] < least) least = delay->recent_us[i];
  }
  least += BIN_US - delay->fastest_us;
  return least > needed ? least : needed;
}
