// RFC 3550 6: RTCP packets, with annotated octets.
#include "tm_rtcp.h"
#include "tm_test.h"

// clang-format off
static const uint8_t COMPOUND[] = {
  // Sender report
  0x81, 200, 0x00, 0x0C,  // V=2, RC=1, SR, 12 words follow
  0x11, 0x22, 0x33, 0x44, // SSRC of sender
  0xE9, 0x00, 0x00, 0x01, // NTP seconds
  0x80, 0x00, 0x00, 0x00, // NTP fraction: one half
  0x00, 0x00, 0x7D, 0x00, // RTP time 32000
  0x00, 0x00, 0x00, 0x64, // 100 packets
  0x00, 0x00, 0x3E, 0x80, // 16000 octets
  // report block
  0xAA, 0xBB, 0xCC, 0xDD, // about this source
  0x40,                   // a quarter lost since the last report
  0xFF, 0xFF, 0xFE,       // -2 lost in all: two duplicates
  0x00, 0x01, 0x00, 0x05, // highest: one wrap, 5
  0x00, 0x00, 0x00, 0x50, // jitter 80 ticks
  0x00, 0x01, 0x80, 0x00, // last SR
  0x00, 0x00, 0x80, 0x00, // half a second ago
  // Source description
  0x81, 202, 0x00, 0x03,  // SC=1, SDES, 3 words
  0x11, 0x22, 0x33, 0x44, // source
  0x01, 0x05, 'a', '@', 'b', '.', 'c', // CNAME of 5 octets
  0x00,                   // end, up to the word
  // Picture loss indication (RFC 4585 6.3.1): unknown here, kept
  0x81, 206, 0x00, 0x02,
  0x11, 0x22, 0x33, 0x44,
  0xAA, 0xBB, 0xCC, 0xDD,
  // BYE with a reason
  0x81, 203, 0x00, 0x02,
  0x11, 0x22, 0x33, 0x44,
  0x03, 'e', 'n', 'd',
};
// clang-format on

static void compound(void) {
  tm_rtcp_iterator iterator;
  tm_rtcp_packet packet;
  CHECK_INT(tm_rtcp_check_compound(COMPOUND, sizeof COMPOUND, false), TM_OK);
  tm_rtcp_begin(&iterator, COMPOUND, sizeof COMPOUND);

  CHECK_INT(tm_rtcp_next(&iterator, &packet), TM_OK);
  CHECK_INT(packet.type, TM_RTCP_SR);
  uint32_t ssrc = 0;
  CHECK_INT(tm_rtcp_sender_ssrc(&packet, &ssrc), TM_OK);
  CHECK_INT(ssrc, 0x11223344);
  tm_rtcp_sender_info info;
  CHECK_INT(tm_rtcp_read_sender_info(&packet, &info), TM_OK);
  CHECK(info.ntp == 0xE900000180000000u);
  CHECK_INT(info.timestamp, 32000);
  CHECK_INT(info.packets, 100);
  CHECK_INT(info.octets, 16000);
  tm_rtcp_report report;
  CHECK_INT(tm_rtcp_read_report(&packet, 0, &report), TM_OK);
  CHECK_INT(report.ssrc, 0xAABBCCDD);
  CHECK_INT(report.fraction_lost, 64);
  CHECK_INT(report.cumulative_lost, -2);
  CHECK_INT(report.highest_seq, 0x10005);
  CHECK_INT(report.jitter, 80);
  CHECK_INT(report.last_sr, 0x18000);
  CHECK_INT(report.delay_since_sr, 0x8000);
  CHECK_INT(tm_rtcp_read_report(&packet, 1, &report), TM_ERR_ARGUMENT);

  CHECK_INT(tm_rtcp_next(&iterator, &packet), TM_OK);
  const uint8_t *text = NULL;
  size_t bytes = 0;
  CHECK_INT(tm_rtcp_read_cname(&packet, &ssrc, &text, &bytes), TM_OK);
  CHECK_INT(bytes, 5);
  CHECK_BYTES(text, "a@b.c", 5);

  CHECK_INT(tm_rtcp_next(&iterator, &packet), TM_OK);
  CHECK_INT(packet.type, 206);
  CHECK_INT(packet.count, 1);
  CHECK_INT(packet.bytes, 12);

  CHECK_INT(tm_rtcp_next(&iterator, &packet), TM_OK);
  CHECK_INT(tm_rtcp_read_bye(&packet, 0, &ssrc), TM_OK);
  CHECK_INT(ssrc, 0x11223344);
  CHECK_INT(tm_rtcp_next(&iterator, &packet), TM_ERR_END);
}

static void build_all(void) {
  tm_rtcp_sender_info info = {.ntp = 0xE900000180000000u, .timestamp = 32000, .packets = 100, .octets = 16000};
  tm_rtcp_report report = {.ssrc = 0xAABBCCDD, .fraction_lost = 64, .cumulative_lost = -2, .highest_seq = 0x10005,
                           .jitter = 80, .last_sr = 0x18000, .delay_since_sr = 0x8000};
  tm_rtcp_content content = {.ssrc = 0x11223344, .sender = &info, .reports = &report, .report_count = 1,
                             .cname = "a@b.c", .bye = true, .bye_reason = "end"};
  uint8_t out[256];
  size_t written = 0;
  CHECK_INT(tm_rtcp_build(&content, out, sizeof out, &written), TM_OK);
  size_t pli = 12;
  CHECK_INT(written, sizeof COMPOUND - pli);
  CHECK_BYTES(out, COMPOUND, 68);
  CHECK_BYTES(out + 68, COMPOUND + 68 + pli, 12);
  for (size_t capacity = 0; capacity < written; capacity++) {
    size_t none = 0;
    CHECK_INT(tm_rtcp_build(&content, out, capacity, &none), TM_ERR_SPACE);
  }
}

static void every_cname_length(void) {
  char cname[257];
  uint8_t out[512];
  for (size_t length = 1; length <= 255; length++) {
    memset(cname, 'x', length);
    cname[length] = '\0';
    tm_rtcp_content content = {.ssrc = 1, .cname = cname};
    size_t written = 0;
    CHECK_INT(tm_rtcp_build(&content, out, sizeof out, &written), TM_OK);
    CHECK_INT(tm_rtcp_check_compound(out, written, false), TM_OK);
    tm_rtcp_iterator iterator;
    tm_rtcp_packet packet;
    tm_rtcp_begin(&iterator, out, written);
    CHECK_INT(tm_rtcp_next(&iterator, &packet), TM_OK);
    CHECK_INT(packet.type, TM_RTCP_RR);
    CHECK_INT(tm_rtcp_next(&iterator, &packet), TM_OK);
    uint32_t ssrc = 0;
    const uint8_t *text = NULL;
    size_t bytes = 0;
    CHECK_INT(tm_rtcp_read_cname(&packet, &ssrc, &text, &bytes), TM_OK);
    CHECK_INT(bytes, length);
  }
  memset(cname, 'x', 256);
  cname[256] = '\0';
  tm_rtcp_content content = {.ssrc = 1, .cname = cname};
  size_t written = 0;
  CHECK_INT(tm_rtcp_build(&content, out, sizeof out, &written), TM_ERR_ARGUMENT);
  content.cname = "";
  CHECK_INT(tm_rtcp_build(&content, out, sizeof out, &written), TM_ERR_ARGUMENT);
}

static void rules_of_the_compound(void) {
  CHECK_INT(tm_rtcp_check_compound(COMPOUND + 52, sizeof COMPOUND - 52, false), TM_ERR_MALFORMED); // SDES first
  CHECK_INT(tm_rtcp_check_compound(COMPOUND + 52, sizeof COMPOUND - 52, true), TM_OK);             // RFC 5506
  CHECK_INT(tm_rtcp_check_compound(COMPOUND, 0, false), TM_ERR_TRUNCATED);
  CHECK_INT(tm_rtcp_check_compound(COMPOUND, sizeof COMPOUND - 1, false), TM_ERR_TRUNCATED);
  uint8_t data[sizeof COMPOUND];
  memcpy(data, COMPOUND, sizeof data);
  data[0] = 0x41; // V=1
  CHECK_INT(tm_rtcp_check_compound(data, sizeof data, false), TM_ERR_VERSION);
  // clang-format off
  static const uint8_t padded_inside[] = {
    0xA0, 201, 0x00, 0x02, 0, 0, 0, 1, 0, 0, 0, 4, // RR with padding, but not the last
    0x80, 202, 0x00, 0x00,
  };
  static const uint8_t padded_last[] = {0x80, 201, 0x00, 0x01, 0, 0, 0, 1, 0xA0, 202, 0x00, 0x01, 0, 0, 0, 4};
  static const uint8_t padding_too_big[] = {0xA0, 201, 0x00, 0x01, 0, 0, 0, 8};
  // clang-format on
  CHECK_INT(tm_rtcp_check_compound(padded_inside, sizeof padded_inside, false), TM_ERR_MALFORMED);
  CHECK_INT(tm_rtcp_check_compound(padded_last, sizeof padded_last, false), TM_OK);
  CHECK_INT(tm_rtcp_check_compound(padding_too_big, sizeof padding_too_big, false), TM_ERR_MALFORMED);
}

static void counts_that_lie(void) {
  tm_rtcp_iterator iterator;
  tm_rtcp_packet packet;
  tm_rtcp_report report;
  tm_rtcp_sender_info info;
  uint32_t ssrc = 0;
  const uint8_t *text = NULL;
  size_t bytes = 0;
  static const uint8_t rr[] = {0x9F, 201, 0x00, 0x01, 0, 0, 0, 1};   // 31 blocks promised, none there
  static const uint8_t sr[] = {0x80, 200, 0x00, 0x01, 0, 0, 0, 1};   // no sender info
  static const uint8_t bye[] = {0x9F, 203, 0x00, 0x01, 0, 0, 0, 1};
  static const uint8_t sdes[] = {0x81, 202, 0x00, 0x02, 0, 0, 0, 1, 1, 200, 'a', 'b'}; // item longer than the packet
  static const uint8_t endless[] = {0x82, 202, 0x00, 0x02, 0, 0, 0, 1, 2, 2, 'a', 'b'}; // no end of items
  tm_rtcp_begin(&iterator, rr, sizeof rr);
  CHECK_INT(tm_rtcp_next(&iterator, &packet), TM_OK);
  CHECK_INT(tm_rtcp_read_report(&packet, 0, &report), TM_ERR_TRUNCATED);
  CHECK_INT(tm_rtcp_read_sender_info(&packet, &info), TM_ERR_MALFORMED);
  tm_rtcp_begin(&iterator, sr, sizeof sr);
  CHECK_INT(tm_rtcp_next(&iterator, &packet), TM_OK);
  CHECK_INT(tm_rtcp_read_sender_info(&packet, &info), TM_ERR_TRUNCATED);
  tm_rtcp_begin(&iterator, bye, sizeof bye);
  CHECK_INT(tm_rtcp_next(&iterator, &packet), TM_OK);
  CHECK_INT(tm_rtcp_read_bye(&packet, 1, &ssrc), TM_ERR_TRUNCATED);
  tm_rtcp_begin(&iterator, sdes, sizeof sdes);
  CHECK_INT(tm_rtcp_next(&iterator, &packet), TM_OK);
  CHECK_INT(tm_rtcp_read_cname(&packet, &ssrc, &text, &bytes), TM_ERR_TRUNCATED);
  tm_rtcp_begin(&iterator, endless, sizeof endless);
  CHECK_INT(tm_rtcp_next(&iterator, &packet), TM_OK);
  CHECK_INT(tm_rtcp_read_cname(&packet, &ssrc, &text, &bytes), TM_ERR_TRUNCATED);
}

static void second_chunk(void) {
  // clang-format off
  static const uint8_t sdes[] = {
    0x82, 202, 0x00, 0x06,
    0, 0, 0, 1, 0x02, 0x01, 'n', 0x00,       // NAME only; one octet ends the chunk
    0, 0, 0, 2, 0x01, 0x03, 'c', 'n', 'm', 0, 0, 0, // CNAME
    0, 0, 0, 0,
  };
  // clang-format on
  tm_rtcp_iterator iterator;
  tm_rtcp_packet packet;
  uint32_t ssrc = 0;
  const uint8_t *text = NULL;
  size_t bytes = 0;
  tm_rtcp_begin(&iterator, sdes, sizeof sdes);
  CHECK_INT(tm_rtcp_next(&iterator, &packet), TM_OK);
  CHECK_INT(tm_rtcp_read_cname(&packet, &ssrc, &text, &bytes), TM_OK);
  CHECK_INT(ssrc, 2);
  CHECK_BYTES(text, "cnm", 3);
}

static void lost_is_clamped(void) {
  tm_rtcp_report report = {.cumulative_lost = 0x7FFFFFFF};
  tm_rtcp_content content = {.ssrc = 1, .reports = &report, .report_count = 1, .cname = "c"};
  uint8_t out[128];
  size_t written = 0;
  CHECK_INT(tm_rtcp_build(&content, out, sizeof out, &written), TM_OK);
  static const uint8_t most[] = {0x7F, 0xFF, 0xFF};
  CHECK_BYTES(out + 13, most, 3);
  report.cumulative_lost = INT32_MIN;
  CHECK_INT(tm_rtcp_build(&content, out, sizeof out, &written), TM_OK);
  static const uint8_t least[] = {0x80, 0x00, 0x00};
  CHECK_BYTES(out + 13, least, 3);
}

static void ntp_time(void) {
  // RFC 5905 figure 4: 1 January 1970 is 2208988800 s after 1900.
  CHECK(tm_ntp_from_unix_ns(0) == (uint64_t)2208988800u << 32);
  CHECK(tm_ntp_from_unix_ns(1500000000) == ((uint64_t)2208988801u << 32 | 0x80000000u));
  CHECK_INT(tm_ntp_middle(0x1122334455667788u), 0x33445566);
}

int main(void) {
  tm_test_run("a compound of SR, SDES, PLI and BYE is read", compound);
  tm_test_run("SR, SDES and BYE are built octet by octet, and never past the buffer", build_all);
  tm_test_run("CNAMEs of 1 to 255 octets are built and read", every_cname_length);
  tm_test_run("the rules of A.2 for compounds hold", rules_of_the_compound);
  tm_test_run("counts and lengths that lie are refused", counts_that_lie);
  tm_test_run("a CNAME in the second chunk is found", second_chunk);
  tm_test_run("the cumulative loss is held within 24 bits", lost_is_clamped);
  tm_test_run("NTP times are right", ntp_time);
  return tm_test_end();
}
