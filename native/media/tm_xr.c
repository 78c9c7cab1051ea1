// RFC 3611 2, 3, 4.7: extended reports.
#include "tm_xr.h"

#include "tm_bytes.h"

enum {
  VERSION_2 = 0x80,
  HEADER_BYTES = 8,  // with the sender's SSRC
  BLOCK_HEADER_BYTES = 4,
  VOIP_WORDS = 8,
  BLOCK_BYTES = BLOCK_HEADER_BYTES + 4 * VOIP_WORDS,
};

tm_status tm_xr_write_voip(uint32_t sender, const tm_xr_voip *voip, uint8_t *out, size_t capacity, size_t *written) {
  if (capacity < HEADER_BYTES + BLOCK_BYTES) return TM_ERR_SPACE;
  out[0] = VERSION_2;
  out[1] = TM_RTCP_XR;
  tm_put16(out + 2, (HEADER_BYTES + BLOCK_BYTES) / 4 - 1);
  tm_put32(out + 4, sender);
  uint8_t *block = out + HEADER_BYTES;
  block[0] = TM_XR_VOIP_METRICS;
  block[1] = 0;
  tm_put16(block + 2, VOIP_WORDS);
  tm_put32(block + 4, voip->ssrc);
  block[8] = voip->loss_rate;
  block[9] = voip->discard_rate;
  block[10] = voip->burst_density;
  block[11] = voip->gap_density;
  tm_put16(block + 12, voip->burst_ms);
  tm_put16(block + 14, voip->gap_ms);
  tm_put16(block + 16, voip->round_trip_ms);
  tm_put16(block + 18, voip->end_system_ms);
  block[20] = (uint8_t)voip->signal_dbm0;
  block[21] = (uint8_t)voip->noise_dbm0;
  block[22] = voip->rerl_db;
  block[23] = voip->gmin;
  block[24] = voip->r_factor;
  block[25] = voip->external_r_factor;
  block[26] = voip->mos_listening;
  block[27] = voip->mos_conversation;
  block[28] = (uint8_t)((unsigned)voip->concealment << 6 | (unsigned)voip->jitter_buffer << 4 | (voip->jitter_buffer_rate & 0x0Fu));
  block[29] = 0;
  tm_put16(block + 30, voip->nominal_ms);
  tm_put16(block + 32, voip->maximum_ms);
  tm_put16(block + 34, voip->absolute_ms);
  *written = HEADER_BYTES + BLOCK_BYTES;
  return TM_OK;
}

static void read_block(const uint8_t *block, tm_xr_voip *voip) {
  *voip = (tm_xr_voip){.ssrc = tm_get32(block + 4),
                       .loss_rate = block[8],
                       .discard_rate = block[9],
                       .burst_density = block[10],
                       .gap_density = block[11],
                       .burst_ms = tm_get16(block + 12),
                       .gap_ms = tm_get16(block + 14),
                       .round_trip_ms = tm_get16(block + 16),
                       .end_system_ms = tm_get16(block + 18),
                       .signal_dbm0 = (int8_t)block[20],
                       .noise_dbm0 = (int8_t)block[21],
                       .rerl_db = block[22],
                       .gmin = block[23],
                       .r_factor = block[24],
                       .external_r_factor = block[25],
                       .mos_listening = block[26],
                       .mos_conversation = block[27],
                       .concealment = (tm_xr_concealment)(block[28] >> 6),
                       .jitter_buffer = (tm_xr_jitter_buffer)(block[28] >> 4 & 3),
                       .jitter_buffer_rate = block[28] & 0x0F,
                       .nominal_ms = tm_get16(block + 30),
                       .maximum_ms = tm_get16(block + 32),
                       .absolute_ms = tm_get16(block + 34)};
}

tm_status tm_xr_read_voip(const tm_rtcp_packet *packet, uint32_t source, tm_xr_voip *voip) {
  if (packet->type != TM_RTCP_XR) return TM_ERR_MALFORMED;
  size_t bytes = packet->bytes - packet->padding;
  if (bytes < HEADER_BYTES) return TM_ERR_TRUNCATED;
  for (size_t at = HEADER_BYTES; at < bytes;) {
    const uint8_t *block = packet->data + at;
    if (bytes - at < BLOCK_HEADER_BYTES) return TM_ERR_TRUNCATED;
    size_t words = tm_get16(block + 2);
    if (bytes - at - BLOCK_HEADER_BYTES < words * 4) return TM_ERR_TRUNCATED;
    if (block[0] == TM_XR_VOIP_METRICS) {
      if (words != VOIP_WORDS) return TM_ERR_MALFORMED;
      if (tm_get32(block + 4) == source) {
        read_block(block, voip);
        return TM_OK;
      }
    }
    at += BLOCK_HEADER_BYTES + words * 4;
  }
  return TM_ERR_NOT_FOUND;
}

uint8_t tm_xr_fraction(uint64_t part, uint64_t whole) {
  if (whole == 0) return 0;
  uint64_t fraction = part * 256 / whole;
  return fraction > UINT8_MAX ? UINT8_MAX : (uint8_t)fraction;
}

static uint16_t mean_ms(uint64_t packets, uint64_t count, double packet_ms) {
  double ms = count == 0 ? 0 : (double)packets / (double)count * packet_ms;
  return ms >= UINT16_MAX ? UINT16_MAX : (uint16_t)ms;
}

void tm_xr_take_bursts(tm_xr_voip *voip, const tm_burst_totals *totals, double packet_ms) {
  uint64_t gap_packets = totals->packets - totals->burst_packets;
  voip->gmin = TM_BURSTS_GMIN;
  voip->burst_density = tm_xr_fraction(totals->burst_impaired, totals->burst_packets);
  voip->gap_density = tm_xr_fraction(totals->impaired - totals->burst_impaired, gap_packets);
  voip->burst_ms = mean_ms(totals->burst_packets, totals->bursts, packet_ms);
  voip->gap_ms = mean_ms(gap_packets, totals->gaps, packet_ms);
}
