// The engine's two sides in made-up time: an hour of a call runs in a moment, and every packet can be counted.
#include <math.h>

#include "clock.h"
#include "codec_side.h"
#include "packet_sound.h"
#include "support.h"
#include "tm_amr_payload.h"
#include "tm_test.h"

enum { BEATS_A_MINUTE = 3000, LATE_MS = 30 };

static tm_engine *engine;
static tm_stream *stream;
static support_peer peer;

// A stream that no thread knows: the test is its codec thread and its packet thread. Its beats are the multiples of 20 ms.
static bool start(void)
{
  tm_stream_options options = {.address = "127.0.0.1", .capture = support_tone(440), .playback = support_null()};
  engine = support_engine();
  if (!engine || !support_peer_open(&peer)) return false;
  stream = tm_stream_create(engine, &options, 1, NULL);
  return stream != NULL;
}

static void stop(void)
{
  tm_stream_free(stream);
  tm_engine_destroy(engine);
  support_peer_close(&peer);
}

static tm_packet_config packet_config(bool send, tm_packing packing)
{
  tm_packet_config config = {.session = {.clock_hz = 8000, .send = send, .receive = true,
                                         .cname = "unit@test"},
                             .coding = 1, .receive_payload_type = 8,
                             .dtmf_payload_type = -1, .dtmf_receive_payload_type = -1, .packing = packing};
  (void)tm_address_parse("127.0.0.1", peer.port, &config.session.remote);
  (void)tm_address_parse("127.0.0.1", (uint16_t)(peer.port + 1), &config.session.remote_rtcp);
  return config;
}

static bool configure(tm_packing packing, int64_t now)
{
  tm_codec_config pcma = {.id = TM_CODEC_PCMA};
  tm_codec_thread_config codec = {.coding = tm_coding_create(&pcma, 1, NULL), .payload_type = 8, .packing = packing,
                                  .send = true, .receive = true};
  tm_packet_config packet = packet_config(true, packing);
  if (!codec.coding) return false;
  tm_coding_destroy(tm_codec_side_configure(stream, &codec, now));
  tm_packet_configure(stream, &packet, now);
  return true;
}

static void beat(int64_t now)
{
  tm_codec_side_beat(stream, now);
  tm_packet_beat(stream, now);
}

static uint64_t sent(void)
{
  return atomic_load(&stream->session.counters.packets_sent);
}

// Ten minutes with wake-ups up to 30 ms late: a packet for each beat, each with its own time, none lost, none added.
static void no_drift(void)
{
  tm_random random = {.state = 7};
  tm_rtp_packet packet, last = {0};
  uint64_t heard = 0;
  CHECK(start());
  CHECK(configure((tm_packing){.units = 1}, 0));
  int64_t now = 0, end = 10 * BEATS_A_MINUTE * TM_UNIT_NS;
  for (int64_t wake = TM_UNIT_NS; wake <= end; wake += TM_UNIT_NS) {
    int64_t late = wake + (int64_t)tm_random_below(&random, LATE_MS * 1000) * TM_NS_PER_US;
    if (late > now) now = late;
    beat(now);
    while (support_peer_rtp(&peer, &packet, 0)) {
      if (heard++ > 0) {
        CHECK_INT((uint16_t)(packet.sequence - last.sequence), 1);
        CHECK_INT(packet.timestamp - last.timestamp, 160);
      }
      last = packet;
    }
    CHECK_INT(sent(), now / TM_UNIT_NS);
  }
  CHECK_INT(heard, sent());
  CHECK_INT(atomic_load(&stream->counters.ticks_missed), 0);
  stop();
}

// The machine stood still for a second: time is given up, no burst follows, and the timestamps know how long it was.
static void stall(void)
{
  tm_rtp_packet packet;
  uint32_t first = 0, last = 0;
  CHECK(start());
  CHECK(configure((tm_packing){.units = 1}, 0));
  for (int k = 1; k <= 10; k++) beat(k * TM_UNIT_NS);
  CHECK_INT(sent(), 10);
  CHECK(support_peer_rtp(&peer, &packet, 0));
  first = packet.timestamp;
  for (int k = 60; k <= 70; k++) beat(k * TM_UNIT_NS);
  CHECK_RANGE(sent(), 21, 25);
  while (support_peer_rtp(&peer, &packet, 0)) last = packet.timestamp;
  CHECK_INT(last - first, 69 * 160);
  stop();
}

// Packets of 80 ms: the first starts with the first beat and holds four.
static void long_packets(void)
{
  tm_rtp_packet packet;
  uint32_t last = 0;
  CHECK(start());
  CHECK(configure((tm_packing){.units = 4, .phase = 2}, TM_UNIT_NS));
  for (int k = 2; k < 5; k++) beat(k * TM_UNIT_NS);
  CHECK_INT(sent(), 0);
  for (int k = 5; k < 45; k++) beat(k * TM_UNIT_NS);
  CHECK_INT(sent(), 10);
  for (int i = 0; i < 10; i++) {
    CHECK(support_peer_rtp(&peer, &packet, 0));
    CHECK_INT(packet.payload_bytes, 640);
    if (i > 0) CHECK_INT(packet.timestamp - last, 640);
    last = packet.timestamp;
  }
  CHECK_INT(atomic_load(&stream->counters.ticks_missed), 0);
  stop();
}

// Reports of an hour in which we only listen.
static uint64_t reports(uint32_t senders_bps, uint32_t receivers_bps)
{
  tm_packet_config config = packet_config(false, (tm_packing){.units = 1});
  uint64_t before = atomic_load(&stream->session.counters.rtcp_sent);
  config.session.rtcp_senders_bps = senders_bps;
  config.session.rtcp_receivers_bps = receivers_bps;
  static int64_t now;
  tm_packet_configure(stream, &config, now);
  for (int64_t end = now + 3600 * TM_NS_PER_S; now < end; now += 100 * TM_NS_PER_MS) tm_rtcp_beat(&stream->session, now);
  return atomic_load(&stream->session.counters.rtcp_sent) - before;
}

static void rtcp_bandwidth(void)
{
  CHECK(start());
  // RFC 3550 6.3.1: at most one in 5 s on the mean, divided by e - 3/2.
  CHECK_RANGE(reports(0, 2000), 800, 950);
  CHECK_RANGE(reports(4000, 1000000), 800, 950);
  // 60 octets with their headers at 10 bit/s: one in 48 s.
  CHECK_RANGE(reports(0, 10), 60, 130);
  CHECK_INT(reports(0, 0), 0);
  tm_rtcp_bye(&stream->session, 0);
  uint64_t all = atomic_load(&stream->session.counters.rtcp_sent);
  CHECK_RANGE(reports(600, 2000), 800, 950);
  tm_rtcp_bye(&stream->session, 0);
  CHECK(atomic_load(&stream->session.counters.rtcp_sent) > all + 800);
  // The address that wants nothing.
  tm_packet_config config = packet_config(false, (tm_packing){.units = 1});
  config.session.rtcp_receivers_bps = 2000;
  CHECK_INT(tm_address_parse("0.0.0.0", 5, &config.session.remote_rtcp), 0);
  tm_packet_configure(stream, &config, 0);
  all = atomic_load(&stream->session.counters.rtcp_sent);
  tm_rtcp_bye(&stream->session, 0);
  CHECK_INT(atomic_load(&stream->session.counters.rtcp_sent), all);
  stop();
}

// What a receiver makes of packets of `frames` frames; in the middle ten beats of telephone events, one of them lost.
static void hear(tm_codec_id id, unsigned frames, bool events)
{
  tm_codec_config config = {.id = id};
  tm_coding *coding = tm_coding_create(&config, 1, NULL);
  tm_receiver_stats stats;
  int16_t pcm[TM_MAX_FRAME_SAMPLES];
  tm_frame coded[TM_AMR_MAX_FRAMES];
  uint8_t payload[TM_CODEC_MAX_PAYLOAD];
  unsigned held = 0;
  uint16_t sequence = 100;
  uint64_t started = 0;
  CHECK(coding != NULL);
  for (unsigned k = 0; k < 600; k++) {
    unsigned step = coding->info->encode_samples;
    uint64_t now = 1000000 + k * 20000u;
    tm_rtp_packet packet = {.sequence = sequence, .timestamp = (k + 1 - frames) * step, .ssrc = 1, .payload = payload};
    for (unsigned i = 0; i < step; i++) pcm[i] = (int16_t)(8000 * sin(0.1 * (k * step + i)));
    CHECK_INT(tm_codec_encode(coding->codec, pcm, &coded[held++]), TM_OK);
    if (held == frames) {
      bool event = events && k >= 300 && k < 310;
      held = 0;
      sequence++;
      CHECK_INT(tm_codec_pack(coding->codec, coded, frames, payload, sizeof payload, &packet.payload_bytes), TM_OK);
      if (!event) CHECK_INT(tm_receiver_put(coding->receiver, &packet, now), TM_OK);
      else if (k != 305) tm_receiver_note(coding->receiver, &packet, now);
    }
    tm_receiver_get(coding->receiver, now + 10000, pcm);
    tm_receiver_read_stats(coding->receiver, &stats);
    if (started == 0) started = stats.jitter.frames_played;
  }
  CHECK(started > 0);
  CHECK(stats.jitter.frames_played > 0);
  CHECK_INT(stats.bad_payloads, 0);
  CHECK_INT(stats.jitter.late + stats.jitter.overflow, 0);
  CHECK_RANGE(stats.samples_concealed / coding->info->encode_samples, 0, events ? 3 : frames);
  if (events) CHECK_RANGE(stats.samples_comfort / coding->info->encode_samples, 6, 12);
  tm_coding_destroy(coding);
}

static void longest_amr_wb(void) { hear(TM_CODEC_AMR_WB, 12, false); }
static void longest_g711(void) { hear(TM_CODEC_PCMA, 12, false); }
static void event_gap_amr_wb(void) { hear(TM_CODEC_AMR_WB, 1, true); }
static void event_gap_g711(void) { hear(TM_CODEC_PCMU, 1, true); }

int main(void)
{
  tm_test_run("pace without drift", no_drift);
  tm_test_run("after a stall, no burst", stall);
  tm_test_run("packets of 80 ms from the first beat on", long_packets);
  tm_test_run("reports as often as b=RS and b=RR allow, none without", rtcp_bandwidth);
  tm_test_run("AMR-WB in packets of 240 ms is played without a gap", longest_amr_wb);
  tm_test_run("G.711 in packets of 240 ms is played without a gap", longest_g711);
  tm_test_run("nothing is made up while events run: AMR-WB", event_gap_amr_wb);
  tm_test_run("nothing is made up while events run: G.711", event_gap_g711);
  return tm_test_end();
}
