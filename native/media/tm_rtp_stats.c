// RFC 3550 A.1, A.3, A.8 receiver statistics; 6.3 and A.7 RTCP interval with the bandwidths of RFC 3556.
#include "tm_rtp_stats.h"

#include "tm_rtp.h"

enum {
  MIN_SEQUENTIAL = 2, // A.1
  MAX_DROPOUT = 3000,
  MAX_MISORDER = 100,
  SEQ_MOD = 1 << 16,
};

static const double US_PER_SECOND = 1e6;
static const double JITTER_GAIN = 1.0 / 16; // A.8
static const double AVERAGE_GAIN = 1.0 / 16; // 6.3.3
static const double COMPENSATION = 2.71828182845904523 - 1.5; // 6.3.1: for timer reconsideration
static const double MAX_ROUND_TRIP_S = 60;
static const double LSR_UNITS = 65536; // 1/65536 s
static const double BITS_PER_OCTET = 8;

static void restart(tm_rtp_source *source, uint16_t sequence) {
  source->base_seq = sequence;
  source->max_seq = sequence;
  source->bad_seq = SEQ_MOD + 1; // matches no sequence number
  source->cycles = 0;
  source->received = 0;
  source->received_prior = 0;
  source->expected_prior = 0;
}

void tm_rtp_source_init(tm_rtp_source *source, uint32_t ssrc, uint16_t first_seq, uint32_t clock_hz) {
  *source = (tm_rtp_source){.ssrc = ssrc, .clock_hz = clock_hz, .probation = MIN_SEQUENTIAL};
  restart(source, first_seq);
  source->max_seq = (uint16_t)(first_seq - 1);
}

/// A.1 update_seq.
static bool accept_sequence(tm_rtp_source *source, uint16_t sequence) {
  uint16_t ahead = (uint16_t)(sequence - source->max_seq);
  if (source->probation > 0) {
    if (ahead == 1) {
      source->probation--;
      source->max_seq = sequence;
      if (source->probation > 0) return false;
      restart(source, sequence);
      // The packets of the probation were good ones after all: they count.
      source->base_seq = (uint16_t)(sequence - (MIN_SEQUENTIAL - 1));
      if (source->base_seq > sequence) source->cycles = SEQ_MOD;
      source->received = MIN_SEQUENTIAL;
      source->valid = true;
      return true;
    }
    source->probation = MIN_SEQUENTIAL - 1;
    source->max_seq = sequence;
    return false;
  }
  if (ahead < MAX_DROPOUT) {
    if (sequence < source->max_seq) source->cycles += SEQ_MOD;
    source->max_seq = sequence;
  } else if (ahead <= SEQ_MOD - MAX_MISORDER) {
    if (sequence != source->bad_seq) {
      source->bad_seq = (sequence + 1u) % SEQ_MOD;
      return false;
    }
    restart(source, sequence);
    source->restarts++;
    source->has_transit = false;
  }
  source->received++;
  return true;
}

/// A.8: the mean deviation of the relative transit time.
static void update_jitter(tm_rtp_source *source, uint32_t timestamp, uint64_t arrival_us) {
  uint64_t seconds = arrival_us / (uint64_t)US_PER_SECOND;
  uint64_t rest_us = arrival_us % (uint64_t)US_PER_SECOND;
  uint64_t arrival = seconds * source->clock_hz + rest_us * source->clock_hz / (uint64_t)US_PER_SECOND;
  uint32_t transit = (uint32_t)arrival - timestamp;
  if (source->has_transit) {
    double change = (double)tm_timestamp_diff(transit, source->transit);
    source->jitter += ((change < 0 ? -change : change) - source->jitter) * JITTER_GAIN;
  }
  source->transit = transit;
  source->has_transit = true;
}

bool tm_rtp_source_receive(tm_rtp_source *source, uint16_t sequence, uint32_t timestamp, uint64_t arrival_us,
                           size_t payload_bytes) {
  bool counts = accept_sequence(source, sequence);
  if (!counts && source->valid) return false;
  source->octets += payload_bytes;
  update_jitter(source, timestamp, arrival_us);
  return counts;
}

void tm_rtp_source_sender_report(tm_rtp_source *source, uint64_t ntp, uint64_t arrival_us) {
  source->has_sr = true;
  source->sr_ntp = ntp;
  source->sr_arrival_us = arrival_us;
}

static uint32_t expected_packets(const tm_rtp_source *source) {
  return source->valid ? source->cycles + source->max_seq - source->base_seq + 1 : 0;
}

void tm_rtp_source_report(tm_rtp_source *source, uint64_t now_us, tm_rtcp_report *report) {
  uint32_t expected = expected_packets(source);
  uint32_t expected_interval = expected - source->expected_prior;
  uint32_t received_interval = source->received - source->received_prior;
  source->expected_prior = expected;
  source->received_prior = source->received;
  int64_t lost_interval = (int64_t)expected_interval - (int64_t)received_interval;
  *report = (tm_rtcp_report){.ssrc = source->ssrc};
  if (expected_interval > 0 && lost_interval > 0) {
    int64_t fraction = lost_interval * 256 / expected_interval;
    report->fraction_lost = fraction > 255 ? 255 : (uint8_t)fraction;
  }
  report->cumulative_lost = (int32_t)(expected - source->received);
  report->highest_seq = source->cycles + source->max_seq;
  report->jitter = (uint32_t)source->jitter;
  if (source->has_sr) {
    report->last_sr = tm_ntp_middle(source->sr_ntp);
    double delay = (double)(now_us - source->sr_arrival_us) / US_PER_SECOND * LSR_UNITS;
    report->delay_since_sr = delay >= (double)UINT32_MAX ? UINT32_MAX : (uint32_t)delay;
  }
}

uint32_t tm_rtp_source_lost(const tm_rtp_source *source) {
  uint32_t expected = expected_packets(source);
  return expected > source->received ? expected - source->received : 0;
}

double tm_rtp_source_jitter_ms(const tm_rtp_source *source) {
  return source->clock_hz == 0 ? 0 : source->jitter * 1000 / source->clock_hz;
}

bool tm_rtcp_round_trip(const tm_rtcp_report *report, uint64_t now_ntp, uint32_t *rtt_us) {
  if (report->last_sr == 0) return false;
  int32_t units = tm_timestamp_diff(tm_ntp_middle(now_ntp), report->last_sr + report->delay_since_sr);
  if (units < 0 || units / LSR_UNITS > MAX_ROUND_TRIP_S) return false;
  *rtt_us = (uint32_t)((double)units / LSR_UNITS * US_PER_SECOND);
  return true;
}

uint64_t tm_rtcp_interval_us(const tm_rtcp_timing *timing, double random) {
  double total_bits = (double)timing->rs_bits + (double)timing->rr_bits;
  double members = timing->members > 0 ? timing->members : 1;
  double senders = timing->senders < members ? timing->senders : members;
  double bits = total_bits;
  double sharers = members;
  // 6.3.1: few senders have a share of their own; RFC 3556 3: RS of it. RS = 0 leaves everyone in the receivers' share.
  if (timing->rs_bits > 0 && senders * total_bits <= members * timing->rs_bits) {
    bits = timing->we_sent ? timing->rs_bits : timing->rr_bits;
    sharers = timing->we_sent ? senders : members - senders;
  }
  if (bits <= 0) return 0;
  if (sharers < 1) sharers = 1;
  double minimum = timing->initial ? timing->minimum_us / 2.0 : timing->minimum_us;
  double interval = timing->average_bytes * BITS_PER_OCTET * sharers / bits * US_PER_SECOND;
  if (interval < minimum) interval = minimum;
  interval = interval * (random + 0.5) / COMPENSATION;
  return interval < 1 ? 1 : (uint64_t)interval;
}

double tm_rtcp_average(double average_bytes, size_t packet_bytes) {
  return average_bytes + ((double)packet_bytes - average_bytes) * AVERAGE_GAIN;
}
