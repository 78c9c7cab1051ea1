// RFC 6184: loss, order, damage and new starts at the receiver. Packets are hand-made: their slices say first_mb, type and set 0.
#include "tm_h264_depay.h"
#include "tm_test.h"

enum { FRAME = 3000, WAIT_US = 40000 };

// Baseline 1.2, 320x240, log2_max_frame_num 4 (TS 26.114 A.4.2a), and its PPS.
static const uint8_t SPS[] = {0x27, 0x42, 0xE0, 0x0C, 0x95, 0xA0, 0x50, 0x7E, 0x80, 0x7F, 0x50};
static const uint8_t PPS[] = {0x28, 0xCE, 0x3A, 0x80};
static const uint8_t STAP_SETS[] = {0x78, 0, 11, 0x27, 0x42, 0xE0, 0x0C, 0x95, 0xA0, 0x50, 0x7E, 0x80, 0x7F, 0x50, 0, 4, 0x28, 0xCE, 0x3A, 0x80};
static const uint8_t IDR[] = {0x65, 0x88, 0x84, 0x21, 0x11};  // first_mb 0 (1), type 7 I (0001000), PPS 0 (1), frame_num 0
static const uint8_t P_FIRST[] = {0x41, 0x9A, 0x22, 0x11};    // first_mb 0 (1), type 5 P (00110), PPS 0 (1), frame_num
static const uint8_t P_LATER[] = {0x41, 0x26, 0x88, 0x11};    // first_mb 3 (00100), type 5 P (00110), PPS 0 (1)
static const uint8_t FU_START[] = {0x5C, 0x81, 0x9A, 0x22};
static const uint8_t FU_MIDDLE[] = {0x5C, 0x01, 0x33, 0x44};
static const uint8_t FU_END[] = {0x5C, 0x41, 0x55};

static tm_h264_depay *d;
static uint64_t now_us;
static tm_h264_frame frame;

static void begin(size_t max_frame) {
  tm_h264_depay_destroy(d);
  d = NULL;
  now_us = 1000000;
  if (tm_h264_depay_create(&(tm_h264_depay_config){.max_frame = max_frame, .wait_us = WAIT_US}, &d) != TM_OK) abort();
}

static void put_from(uint32_t ssrc, uint16_t sequence, uint32_t timestamp, bool marker, const uint8_t *payload, size_t bytes) {
  tm_rtp_packet packet = {.sequence = sequence, .timestamp = timestamp, .ssrc = ssrc, .marker = marker, .payload = payload, .payload_bytes = bytes};
  tm_h264_depay_put(d, &packet, now_us);
}
#define PUT(sequence, timestamp, marker, payload) put_from(1, sequence, timestamp, marker, payload, sizeof payload)

static tm_status get(void) { return tm_h264_depay_get(d, now_us, &frame); }

// Sets and a key frame, so that a stream is under way: sequence numbers 10 and 11.
static bool under_way(void) {
  begin(0);
  PUT(10, 0, false, STAP_SETS);
  PUT(11, 0, true, IDR);
  return get() == TM_OK && frame.key && frame.intra && frame.has_sps && frame.has_pps && frame.sets_known && !frame.damaged && get() == TM_ERR_END;
}

static void octets_of_a_frame(void) {
  begin(0);
  static const uint8_t EXPECTED[] = {0, 0, 0, 1, 0x41, 0x9A, 0x22, 0x33, 0x44, 0x55};
  PUT(1, 9, false, FU_START);
  CHECK_INT(get(), TM_ERR_END);
  PUT(2, 9, false, FU_MIDDLE);
  PUT(3, 9, true, FU_END);
  CHECK_INT(get(), TM_OK);
  CHECK_INT(frame.bytes, sizeof EXPECTED);
  CHECK_BYTES(frame.data, EXPECTED, sizeof EXPECTED);
  CHECK(!frame.damaged && !frame.key && !frame.intra && frame.has_picture && !frame.sets_known);
}

static void reordered(void) {
  CHECK(under_way());
  PUT(14, FRAME, true, FU_END);
  CHECK_INT(get(), TM_ERR_END);
  uint16_t missing[8];
  CHECK_INT(tm_h264_depay_missing(d, missing, 8), 2);
  CHECK_INT(missing[0], 12);
  CHECK_INT(missing[1], 13);
  CHECK_INT(tm_h264_depay_due_us(d), now_us + WAIT_US);
  PUT(12, FRAME, false, FU_START);
  PUT(12, FRAME, false, FU_START);
  CHECK_INT(get(), TM_ERR_END);
  PUT(13, FRAME, false, FU_MIDDLE);
  CHECK_INT(get(), TM_OK);
  CHECK(!frame.damaged && !frame.loss_before);
  PUT(12, FRAME, false, FU_START);
  tm_h264_depay_stats stats;
  tm_h264_depay_read_stats(d, &stats);
  CHECK_INT(stats.lost, 0);
  CHECK_INT(stats.late, 1);
  CHECK_INT(stats.duplicates, 1);
}

static void lost_in_the_middle(void) {
  CHECK(under_way());
  PUT(12, FRAME, false, FU_START);
  PUT(14, FRAME, true, FU_END);
  CHECK_INT(get(), TM_ERR_END);
  now_us += WAIT_US - 1;
  CHECK_INT(get(), TM_ERR_END);
  now_us += 1;
  CHECK_INT(get(), TM_OK);
  CHECK(frame.damaged);
  CHECK_INT(frame.bytes, 0); // no half NAL unit
  PUT(15, 2 * FRAME, true, P_FIRST);
  CHECK_INT(get(), TM_OK);
  CHECK(!frame.damaged && !frame.loss_before);
  tm_h264_depay_stats stats;
  tm_h264_depay_read_stats(d, &stats);
  CHECK_INT(stats.lost, 1);
  CHECK_INT(stats.damaged, 1);
}

static void lost_between(void) {
  CHECK(under_way());
  PUT(14, 2 * FRAME, true, P_FIRST); // 12 and 13 missing: this picture is whole, one before it may not be
  now_us += WAIT_US;
  CHECK_INT(get(), TM_OK);
  CHECK(frame.loss_before && !frame.damaged);
  PUT(16, 3 * FRAME, true, P_LATER); // its first slice is missing
  now_us += WAIT_US;
  CHECK_INT(get(), TM_OK);
  CHECK(frame.loss_before && frame.damaged);
}

static void marker_lost(void) {
  CHECK(under_way());
  PUT(12, FRAME, false, P_FIRST);
  PUT(14, 2 * FRAME, true, P_FIRST);
  now_us += WAIT_US;
  CHECK_INT(get(), TM_OK);
  CHECK_INT(frame.timestamp, FRAME);
  CHECK(frame.damaged);
  CHECK_INT(get(), TM_OK);
  CHECK_INT(frame.timestamp, 2 * FRAME);
  CHECK(frame.loss_before && !frame.damaged);
}

static void marker_never_set(void) {
  CHECK(under_way());
  PUT(12, FRAME, false, P_FIRST);
  CHECK_INT(get(), TM_ERR_END);
  PUT(13, 2 * FRAME, false, P_FIRST);
  CHECK_INT(get(), TM_OK);
  CHECK_INT(frame.timestamp, FRAME);
  CHECK(!frame.damaged);
}

// RFC 6263: a keep-alive takes a number, and is part of no picture.
static void keep_alive(void) {
  CHECK(under_way());
  PUT(12, FRAME, false, P_FIRST);
  put_from(1, 13, 77, false, NULL, 0);
  PUT(14, FRAME, true, P_LATER);
  CHECK_INT(get(), TM_OK);
  CHECK(!frame.damaged && !frame.loss_before);
  CHECK_INT(frame.timestamp, FRAME);
}

static void begins_in_the_middle(void) {
  begin(0);
  PUT(5, 0, false, FU_MIDDLE);
  PUT(6, 0, true, FU_END);
  CHECK_INT(get(), TM_OK);
  CHECK(frame.damaged);
  PUT(7, FRAME, true, P_FIRST);
  CHECK_INT(get(), TM_OK);
  CHECK(!frame.damaged && !frame.sets_known);
}

static void sets_from_sdp(void) {
  begin(0);
  CHECK_INT(tm_h264_depay_note_set(d, SPS, sizeof SPS), TM_OK);
  CHECK_INT(tm_h264_depay_note_set(d, PPS, sizeof PPS), TM_OK);
  PUT(5, 0, true, IDR);
  CHECK_INT(get(), TM_OK);
  CHECK(frame.key && frame.sets_known && !frame.has_sps && frame.has_frame_num);
  CHECK_INT(tm_h264_depay_inspector(d)->sps[0].width, 320);
}

static void bounded(void) {
  begin(600);
  uint8_t big[500] = {0x41, 0x9A};
  memset(big + 2, 0x11, sizeof big - 2);
  PUT(1, 0, false, big);
  PUT(2, 0, true, big);
  CHECK_INT(get(), TM_OK);
  CHECK(frame.damaged && frame.bytes <= 600);
  tm_h264_depay_stats stats;
  tm_h264_depay_read_stats(d, &stats);
  CHECK_INT(stats.overflows, 1);
}

// A hole wider than the window: the oldest is given up at once, nothing that came is lost.
static void window_full(void) {
  CHECK(under_way());
  unsigned frames = 0;
  for (uint16_t i = 0; i < 300; i++) {
    PUT((uint16_t)(13 + i), FRAME * (i + 2u), true, P_FIRST);
    while (get() == TM_OK) frames++;
  }
  CHECK_INT(frames, 300);
  tm_h264_depay_stats stats;
  tm_h264_depay_read_stats(d, &stats);
  CHECK_INT(stats.lost, 1);
}

static void jumps(void) {
  CHECK(under_way());
  PUT(40000, 9, true, P_FIRST); // a stray changes nothing
  PUT(12, FRAME, true, P_FIRST);
  CHECK_INT(get(), TM_OK);
  CHECK_INT(frame.timestamp, FRAME);
  PUT(50000, 5, true, P_FIRST);
  CHECK_INT(get(), TM_ERR_END);
  PUT(50001, 6, true, P_FIRST); // the second in a row makes it true, and the first is not lost
  CHECK_INT(get(), TM_OK);
  CHECK_INT(frame.timestamp, 5);
  CHECK(frame.loss_before);
  CHECK_INT(get(), TM_OK);
  CHECK_INT(frame.timestamp, 6);
  put_from(2, 7, 1, false, STAP_SETS, sizeof STAP_SETS); // another source
  put_from(2, 8, 1, true, IDR, sizeof IDR);
  CHECK_INT(get(), TM_OK);
  CHECK(frame.key && frame.has_sps && !frame.loss_before && !frame.damaged);
}

static void large_packets(void) {
  CHECK(under_way());
  static uint8_t big[40000] = {0x41, 0x9A};
  PUT(12, FRAME, true, big); // in order: taken, whatever its size
  CHECK_INT(get(), TM_OK);
  CHECK_INT(frame.bytes, sizeof big + 4);
  tm_rtp_packet packet = {.sequence = 14, .timestamp = 1, .ssrc = 1, .payload = big, .payload_bytes = sizeof big};
  CHECK_INT(tm_h264_depay_put(d, &packet, now_us), TM_ERR_SPACE);
}

static void malformed(void) {
  static const uint8_t STAP_CUT[] = {0x78, 0, 90, 0x41};
  static const uint8_t STAP_B[] = {0x79, 0, 1, 0, 1, 0x41};
  static const uint8_t FU_BOTH[] = {0x5C, 0xC1, 0x9A, 0x22};
  static const uint8_t FORBIDDEN[] = {0xC1, 0x9A};
  const struct {
    const uint8_t *data;
    size_t bytes;
  } bad[] = {{STAP_CUT, sizeof STAP_CUT}, {STAP_B, sizeof STAP_B}, {FU_BOTH, sizeof FU_BOTH}, {FORBIDDEN, sizeof FORBIDDEN}, {FU_START, 2}};
  CHECK(under_way());
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    tm_h264_glance glance;
    put_from(1, (uint16_t)(12 + i), FRAME * (uint32_t)(i + 1), true, bad[i].data, bad[i].bytes);
    CHECK_INT(get(), TM_OK);
    CHECK(frame.damaged);
    if (bad[i].data != FU_BOTH) CHECK(tm_h264_glance_at(bad[i].data, bad[i].bytes, &glance) != TM_OK);
  }
}

static void glances(void) {
  tm_h264_glance g;
  CHECK_INT(tm_h264_glance_at(STAP_SETS, sizeof STAP_SETS, &g), TM_OK);
  CHECK(g.sps && g.pps && !g.idr && !g.inter && !g.middle);
  CHECK_INT(tm_h264_glance_at(IDR, sizeof IDR, &g), TM_OK);
  CHECK(g.idr && g.intra && !g.inter);
  CHECK_INT(tm_h264_glance_at(P_FIRST, sizeof P_FIRST, &g), TM_OK);
  CHECK(g.inter && !g.intra && !g.idr);
  CHECK_INT(tm_h264_glance_at(FU_START, sizeof FU_START, &g), TM_OK);
  CHECK(g.inter && !g.middle);
  CHECK_INT(tm_h264_glance_at(FU_MIDDLE, sizeof FU_MIDDLE, &g), TM_OK);
  CHECK(g.middle && !g.middle_of_idr && !g.inter);
  CHECK_INT(tm_h264_glance_at((const uint8_t[]){0x7C, 0x05, 1}, 3, &g), TM_OK);
  CHECK(g.middle && g.middle_of_idr && !g.idr);
  CHECK_INT(tm_h264_glance_at(SPS, 0, &g), TM_ERR_TRUNCATED);
}

int main(void) {
  tm_test_run("fragments become one NAL unit", octets_of_a_frame);
  tm_test_run("reordered and doubled packets lose nothing", reordered);
  tm_test_run("a packet missing inside a picture damages it, after the wait", lost_in_the_middle);
  tm_test_run("packets missing between pictures are told", lost_between);
  tm_test_run("a lost marker ends the picture at the next timestamp", marker_lost);
  tm_test_run("a sender without markers is understood", marker_never_set);
  tm_test_run("keep-alives are no part of a picture", keep_alive);
  tm_test_run("a stream that begins in the middle of a picture", begins_in_the_middle);
  tm_test_run("sets from the SDP count", sets_from_sdp);
  tm_test_run("a picture beyond the bound is cut and told", bounded);
  tm_test_run("a full window gives up the oldest hole", window_full);
  tm_test_run("jumps and new sources count from the second packet", jumps);
  tm_test_run("packets beyond the usual size", large_packets);
  tm_test_run("malformed payloads damage only their picture", malformed);
  tm_test_run("what a single payload shows", glances);
  tm_h264_depay_destroy(d);
  return tm_test_end();
}
