// RFC 3611 VoIP metrics: octets, bursts and gaps; G.107 and G.107.1 ratings.
#include "tm_quality.h"
#include "tm_test.h"
#include "tm_xr.h"

// clang-format off
static const uint8_t REPORT[] = {
  0x80, 207, 0x00, 0x0A,       // V=2, XR, 11 words
  0x11, 0x22, 0x33, 0x44,      // sender
  0x07, 0x00, 0x00, 0x08,      // VoIP metrics, 8 words
  0xAA, 0xBB, 0xCC, 0xDD,      // source
  0x0D, 0x05, 0x80, 0x02,      // loss 5 %, discard 2 %, burst density 1/2, gap density 1/128
  0x00, 0xC8, 0x27, 0x10,      // bursts of 200 ms, gaps of 10 s
  0x00, 0x50, 0x00, 0x6E,      // round trip 80 ms, end system 110 ms
  0xEC, 0xB0, 0x7F, 0x10,      // signal -20 dBm0, noise -80 dBm0, RERL unknown, Gmin 16
  0x52, 0x7F, 0x29, 0x28,      // R 82, external R unknown, MOS-LQ 4.1, MOS-CQ 4.0
  0xFF, 0x00, 0x00, 0x3C,      // standard concealment, adaptive, rate 15; nominal 60 ms
  0x00, 0x78, 0x01, 0x90,      // maximum 120 ms, absolute 400 ms
};
// clang-format on
static const tm_xr_voip FIELDS = {
  .ssrc = 0xAABBCCDD, .loss_rate = 13, .discard_rate = 5, .burst_density = 128, .gap_density = 2, .burst_ms = 200, .gap_ms = 10000,
  .round_trip_ms = 80, .end_system_ms = 110, .signal_dbm0 = -20, .noise_dbm0 = -80, .rerl_db = 127, .gmin = 16, .r_factor = 82,
  .external_r_factor = 127, .mos_listening = 41, .mos_conversation = 40, .concealment = TM_XR_PLC_STANDARD,
  .jitter_buffer = TM_XR_JB_ADAPTIVE, .jitter_buffer_rate = 15, .nominal_ms = 60, .maximum_ms = 120, .absolute_ms = 400};

static tm_status read_bytes(const uint8_t *data, size_t bytes, uint32_t source, tm_xr_voip *voip) {
  tm_rtcp_iterator iterator;
  tm_rtcp_packet packet;
  tm_rtcp_begin(&iterator, data, bytes);
  tm_status status = tm_rtcp_next(&iterator, &packet);
  return status == TM_OK ? tm_xr_read_voip(&packet, source, voip) : status;
}

static void octet_by_octet(void) {
  uint8_t out[64];
  size_t written = 0;
  CHECK_INT(sizeof REPORT, TM_XR_VOIP_BYTES);
  CHECK_INT(tm_xr_write_voip(0x11223344, &FIELDS, out, sizeof out, &written), TM_OK);
  CHECK_INT(written, sizeof REPORT);
  CHECK_BYTES(out, REPORT, sizeof REPORT);
  for (size_t capacity = 0; capacity < sizeof REPORT; capacity++) {
    CHECK_INT(tm_xr_write_voip(1, &FIELDS, out, capacity, &written), TM_ERR_SPACE);
  }
  tm_xr_voip read;
  uint8_t again[64];
  CHECK_INT(read_bytes(REPORT, sizeof REPORT, 0xAABBCCDD, &read), TM_OK);
  CHECK_INT(read.signal_dbm0, -20);
  CHECK_INT(read.jitter_buffer, TM_XR_JB_ADAPTIVE);
  CHECK_INT(tm_xr_write_voip(0x11223344, &read, again, sizeof again, &written), TM_OK);
  CHECK_BYTES(again, REPORT, sizeof REPORT);
  CHECK_INT(read_bytes(REPORT, sizeof REPORT, 1, &read), TM_ERR_NOT_FOUND);
}

static void blocks_of_others(void) {
  // A receiver reference time block (type 4, 2 words) and an unknown one come first.
  uint8_t data[12 + 8 + sizeof REPORT];
  static const uint8_t before[] = {0x04, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8, 0xF0, 0xFF, 0, 1, 9, 9, 9, 9};
  memcpy(data, REPORT, 8);
  memcpy(data + 8, before, sizeof before);
  memcpy(data + 8 + sizeof before, REPORT + 8, sizeof REPORT - 8);
  data[3] = 0x0A + 5;
  tm_xr_voip read;
  CHECK_INT(read_bytes(data, sizeof data, 0xAABBCCDD, &read), TM_OK);
  CHECK_INT(read.r_factor, 82);
}

static void what_lies_is_refused(void) {
  uint8_t data[sizeof REPORT];
  tm_xr_voip read;
  memcpy(data, REPORT, sizeof data);
  data[11] = 9; // a block longer than the packet
  CHECK_INT(read_bytes(data, sizeof data, 0xAABBCCDD, &read), TM_ERR_TRUNCATED);
  data[11] = 7; // VoIP metrics of another length
  CHECK_INT(read_bytes(data, sizeof data, 0xAABBCCDD, &read), TM_ERR_MALFORMED);
  static const uint8_t no_sender[] = {0x80, 207, 0, 0};
  CHECK_INT(read_bytes(no_sender, sizeof no_sender, 1, &read), TM_ERR_TRUNCATED);
  static const uint8_t empty[] = {0x80, 207, 0, 1, 0, 0, 0, 1};
  CHECK_INT(read_bytes(empty, sizeof empty, 1, &read), TM_ERR_NOT_FOUND);
  static const uint8_t rr[] = {0x80, 201, 0, 1, 0, 0, 0, 1};
  CHECK_INT(read_bytes(rr, sizeof rr, 1, &read), TM_ERR_MALFORMED);
}

/// '.' came, 'x' did not; a digit n stands for 10 n that came.
static tm_burst_totals totals_of(const char *pattern) {
  tm_bursts bursts;
  tm_burst_totals totals;
  tm_bursts_init(&bursts);
  for (; *pattern != '\0'; pattern++) {
    int good = *pattern == '.' ? 1 : *pattern == 'x' ? 0 : (*pattern - '0') * 10;
    if (*pattern == 'x') tm_bursts_add(&bursts, true);
    for (int i = 0; i < good; i++) tm_bursts_add(&bursts, false);
  }
  tm_bursts_read(&bursts, &totals);
  return totals;
}

static void bursts_and_gaps(void) {
  static const struct {
    const char *pattern;
    uint64_t packets, impaired, bursts, burst_packets, burst_impaired, gaps, runs;
  } rows[] = {
    {"", 0, 0, 0, 0, 0, 1, 0},
    {"9", 90, 0, 0, 0, 0, 1, 0},
    {"2x2", 41, 1, 0, 0, 0, 1, 1},                      // one alone: in the gap
    {"2xx2", 42, 2, 1, 2, 2, 2, 1},
    {"2x...............x2", 57, 2, 1, 17, 2, 2, 2},     // 15 between: still one burst
    {"2x................x2", 58, 2, 0, 0, 0, 1, 2},     // 16: both in the gap
    {"2x.x.x3", 55, 3, 1, 5, 3, 2, 3},
    {"xx", 2, 2, 1, 2, 2, 1, 1},                        // the gap before it is assumed
    {"2xx2xx", 44, 4, 2, 4, 4, 2, 2},
    {"2xx2x2xx2", 85, 5, 2, 4, 4, 3, 3},
    {"2xx2x", 43, 3, 1, 2, 2, 2, 2},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    tm_burst_totals totals = totals_of(rows[i].pattern);
    printf("# %s\n", rows[i].pattern);
    CHECK_INT(totals.packets, rows[i].packets);
    CHECK_INT(totals.impaired, rows[i].impaired);
    CHECK_INT(totals.bursts, rows[i].bursts);
    CHECK_INT(totals.burst_packets, rows[i].burst_packets);
    CHECK_INT(totals.burst_impaired, rows[i].burst_impaired);
    CHECK_INT(totals.gaps, rows[i].gaps);
    CHECK_INT(totals.runs, rows[i].runs);
  }
}

static void metrics_of_bursts(void) {
  tm_xr_voip voip = {.ssrc = 1};
  tm_burst_totals totals = totals_of("2x.xx2x2");
  tm_xr_take_bursts(&voip, &totals, 20);
  CHECK_INT(voip.gmin, 16);
  CHECK_INT(voip.burst_density, 192); // 3 of 4
  CHECK_INT(voip.burst_ms, 80);
  CHECK_INT(voip.gap_density, 256 / 61);
  CHECK_INT(voip.gap_ms, 61 * 20 / 2);
  CHECK_INT(tm_xr_fraction(1, 1), 255);
  CHECK_INT(tm_xr_fraction(0, 0), 0);
  totals = totals_of("9999");
  tm_xr_take_bursts(&voip, &totals, 10000);
  CHECK_INT(voip.gap_ms, UINT16_MAX);
  CHECK_INT(voip.burst_density + voip.burst_ms + voip.gap_density, 0);
}

static void burst_ratio(void) {
  // Random loss has the ratio 1, whatever the share; runs of 4 about four times as much.
  tm_random random = {7};
  tm_bursts bursts;
  tm_burst_totals totals;
  tm_bursts_init(&bursts);
  for (int i = 0; i < 100000; i++) tm_bursts_add(&bursts, tm_random_unit(&random) < 0.2);
  tm_bursts_read(&bursts, &totals);
  CHECK_RANGE(tm_bursts_ratio(&totals), 1, 1.03);
  CHECK_RANGE(tm_bursts_loss(&totals), 0.19, 0.21);
  tm_bursts_init(&bursts);
  for (int i = 0; i < 100000; i++) tm_bursts_add(&bursts, i % 100 < 4);
  tm_bursts_read(&bursts, &totals);
  CHECK_RANGE(tm_bursts_ratio(&totals), 3.8, 4);
}

static void ratings(void) {
  // G.107 annex B table B.1: R against MOS; clause 7.7: 93.2 with all defaults.
  static const struct {
    double r, mos;
  } table[] = {{90, 4.34}, {80, 4.03}, {70, 3.60}, {60, 3.10}, {50, 2.58}, {93.2, 4.41}, {0, 1}, {100, 4.5}};
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) CHECK_RANGE(tm_quality_mos(table[i].r), table[i].mos - 0.006, table[i].mos + 0.006);
  for (double r = 0; r < 100; r += 0.1) CHECK(tm_quality_mos(r) >= 1 && tm_quality_mos(r) <= 4.5);
  tm_quality_input input = {.impairment = tm_impairment_of(TM_CODEC_PCMA, 0), .burst_ratio = 1, .delay_ms = 50};
  CHECK_RANGE(tm_quality_rate(&input).r_conversation, 93.19, 93.21);
  // Pure delay (Idd): at 150 ms nearly nothing, at 250 ms about 9 points, at 400 ms about 30.
  input.delay_ms = 150;
  CHECK_RANGE(tm_quality_rate(&input).r_conversation, 91.5, 93.2);
  input.delay_ms = 250;
  CHECK_RANGE(tm_quality_rate(&input).r_conversation, 82, 86);
  input.delay_ms = 400;
  CHECK_RANGE(tm_quality_rate(&input).r_conversation, 55, 70);
  CHECK_RANGE(tm_quality_rate(&input).r_listening, 93.19, 93.21);
  // 5 % random loss of G.711 with concealment: Ie,eff = 95 * 5 / 30.1.
  input = (tm_quality_input){.impairment = input.impairment, .loss = 0.05, .burst_ratio = 1, .delay_ms = -1};
  CHECK_RANGE(tm_quality_rate(&input).r_listening, 77.4, 77.45);
  double random_loss = tm_quality_rate(&input).mos_listening;
  input.burst_ratio = 3;
  CHECK(tm_quality_rate(&input).mos_listening < random_loss);
  input.loss = 1;
  CHECK_RANGE(tm_quality_rate(&input).mos_conversation, 1, 1.5);
}

static void wideband_ratings(void) {
  tm_quality_input wide = {.impairment = tm_impairment_of(TM_CODEC_AMR_WB, 2), .burst_ratio = 1};
  tm_quality_input narrow = {.impairment = tm_impairment_of(TM_CODEC_AMR, 7), .burst_ratio = 1};
  CHECK_RANGE(tm_quality_rate(&wide).r_listening, 115.9, 116.1);
  CHECK_RANGE(tm_quality_r_narrow(wide.impairment, 116), 89.9, 90);
  CHECK(tm_quality_rate(&wide).r_listening > tm_quality_rate(&narrow).r_listening);
  // Every mode has a row, a better one is never rated worse but 23.85, which is known to be.
  double before = 0;
  for (uint8_t mode = 0; mode < 8; mode++) {
    wide.impairment = tm_impairment_of(TM_CODEC_AMR_WB, mode);
    CHECK_INT(wide.impairment->mode, mode);
    double r = tm_quality_rate(&wide).r_listening;
    CHECK(r > before);
    before = r;
  }
  for (int codec = 0; codec < TM_CODEC_COUNT; codec++) CHECK_INT(tm_impairment_of((tm_codec_id)codec, 9)->codec, codec);
}

int main(void) {
  tm_test_run("a VoIP metrics report is written and read octet by octet", octet_by_octet);
  tm_test_run("blocks of other types are passed over", blocks_of_others);
  tm_test_run("lengths that lie are refused", what_lies_is_refused);
  tm_test_run("bursts and gaps with Gmin 16, pattern by pattern", bursts_and_gaps);
  tm_test_run("densities and lengths of bursts and gaps", metrics_of_bursts);
  tm_test_run("the burst ratio of random loss is 1", burst_ratio);
  tm_test_run("G.107: ratings and opinion scores of the tables", ratings);
  tm_test_run("G.107.1: wideband codecs on their scale", wideband_ratings);
  return tm_test_end();
}
