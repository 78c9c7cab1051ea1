// RFC 3611 4.7.2: bursts and gaps.
#include "tm_bursts.h"

void tm_bursts_init(tm_bursts *bursts) { *bursts = (tm_bursts){.closed = {.gaps = 1}}; }

/// What has been from the first impaired packet on is over.
static void settle(tm_bursts *bursts) {
  tm_burst_totals *closed = &bursts->closed;
  if (bursts->length == 0) return;
  closed->packets += bursts->length;
  closed->impaired += bursts->impaired;
  if (bursts->impaired > 1) {
    closed->bursts++;
    closed->burst_packets += bursts->length;
    closed->burst_impaired += bursts->impaired;
    bursts->after_burst = true;
  } else if (bursts->after_burst) {
    closed->gaps++;
    bursts->after_burst = false;
  }
  bursts->length = 0;
  bursts->impaired = 0;
}

/// The good packets so far lie in a gap.
static void take_gap(tm_bursts *bursts) {
  bursts->closed.packets += bursts->good;
  if (bursts->good > 0 && bursts->after_burst) {
    bursts->closed.gaps++;
    bursts->after_burst = false;
  }
  bursts->good = 0;
}

void tm_bursts_add(tm_bursts *bursts, bool impaired) {
  if (!impaired) {
    bursts->good++;
    if (bursts->good < TM_BURSTS_GMIN) return;
    settle(bursts);
    take_gap(bursts);
    return;
  }
  if (bursts->length == 0) {
    take_gap(bursts);
    bursts->closed.runs++;
  } else if (bursts->good > 0) {
    bursts->closed.runs++;
  }
  bursts->length += bursts->good + 1;
  bursts->impaired++;
  bursts->good = 0;
}

void tm_bursts_read(const tm_bursts *bursts, tm_burst_totals *totals) {
  tm_bursts copy = *bursts;
  settle(&copy);
  take_gap(&copy);
  *totals = copy.closed;
}

double tm_bursts_loss(const tm_burst_totals *totals) {
  return totals->packets == 0 ? 0 : (double)totals->impaired / (double)totals->packets;
}

double tm_bursts_ratio(const tm_burst_totals *totals) {
  if (totals->runs == 0) return 1;
  double ratio = (double)totals->impaired / (double)totals->runs * (1 - tm_bursts_loss(totals));
  return ratio < 1 ? 1 : ratio;
}
