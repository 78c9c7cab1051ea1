// RFC 3550 A.1, A.3, A.8, 6.3: receiver statistics and the RTCP interval.
#include "tm_rtp_stats.h"
#include "tm_test.h"

enum { CLOCK = 8000, STEP = 160 };
static const uint64_t TICK_US = 20000;

static void numbers_wrap(void) {
  tm_rtp_source source;
  tm_rtcp_report report;
  uint16_t sequence = 65530;
  tm_rtp_source_init(&source, 5, sequence, CLOCK);
  for (uint32_t i = 0; i < 20; i++) {
    tm_rtp_source_receive(&source, (uint16_t)(sequence + i), 0xFFFFF000u + i * STEP, i * TICK_US, 160);
  }
  tm_rtp_source_report(&source, 20 * TICK_US, &report);
  CHECK_INT(report.highest_seq, 0x10000 + ((65530 + 19) & 0xFFFF));
  CHECK_INT(report.cumulative_lost, 0);
  CHECK_INT(report.fraction_lost, 0);
  CHECK_INT(report.jitter, 0);
  CHECK_INT(source.received, 20);
}

static void wrap_in_probation(void) {
  tm_rtp_source source;
  tm_rtcp_report report;
  tm_rtp_source_init(&source, 5, 65535, CLOCK);
  for (uint32_t i = 0; i < 5; i++) {
    tm_rtp_source_receive(&source, (uint16_t)(65535 + i), i * STEP, i * TICK_US, 160);
  }
  tm_rtp_source_report(&source, 0, &report);
  CHECK_INT(report.cumulative_lost, 0);
  CHECK_INT(report.highest_seq, 0x10003);
  CHECK_INT(source.received, 5);
}

static void loss_per_interval(void) {
  tm_rtp_source source;
  tm_rtcp_report report;
  tm_rtp_source_init(&source, 1, 0, CLOCK);
  for (uint32_t i = 0; i < 100; i++) {
    if (i >= 50 && i % 4 == 3) continue; // a quarter lost in the second half
    tm_rtp_source_receive(&source, (uint16_t)i, i * STEP, i * TICK_US, 160);
    if (i == 49) tm_rtp_source_report(&source, 0, &report);
  }
  CHECK_INT(report.fraction_lost, 0);
  tm_rtp_source_report(&source, 0, &report);
  CHECK_INT(report.cumulative_lost, 12); // 51, 55 ... 95; 99 is lost too, but nothing after it tells
  CHECK_INT(report.fraction_lost, 12 * 256 / 49);
  CHECK_INT(tm_rtp_source_lost(&source), 12);
}

static void duplicates(void) {
  tm_rtp_source source;
  tm_rtcp_report report;
  tm_rtp_source_init(&source, 1, 0, CLOCK);
  for (uint32_t i = 0; i < 10; i++) {
    tm_rtp_source_receive(&source, (uint16_t)i, i * STEP, i * TICK_US, 160);
    if (i > 1) tm_rtp_source_receive(&source, (uint16_t)i, i * STEP, i * TICK_US, 160);
  }
  tm_rtp_source_report(&source, 0, &report);
  CHECK_INT(report.cumulative_lost, -8);
  CHECK_INT(report.fraction_lost, 0);
  CHECK_INT(tm_rtp_source_lost(&source), 0);
}

static void jumps(void) {
  tm_rtp_source source;
  tm_rtp_source_init(&source, 1, 100, CLOCK);
  for (uint32_t i = 0; i < 10; i++) tm_rtp_source_receive(&source, (uint16_t)(100 + i), i * STEP, i * TICK_US, 160);
  CHECK(!tm_rtp_source_receive(&source, 40000, 0, 11 * TICK_US, 160)); // one wild packet
  CHECK(tm_rtp_source_receive(&source, 110, 10 * STEP, 12 * TICK_US, 160));
  CHECK_INT(source.restarts, 0);
  CHECK(!tm_rtp_source_receive(&source, 50000, 0, 13 * TICK_US, 160)); // a sender that restarts
  CHECK(tm_rtp_source_receive(&source, 50001, STEP, 14 * TICK_US, 160));
  CHECK_INT(source.restarts, 1);
  CHECK_INT(source.max_seq, 50001);
  CHECK(tm_rtp_source_receive(&source, 49990, STEP, 14 * TICK_US, 160)); // old, within the misorder window
  CHECK_INT(source.max_seq, 50001);
}

static void probation(void) {
  tm_rtp_source source;
  tm_rtp_source_init(&source, 1, 10, CLOCK);
  CHECK(!tm_rtp_source_receive(&source, 10, 0, 0, 160));
  CHECK(!tm_rtp_source_receive(&source, 500, 0, 0, 160)); // not in sequence: starts anew
  CHECK(tm_rtp_source_receive(&source, 501, 0, 0, 160));
  CHECK(source.valid);
}

static void jitter_converges(void) {
  tm_rtp_source source;
  tm_rtp_source_init(&source, 1, 0, CLOCK);
  // Every other packet 10 ms late: |D| is always 80 ticks, and so J goes to 80.
  for (uint32_t i = 0; i < 400; i++) {
    tm_rtp_source_receive(&source, (uint16_t)i, i * STEP, i * TICK_US + (i % 2) * 10000, 160);
  }
  CHECK_RANGE(source.jitter, 79.9, 80.1);
  CHECK_RANGE(tm_rtp_source_jitter_ms(&source), 9.98, 10.02);
}

static void first_steps_of_jitter(void) {
  tm_rtp_source source;
  tm_rtp_source_init(&source, 1, 0, CLOCK);
  tm_rtp_source_receive(&source, 0, 0, 0, 160);
  tm_rtp_source_receive(&source, 1, STEP, TICK_US + 10000, 160); // D = 80
  CHECK_RANGE(source.jitter, 80.0 / 16, 80.0 / 16);
  tm_rtp_source_receive(&source, 2, 2 * STEP, 2 * TICK_US + 10000, 160); // D = 0
  CHECK_RANGE(source.jitter, 80.0 / 16 - 80.0 / 256, 80.0 / 16 - 80.0 / 256);
}

static void report_of_last_sr(void) {
  tm_rtp_source source;
  tm_rtcp_report report;
  tm_rtp_source_init(&source, 1, 0, CLOCK);
  tm_rtp_source_report(&source, 5000000, &report);
  CHECK_INT(report.last_sr, 0);
  CHECK_INT(report.delay_since_sr, 0);
  tm_rtp_source_sender_report(&source, 0x0000B44DB7052000u, 1000000);
  tm_rtp_source_report(&source, 1000000 + 5250000, &report);
  CHECK_INT(report.last_sr, 0xB44DB705);
  CHECK_INT(report.delay_since_sr, 0x00054000); // 5.250 s
}

static void round_trip_of_the_rfc(void) {
  // RFC 3550 figure 2: A = 0xb710:8000, DLSR 0x0005:4000 (5.250 s), LSR 0xb705:2000 give 6.125 s.
  tm_rtcp_report report = {.last_sr = 0xb7052000, .delay_since_sr = 0x00054000};
  uint32_t rtt_us = 0;
  CHECK(tm_rtcp_round_trip(&report, (uint64_t)0xb7108000u << 16, &rtt_us));
  CHECK_INT(rtt_us, 6125000);
  CHECK(!tm_rtcp_round_trip(&report, (uint64_t)0xb7050000u << 16, &rtt_us)); // before it was sent
  report.last_sr = 0;
  CHECK(!tm_rtcp_round_trip(&report, (uint64_t)0xb7108000u << 16, &rtt_us));
}

static double mean_interval_s(tm_rtcp_timing timing) {
  double sum = 0;
  enum { STEPS = 1000 };
  for (int i = 0; i < STEPS; i++) sum += (double)tm_rtcp_interval_us(&timing, (i + 0.5) / STEPS) / 1e6;
  return sum / STEPS;
}

static void interval(void) {
  tm_rtcp_timing timing = {.rs_bits = 600, .rr_bits = 2000, .members = 2, .senders = 2, .we_sent = true,
                           .average_bytes = 100, .minimum_us = 5000000};
  // The mean of 0.5..1.5 times the interval, over e - 3/2 = 1.21828 (6.3.1): 5 / 1.21828 = 4.104 s.
  CHECK_RANGE(mean_interval_s(timing), 4.10, 4.11);
  timing.initial = true;
  CHECK_RANGE(mean_interval_s(timing), 2.05, 2.06);
  timing.initial = false;
  timing.minimum_us = 0;
  // Two senders of two members share RS + RR: 100 * 8 * 2 / 2600 = 0.615 s.
  CHECK_RANGE(mean_interval_s(timing), 0.615 / 1.21828 - 0.01, 0.615 / 1.21828 + 0.01);
  // RS = 0: everyone lives on RR (26.114 example, 8.1 of RFC 3556): 0.8 s.
  timing.rs_bits = 0;
  CHECK_RANGE(mean_interval_s(timing), 0.8 / 1.21828 - 0.01, 0.8 / 1.21828 + 0.01);
  // One sender in many receivers: the sender has RS for itself.
  timing = (tm_rtcp_timing){.rs_bits = 1000, .rr_bits = 3000, .members = 100, .senders = 1, .we_sent = true,
                            .average_bytes = 125};
  CHECK_RANGE(mean_interval_s(timing), 1 / 1.21828 - 0.01, 1 / 1.21828 + 0.01);
  timing.we_sent = false;
  CHECK_RANGE(mean_interval_s(timing), 33 / 1.21828 - 0.1, 33 / 1.21828 + 0.1);
}

static void no_bandwidth(void) {
  tm_rtcp_timing timing = {.members = 2, .senders = 1, .we_sent = true, .average_bytes = 100, .minimum_us = 5000000};
  CHECK_INT(tm_rtcp_interval_us(&timing, 0.5), 0);
}

static void average(void) {
  CHECK_RANGE(tm_rtcp_average(100, 260), 110, 110);
}

int main(void) {
  tm_test_run("sequence and timestamp wrap without loss or jitter", numbers_wrap);
  tm_test_run("the sequence may wrap in probation", wrap_in_probation);
  tm_test_run("loss is told for each interval", loss_per_interval);
  tm_test_run("duplicates make the loss negative in the report, zero for us", duplicates);
  tm_test_run("one wild packet is ignored, two in sequence restart", jumps);
  tm_test_run("two packets in sequence end the probation", probation);
  tm_test_run("jitter converges to the mean deviation", jitter_converges);
  tm_test_run("jitter follows A.8 step by step", first_steps_of_jitter);
  tm_test_run("LSR and DLSR tell of the last SR", report_of_last_sr);
  tm_test_run("the round trip of RFC 3550 figure 2 is 6.125 s", round_trip_of_the_rfc);
  tm_test_run("the RTCP interval follows bandwidth, minimum and compensation", interval);
  tm_test_run("without bandwidth no RTCP is sent", no_bandwidth);
  tm_test_run("the average packet size has a gain of a sixteenth", average);
  return tm_test_end();
}
