// RFC 3550 6: RTCP packets.
#include "tm_rtcp.h"

#include <string.h>

#include "tm_bytes.h"

enum {
  HEADER_BYTES = 4,
  SSRC_BYTES = 4,
  SENDER_INFO_BYTES = 20,
  REPORT_BYTES = 24,
  VERSION = 2,
  VERSION_SHIFT = 6,
  FLAG_PADDING = 0x20,
  MASK_COUNT = 0x1F,
  SDES_END = 0,
  SDES_CNAME = 1,
  FEEDBACK_TRANSPORT = 205, // RFC 4585 6.1
  FEEDBACK_PAYLOAD = 206,
};

static const int32_t MAX_CUMULATIVE_LOST = 0x7FFFFF; // 24-bit signed
static const int32_t MIN_CUMULATIVE_LOST = -0x800000;
static const uint64_t UNIX_EPOCH_IN_NTP = 2208988800u; // seconds from 1900 to 1970
static const uint64_t NS_PER_SECOND = 1000000000u;

void tm_rtcp_begin(tm_rtcp_iterator *iterator, const uint8_t *data, size_t bytes) {
  *iterator = (tm_rtcp_iterator){.data = data, .bytes = bytes, .offset = 0};
}

tm_status tm_rtcp_next(tm_rtcp_iterator *iterator, tm_rtcp_packet *packet) {
  size_t left = iterator->bytes - iterator->offset;
  if (left == 0) return TM_ERR_END;
  const uint8_t *data = iterator->data + iterator->offset;
  iterator->offset = iterator->bytes;
  if (left < HEADER_BYTES) return TM_ERR_TRUNCATED;
  if (data[0] >> VERSION_SHIFT != VERSION) return TM_ERR_VERSION;
  size_t bytes = 4u * (tm_get16(data + 2) + 1u);
  if (bytes > left) return TM_ERR_TRUNCATED;
  size_t padding = 0;
  if ((data[0] & FLAG_PADDING) != 0) {
    padding = data[bytes - 1];
    if (padding == 0 || padding % 4 != 0 || padding > bytes - HEADER_BYTES) return TM_ERR_MALFORMED;
  }
  iterator->offset = (size_t)(data - iterator->data) + bytes;
  *packet = (tm_rtcp_packet){
    .type = data[1], .count = data[0] & MASK_COUNT, .data = data, .bytes = bytes, .padding = padding};
  return TM_OK;
}

tm_status tm_rtcp_check_compound(const uint8_t *data, size_t bytes, bool reduced_size) {
  tm_rtcp_iterator iterator;
  tm_rtcp_packet packet;
  tm_rtcp_begin(&iterator, data, bytes);
  if (bytes == 0) return TM_ERR_TRUNCATED;
  bool first = true;
  for (;;) {
    tm_status status = tm_rtcp_next(&iterator, &packet);
    if (status == TM_ERR_END) return TM_OK;
    if (status != TM_OK) return status;
    if (first && !reduced_size && packet.type != TM_RTCP_SR && packet.type != TM_RTCP_RR) return TM_ERR_MALFORMED;
    if (packet.padding > 0 && iterator.offset != bytes) return TM_ERR_MALFORMED;
    first = false;
  }
}

/// Octets after the header, without padding.
static size_t body_bytes(const tm_rtcp_packet *packet) { return packet->bytes - packet->padding - HEADER_BYTES; }

tm_status tm_rtcp_sender_ssrc(const tm_rtcp_packet *packet, uint32_t *ssrc) {
  switch (packet->type) {
    case TM_RTCP_SR:
    case TM_RTCP_RR:
    case TM_RTCP_APP:
    case FEEDBACK_TRANSPORT:
    case FEEDBACK_PAYLOAD:
    case TM_RTCP_XR:
      if (body_bytes(packet) < SSRC_BYTES) return TM_ERR_TRUNCATED;
      *ssrc = tm_get32(packet->data + HEADER_BYTES);
      return TM_OK;
    default: return TM_ERR_MALFORMED;
  }
}

tm_status tm_rtcp_read_sender_info(const tm_rtcp_packet *packet, tm_rtcp_sender_info *info) {
  if (packet->type != TM_RTCP_SR) return TM_ERR_MALFORMED;
  if (body_bytes(packet) < SSRC_BYTES + SENDER_INFO_BYTES) return TM_ERR_TRUNCATED;
  const uint8_t *at = packet->data + HEADER_BYTES + SSRC_BYTES;
  info->ntp = (uint64_t)tm_get32(at) << 32 | tm_get32(at + 4);
  info->timestamp = tm_get32(at + 8);
  info->packets = tm_get32(at + 12);
  info->octets = tm_get32(at + 16);
  return TM_OK;
}

tm_status tm_rtcp_read_report(const tm_rtcp_packet *packet, size_t index, tm_rtcp_report *report) {
  if (packet->type != TM_RTCP_SR && packet->type != TM_RTCP_RR) return TM_ERR_MALFORMED;
  if (index >= packet->count) return TM_ERR_ARGUMENT;
  size_t before = SSRC_BYTES + (packet->type == TM_RTCP_SR ? SENDER_INFO_BYTES : 0u) + index * REPORT_BYTES;
  if (body_bytes(packet) < before + REPORT_BYTES) return TM_ERR_TRUNCATED;
  const uint8_t *at = packet->data + HEADER_BYTES + before;
  report->ssrc = tm_get32(at);
  report->fraction_lost = at[4];
  int32_t lost = (int32_t)(tm_get32(at + 4) & 0xFFFFFFu);
  report->cumulative_lost = lost > MAX_CUMULATIVE_LOST ? lost - 0x1000000 : lost;
  report->highest_seq = tm_get32(at + 8);
  report->jitter = tm_get32(at + 12);
  report->last_sr = tm_get32(at + 16);
  report->delay_since_sr = tm_get32(at + 20);
  return TM_OK;
}

tm_status tm_rtcp_read_cname(const tm_rtcp_packet *packet, uint32_t *ssrc, const uint8_t **text, size_t *bytes) {
  if (packet->type != TM_RTCP_SDES) return TM_ERR_MALFORMED;
  const uint8_t *at = packet->data + HEADER_BYTES;
  const uint8_t *end = at + body_bytes(packet);
  for (size_t chunk = 0; chunk < packet->count; chunk++) {
    if (end - at < SSRC_BYTES) return TM_ERR_TRUNCATED;
    uint32_t source = tm_get32(at);
    at += SSRC_BYTES;
    for (;;) {
      if (at == end) return TM_ERR_TRUNCATED;
      if (*at == SDES_END) break;
      if (end - at < 2 || end - at - 2 < at[1]) return TM_ERR_TRUNCATED;
      if (*at == SDES_CNAME) {
        *ssrc = source;
        *text = at + 2;
        *bytes = at[1];
        return TM_OK;
      }
      at += 2 + at[1];
    }
    // One to four zero octets end a chunk, up to the next 32-bit boundary.
    size_t used = (size_t)(at - packet->data);
    at += 4 - used % 4;
  }
  return TM_ERR_NOT_FOUND;
}

tm_status tm_rtcp_read_bye(const tm_rtcp_packet *packet, size_t index, uint32_t *ssrc) {
  if (packet->type != TM_RTCP_BYE) return TM_ERR_MALFORMED;
  if (index >= packet->count) return TM_ERR_ARGUMENT;
  if (body_bytes(packet) < (index + 1) * SSRC_BYTES) return TM_ERR_TRUNCATED;
  *ssrc = tm_get32(packet->data + HEADER_BYTES + index * SSRC_BYTES);
  return TM_OK;
}

static uint8_t *put_header(uint8_t *at, size_t count, uint8_t type, size_t bytes) {
  at[0] = (uint8_t)(VERSION << VERSION_SHIFT | count);
  at[1] = type;
  tm_put16(at + 2, (uint16_t)(bytes / 4 - 1));
  return at + HEADER_BYTES;
}

static uint8_t *put_report(uint8_t *at, const tm_rtcp_report *report) {
  int32_t lost = report->cumulative_lost;
  if (lost > MAX_CUMULATIVE_LOST) lost = MAX_CUMULATIVE_LOST;
  if (lost < MIN_CUMULATIVE_LOST) lost = MIN_CUMULATIVE_LOST;
  tm_put32(at, report->ssrc);
  tm_put32(at + 4, (uint32_t)report->fraction_lost << 24 | ((uint32_t)lost & 0xFFFFFFu));
  tm_put32(at + 8, report->highest_seq);
  tm_put32(at + 12, report->jitter);
  tm_put32(at + 16, report->last_sr);
  tm_put32(at + 20, report->delay_since_sr);
  return at + REPORT_BYTES;
}

static size_t round_up_to_word(size_t bytes) { return (bytes + 3) / 4 * 4; }

tm_status tm_rtcp_build(const tm_rtcp_content *content, uint8_t *out, size_t capacity, size_t *written) {
  if (content->cname == NULL || content->report_count > TM_RTCP_MAX_BLOCKS || content->further_bytes % 4 != 0) {
    return TM_ERR_ARGUMENT;
  }
  size_t cname = strlen(content->cname);
  size_t reason = content->bye && content->bye_reason != NULL ? strlen(content->bye_reason) : 0;
  if (cname == 0 || cname > TM_RTCP_MAX_TEXT || reason > TM_RTCP_MAX_TEXT) return TM_ERR_ARGUMENT;

  bool sends = content->sender != NULL;
  size_t report_bytes =
    HEADER_BYTES + SSRC_BYTES + (sends ? SENDER_INFO_BYTES : 0u) + content->report_count * REPORT_BYTES;
  size_t sdes_bytes = HEADER_BYTES + round_up_to_word(SSRC_BYTES + 2 + cname + 1); // one octet at least ends the items
  size_t bye_bytes = 0;
  if (content->bye) bye_bytes = HEADER_BYTES + SSRC_BYTES + (reason > 0 ? round_up_to_word(1 + reason) : 0);
  size_t total = report_bytes + sdes_bytes + content->further_bytes + bye_bytes;
  if (total > capacity) return TM_ERR_SPACE;
  memset(out, 0, total);

  uint8_t *at = put_header(out, content->report_count, sends ? TM_RTCP_SR : TM_RTCP_RR, report_bytes);
  tm_put32(at, content->ssrc);
  at += SSRC_BYTES;
  if (sends) {
    tm_put32(at, (uint32_t)(content->sender->ntp >> 32));
    tm_put32(at + 4, (uint32_t)content->sender->ntp);
    tm_put32(at + 8, content->sender->timestamp);
    tm_put32(at + 12, content->sender->packets);
    tm_put32(at + 16, content->sender->octets);
    at += SENDER_INFO_BYTES;
  }
  for (size_t i = 0; i < content->report_count; i++) at = put_report(at, &content->reports[i]);

  uint8_t *sdes = put_header(out + report_bytes, 1, TM_RTCP_SDES, sdes_bytes);
  tm_put32(sdes, content->ssrc);
  sdes[4] = SDES_CNAME;
  sdes[5] = (uint8_t)cname;
  memcpy(sdes + 6, content->cname, cname);

  uint8_t *further = out + report_bytes + sdes_bytes;
  if (content->further_bytes > 0) memcpy(further, content->further, content->further_bytes);
  if (content->bye) {
    uint8_t *bye = put_header(further + content->further_bytes, 1, TM_RTCP_BYE, bye_bytes);
    tm_put32(bye, content->ssrc);
    if (reason > 0) {
      bye[4] = (uint8_t)reason;
      memcpy(bye + 5, content->bye_reason, reason);
    }
  }
  *written = total;
  return TM_OK;
}

uint64_t tm_ntp_from_unix_ns(uint64_t unix_ns) {
  uint64_t seconds = unix_ns / NS_PER_SECOND + UNIX_EPOCH_IN_NTP;
  uint64_t fraction = ((unix_ns % NS_PER_SECOND) << 32) / NS_PER_SECOND;
  return seconds << 32 | fraction;
}

uint32_t tm_ntp_middle(uint64_t ntp) { return (uint32_t)(ntp >> 16); }
