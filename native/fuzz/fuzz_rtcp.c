// RFC 3550 6: any octets as a compound; every reader on every packet, within its bounds.
#include "tm_fuzz.h"
#include "tm_rtcp.h"
#include "tm_rtp_stats.h"
#include "tm_xr.h"

static void read_all(const tm_rtcp_packet *packet, const uint8_t *end) {
  uint32_t ssrc = 0;
  tm_rtcp_sender_info info;
  const uint8_t *text = NULL;
  size_t bytes = 0;
  MUST(packet->data + packet->bytes <= end);
  MUST(packet->bytes % 4 == 0 && packet->padding < packet->bytes);
  tm_rtcp_sender_ssrc(packet, &ssrc);
  tm_rtcp_read_sender_info(packet, &info);
  for (size_t i = 0; i <= packet->count; i++) {
    tm_rtcp_report report;
    uint32_t rtt_us = 0;
    if (tm_rtcp_read_report(packet, i, &report) == TM_OK) tm_rtcp_round_trip(&report, info.ntp, &rtt_us);
    tm_rtcp_read_bye(packet, i, &ssrc);
  }
  tm_xr_voip voip;
  tm_xr_read_voip(packet, ssrc, &voip);
  if (tm_rtcp_read_cname(packet, &ssrc, &text, &bytes) == TM_OK) MUST(text + bytes <= packet->data + packet->bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  tm_rtcp_iterator iterator;
  tm_rtcp_packet packet;
  size_t total = 0;
  tm_status status = TM_OK;
  tm_rtcp_begin(&iterator, data, size);
  while ((status = tm_rtcp_next(&iterator, &packet)) == TM_OK) {
    total += packet.bytes;
    read_all(&packet, data + size);
  }
  MUST(status != TM_ERR_END || total == size);
  if (tm_rtcp_check_compound(data, size, false) == TM_OK) {
    MUST(status == TM_ERR_END);
    MUST(tm_rtcp_check_compound(data, size, true) == TM_OK);
  }
  return 0;
}
