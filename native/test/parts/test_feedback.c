// RFC 4585 6, RFC 5104 4: feedback messages, annotated octets both ways.
#include "tm_feedback.h"
#include "tm_test.h"

enum { US = 0x11223344, THEM = 0x5A5B5C5D };

static bool read_one(const uint8_t *data, size_t bytes, tm_feedback *feedback) {
  tm_rtcp_iterator iterator;
  tm_rtcp_packet packet;
  tm_rtcp_begin(&iterator, data, bytes);
  return tm_rtcp_next(&iterator, &packet) == TM_OK && tm_feedback_read(&packet, feedback) == TM_OK;
}

// clang-format off
static const uint8_t PLI[] = {
  0x81, 206, 0, 2,         // FMT 1, PSFB, 2 words follow
  0x11, 0x22, 0x33, 0x44,  // sender
  0x5A, 0x5B, 0x5C, 0x5D,  // media source
};
static const uint8_t FIR[] = {
  0x84, 206, 0, 4,         // FMT 4, PSFB
  0x11, 0x22, 0x33, 0x44,
  0, 0, 0, 0,              // media source: always 0
  0x5A, 0x5B, 0x5C, 0x5D,  // who shall send a key frame
  7, 0, 0, 0,              // command number, reserved
};
static const uint8_t NACK[] = {
  0x81, 205, 0, 4,         // FMT 1, RTPFB
  0x11, 0x22, 0x33, 0x44,
  0x5A, 0x5B, 0x5C, 0x5D,
  0xFF, 0xFE, 0x80, 0x05,  // 65534 and, of the 16 after it, the 1st, 3rd and 16th
  0x00, 0x20, 0x00, 0x00,  // 32
};
static const uint8_t TMMBR[] = {
  0x83, 205, 0, 4,         // FMT 3, RTPFB
  0x11, 0x22, 0x33, 0x44,
  0, 0, 0, 0,
  0x5A, 0x5B, 0x5C, 0x5D,  // whom it binds
  0x0A, 0x61, 0xA8, 0x28,  // exponent 2, mantissa 78036 = 0x130D4, overhead 40: 312,144 bit/s
};
// clang-format on

static void pli(void) {
  uint8_t out[64];
  size_t written = 0;
  tm_feedback f;
  CHECK_INT(tm_feedback_build_pli(US, THEM, out, sizeof out, &written), TM_OK);
  CHECK_INT(written, sizeof PLI);
  CHECK_BYTES(out, PLI, sizeof PLI);
  CHECK(read_one(out, written, &f));
  CHECK_INT(f.kind, TM_FEEDBACK_PLI);
  CHECK_INT(f.sender_ssrc, US);
  CHECK_INT(f.media_ssrc, THEM);
  CHECK_INT(tm_feedback_build_pli(US, THEM, out, 11, &written), TM_ERR_SPACE);
}

static void fir(void) {
  uint8_t out[64];
  size_t written = 0;
  uint8_t number = 0;
  tm_feedback f;
  CHECK_INT(tm_feedback_build_fir(US, THEM, 7, out, sizeof out, &written), TM_OK);
  CHECK_INT(written, sizeof FIR);
  CHECK_BYTES(out, FIR, sizeof FIR);
  CHECK(read_one(out, written, &f));
  CHECK_INT(f.kind, TM_FEEDBACK_FIR);
  CHECK(tm_feedback_fir_for(&f, THEM, &number));
  CHECK_INT(number, 7);
  CHECK(!tm_feedback_fir_for(&f, US, &number));
}

static void nack(void) {
  static const uint16_t LOST[] = {65534, 65535, 1, 14, 32};
  uint16_t list[8];
  uint8_t out[64];
  size_t written = 0;
  tm_feedback f;
  CHECK_INT(tm_feedback_build_nack(US, THEM, LOST, 5, out, sizeof out, &written), TM_OK);
  CHECK_INT(written, sizeof NACK);
  CHECK_BYTES(out, NACK, sizeof NACK);
  CHECK(read_one(out, written, &f));
  CHECK_INT(tm_feedback_nack_list(&f, list, 8), 5);
  CHECK_BYTES(list, LOST, sizeof LOST);
  CHECK_INT(tm_feedback_nack_list(&f, list, 3), 3);
  CHECK_INT(tm_feedback_build_nack(US, THEM, LOST, 0, out, sizeof out, &written), TM_ERR_ARGUMENT);
  CHECK_INT(tm_feedback_build_nack(US, THEM, (const uint16_t[]){5, 4}, 2, out, sizeof out, &written), TM_ERR_ARGUMENT);
}

static void nack_is_bounded(void) {
  uint16_t many[100];
  uint8_t out[512];
  size_t written = 0;
  for (uint16_t i = 0; i < 100; i++) many[i] = (uint16_t)(i * 20);
  CHECK_INT(tm_feedback_build_nack(US, THEM, many, 100, out, sizeof out, &written), TM_OK);
  CHECK_INT(written, 12 + 4 * TM_FEEDBACK_MAX_ITEMS);
}

static void tmmbr(void) {
  uint8_t out[64];
  size_t written = 0;
  tm_feedback f;
  tm_bitrate_bound bound = {.ssrc = THEM, .bits_per_second = 312147, .overhead = 40}; // rounded down to a multiple of 4
  CHECK_INT(tm_feedback_build_bounds(TM_FEEDBACK_TMMBR, US, &bound, 1, out, sizeof out, &written), TM_OK);
  CHECK_INT(written, sizeof TMMBR);
  CHECK_BYTES(out, TMMBR, sizeof TMMBR);
  CHECK(read_one(out, written, &f));
  CHECK(tm_feedback_bound_for(&f, THEM, &bound));
  CHECK_INT(bound.bits_per_second, 312144);
  CHECK_INT(bound.overhead, 40);
  CHECK(!tm_feedback_bound_for(&f, US, &bound));
  bound.overhead = 512;
  CHECK_INT(tm_feedback_build_bounds(TM_FEEDBACK_TMMBR, US, &bound, 1, out, sizeof out, &written), TM_ERR_ARGUMENT);
  CHECK_INT(tm_feedback_build_bounds(TM_FEEDBACK_TMMBR, US, &bound, 0, out, sizeof out, &written), TM_ERR_ARGUMENT);
}

static void tmmbn_and_extremes(void) {
  static const uint64_t RATES[] = {0, 1, 131071, 131072, 268435456, (uint64_t)131071 << 47};
  uint8_t out[64];
  size_t written = 0;
  tm_feedback f;
  CHECK_INT(tm_feedback_build_bounds(TM_FEEDBACK_TMMBN, US, NULL, 0, out, sizeof out, &written), TM_OK);
  CHECK(read_one(out, written, &f));
  CHECK_INT(f.kind, TM_FEEDBACK_TMMBN);
  CHECK_INT(f.items, 0);
  for (size_t i = 0; i < sizeof RATES / sizeof *RATES; i++) {
    tm_bitrate_bound bound = {.ssrc = US, .bits_per_second = RATES[i], .overhead = 511};
    CHECK_INT(tm_feedback_build_bounds(TM_FEEDBACK_TMMBN, US, &bound, 1, out, sizeof out, &written), TM_OK);
    CHECK(read_one(out, written, &f));
    CHECK_INT(tm_feedback_bound_at(&f, 0, &bound), TM_OK);
    CHECK_INT(bound.bits_per_second, RATES[i]);
    CHECK_INT(tm_feedback_bound_at(&f, 1, &bound), TM_ERR_ARGUMENT);
  }
  memset(out + 16, 0xFF, 4); // exponent 63: beyond 64 bits
  tm_bitrate_bound bound;
  CHECK(read_one(out, written, &f));
  CHECK_INT(tm_feedback_bound_at(&f, 0, &bound), TM_OK);
  CHECK(bound.bits_per_second == UINT64_MAX);
}

static void refused(void) {
  tm_feedback f;
  uint8_t bad[24];
  memcpy(bad, FIR, sizeof FIR);
  bad[3] = 3; // half an item
  CHECK(!read_one(bad, 16, &f));
  bad[3] = 2; // none
  CHECK(!read_one(bad, 12, &f));
  bad[3] = 1; // no media source
  CHECK(!read_one(bad, 8, &f));
  memcpy(bad, PLI, sizeof PLI);
  bad[3] = 3; // PLI has no FCI
  CHECK(!read_one(bad, 16, &f));
  static const uint8_t SLI[] = {0x82, 206, 0, 3, 1, 1, 1, 1, 2, 2, 2, 2, 0, 0, 0, 1};
  CHECK(read_one(SLI, sizeof SLI, &f));
  CHECK_INT(f.kind, TM_FEEDBACK_SLI);
  static const uint8_t REMB[] = {0x8F, 206, 0, 2, 1, 1, 1, 1, 2, 2, 2, 2};
  CHECK(read_one(REMB, sizeof REMB, &f));
  CHECK_INT(f.kind, TM_FEEDBACK_OTHER);
}

// RFC 5506: alone only where reduced size was agreed.
static void datagrams(void) {
  uint8_t out[128];
  size_t written = 0;
  tm_rtcp_content lead = {.ssrc = US, .cname = "a@b"};
  CHECK_INT(tm_feedback_datagram(&lead, PLI, sizeof PLI, out, sizeof out, &written), TM_OK);
  CHECK_INT(tm_rtcp_check_compound(out, written, false), TM_OK);
  CHECK_BYTES(out + written - sizeof PLI, PLI, sizeof PLI);
  CHECK_INT(tm_feedback_datagram(NULL, PLI, sizeof PLI, out, sizeof out, &written), TM_OK);
  CHECK_INT(written, sizeof PLI);
  CHECK(tm_rtcp_check_compound(out, written, false) != TM_OK);
  CHECK_INT(tm_rtcp_check_compound(out, written, true), TM_OK);
  CHECK_INT(tm_feedback_datagram(&lead, PLI, sizeof PLI, out, 30, &written), TM_ERR_SPACE);
}

int main(void) {
  tm_test_run("PLI", pli);
  tm_test_run("FIR", fir);
  tm_test_run("NACK over the wrap", nack);
  tm_test_run("NACK is bounded", nack_is_bounded);
  tm_test_run("TMMBR", tmmbr);
  tm_test_run("TMMBN, and rates at the ends of the scale", tmmbn_and_extremes);
  tm_test_run("wrong lengths are refused, other messages known as such", refused);
  tm_test_run("compound and reduced-size datagrams", datagrams);
  return tm_test_end();
}
