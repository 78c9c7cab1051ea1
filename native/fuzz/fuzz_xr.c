// RFC 3611: any octets as extended reports; what was read is written and read again. And any row of losses as bursts and gaps.
#include "tm_fuzz.h"
#include "tm_xr.h"

static void read_and_write(const tm_rtcp_packet *packet, uint32_t source) {
  tm_xr_voip voip;
  if (tm_xr_read_voip(packet, source, &voip) != TM_OK) return;
  MUST(voip.ssrc == source);
  uint8_t out[TM_XR_VOIP_BYTES];
  size_t written = 0;
  MUST(tm_xr_write_voip(1, &voip, out, sizeof out, &written) == TM_OK && written == sizeof out);
  tm_rtcp_iterator iterator;
  tm_rtcp_packet again;
  tm_xr_voip second;
  tm_rtcp_begin(&iterator, out, written);
  MUST(tm_rtcp_next(&iterator, &again) == TM_OK);
  MUST(tm_xr_read_voip(&again, source, &second) == TM_OK);
  MUST(voip.r_factor == second.r_factor && voip.burst_ms == second.burst_ms && voip.absolute_ms == second.absolute_ms);
  MUST(voip.concealment == second.concealment && voip.jitter_buffer == second.jitter_buffer);
}

static void count_bursts(const uint8_t *data, size_t size) {
  tm_bursts bursts;
  tm_burst_totals totals;
  tm_xr_voip voip = {.ssrc = 0};
  tm_bursts_init(&bursts);
  for (size_t i = 0; i < size * 8; i++) tm_bursts_add(&bursts, (data[i / 8] >> i % 8 & 1) != 0);
  tm_bursts_read(&bursts, &totals);
  MUST(totals.packets == size * 8);
  MUST(totals.impaired <= totals.packets && totals.burst_impaired <= totals.impaired && totals.burst_packets <= totals.packets);
  MUST(totals.runs <= totals.impaired && 2 * totals.bursts <= totals.burst_impaired && totals.gaps <= totals.bursts + 1);
  MUST(tm_bursts_ratio(&totals) >= 1);
  tm_xr_take_bursts(&voip, &totals, 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  tm_rtcp_iterator iterator;
  tm_rtcp_packet packet;
  tm_rtcp_begin(&iterator, data, size);
  while (tm_rtcp_next(&iterator, &packet) == TM_OK) {
    read_and_write(&packet, 0xAABBCCDD);
    read_and_write(&packet, 0);
  }
  count_bursts(data, size);
  return 0;
}
