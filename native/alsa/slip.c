// Clock difference evened out at a ring.
#include "slip.h"

#include <string.h>

enum { OVERFLOW_FACTOR = 6 };

void tm_slip_init(tm_slip *slip, size_t target, size_t burst)
{
  *slip = (tm_slip){.target = target, .prime = target + burst, .lowest = SIZE_MAX};
}

static size_t stock(const tm_ring *ring)
{
  return tm_ring_readable(ring) / sizeof(int16_t);
}

// `taken` samples of `in` spread over `count`.
static void spread(const int16_t *in, size_t taken, int16_t *out, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    double at = count > 1 ? (double)i * (double)(taken - 1) / (double)(count - 1) : 0.0;
    size_t left = (size_t)at;
    size_t right = left + 1 < taken ? left + 1 : left;
    double part = at - (double)left;
    out[i] = (int16_t)((1.0 - part) * in[left] + part * in[right]);
  }
}

// -1, 0 or 1 sample, decided once in a window.
static int correction(tm_slip *slip, size_t left)
{
  int adjust = 0;
  if (left < slip->lowest) slip->lowest = left;
  if (slip->lowest > slip->target * 2) adjust = 1;
  else if (slip->lowest < slip->target / 2) adjust = -1;
  if (++slip->reads < TM_SLIP_WINDOW) return 0;
  // From here on one sample at every read, until a new window shows that it is enough.
  if (adjust == 0 || slip->reads >= 2 * TM_SLIP_WINDOW) {
    slip->reads = 0;
    slip->lowest = SIZE_MAX;
  }
  return adjust;
}

void tm_slip_read(tm_slip *slip, tm_ring *ring, int16_t *pcm, size_t count)
{
  int16_t raw[TM_SLIP_MAX_SAMPLES + 1];
  size_t there = stock(ring);
  if (!slip->primed && there < slip->prime) {
    memset(pcm, 0, count * sizeof *pcm);
    return;
  }
  slip->primed = true;
  if (there > OVERFLOW_FACTOR * slip->prime) {
    (void)tm_ring_drop(ring, (there - slip->prime) * sizeof(int16_t));
    there = stock(ring);
    slip->overflows++;
  }
  if (there < count) {
    memset(pcm, 0, count * sizeof *pcm);
    slip->primed = false;
    slip->dry++;
    return;
  }
  int adjust = correction(slip, there - count);
  slip->since += count;
  if (slip->since < TM_SLIP_SPACING) adjust = 0;
  size_t take = adjust < 0 ? count - 1 : count + (adjust > 0 && there > count ? 1u : 0u);
  size_t got = tm_ring_read_pcm(ring, raw, take);
  if (got == count) {
    memcpy(pcm, raw, count * sizeof *pcm);
    return;
  }
  slip->adjusted++;
  slip->since = 0;
  spread(raw, got, pcm, count);
}
