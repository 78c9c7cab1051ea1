// What a stranger sees on the wire: RTP header fields and pace, DSCP, telephone events, RTCP, and what it may send.
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "support.h"
#include "tm_test.h"

static tm_engine *engine;
static support_peer peer;

static uint32_t start(tm_codec_name codec, int dtmf_type, uint32_t dtmf_clock)
{
  engine = support_engine();
  if (!engine || !support_peer_open(&peer)) return 0;
  uint32_t id = support_open(engine, support_tone(440), support_null());
  tm_stream_config config = support_config(codec, peer.port);
  config.dtmf_payload_type = config.dtmf_receive_payload_type = dtmf_type;
  config.dtmf_clock_rate = dtmf_clock;
  return tm_stream_configure(engine, id, &config, NULL) == TM_ENGINE_OK ? id : 0;
}

static void stop(void)
{
  tm_engine_destroy(engine);
  support_peer_close(&peer);
}

static void header_fields(void)
{
  tm_rtp_packet packet, last;
  CHECK(start(TM_CODEC_NAME_AMR_WB, -1, 0) != 0);
  CHECK(support_peer_rtp(&peer, &last, 1000));
  CHECK(last.marker);
  CHECK_INT(last.payload_type, 96);
  CHECK_INT(peer.traffic_class, 46 << 2);
  for (int i = 0; i < 10; i++) {
    CHECK(support_peer_rtp(&peer, &packet, 200));
    CHECK(!packet.marker);
    CHECK_INT((uint16_t)(packet.sequence - last.sequence), 1);
    CHECK_INT(packet.timestamp - last.timestamp, 320);
    CHECK_INT(packet.ssrc, last.ssrc);
    last = packet;
  }
  stop();
}

// 40 ms wanted, 100 packets of 20 ms: the last one is where the first one and arithmetic say.
static void no_drift(void)
{
  tm_rtp_packet packet;
  CHECK(start(TM_CODEC_NAME_PCMU, -1, 0) != 0);
  CHECK(support_peer_rtp(&peer, &packet, 1000));
  int64_t first = peer.arrival_ns;
  for (int i = 0; i < 100; i++) CHECK(support_peer_rtp(&peer, &packet, 500));
  CHECK_RANGE((double)(peer.arrival_ns - first) / 1e6, 1950, 2050);
  stop();
}

static void events(int type, uint32_t clock, uint32_t step)
{
  tm_rtp_packet packet;
  int seen = 0, ends = 0, duration = 0, last_duration = 0;
  uint32_t timestamp = 0;
  uint32_t id = start(TM_CODEC_NAME_AMR_WB, type, clock);
  CHECK(id != 0);
  CHECK(support_peer_rtp(&peer, &packet, 1000));
  CHECK_INT(tm_stream_send_dtmf(engine, id, "5", 100, 80, NULL), TM_ENGINE_OK);
  for (int i = 0; i < 20; i++) {
    CHECK(support_peer_rtp(&peer, &packet, 200));
    if (packet.payload_type != type) {
      if (seen > 0 && ends == 3) break;
      continue;
    }
    CHECK_INT(packet.payload_bytes, 4);
    CHECK_INT(packet.payload[0], 5);
    CHECK_INT(packet.marker, seen == 0);
    duration = packet.payload[2] << 8 | packet.payload[3];
    CHECK(duration >= last_duration);
    CHECK_INT(duration % (int)step, 0);
    last_duration = duration;
    if (seen > 0) CHECK_INT(packet.timestamp, timestamp);
    timestamp = packet.timestamp;
    if (packet.payload[1] & 0x80) ends++;
    seen++;
  }
  CHECK_INT(ends, 3);
  CHECK_INT(duration, (int)(clock / 10));
  CHECK_INT(packet.payload_type, 96);
  CHECK(packet.marker);
  stop();
}

static void events_same_clock(void) { events(101, 16000, 320); }
static void events_other_clock(void) { events(102, 8000, 160); }

static void rtcp_and_bye(void)
{
  tm_rtcp_iterator iterator;
  tm_rtcp_packet packet;
  tm_rtcp_sender_info info;
  tm_rtp_packet rtp;
  uint32_t id = start(TM_CODEC_NAME_PCMU, -1, 0), ssrc = 0;
  CHECK(id != 0);
  CHECK(support_peer_rtcp(&peer, 5000));
  CHECK_INT(tm_rtcp_check_compound(peer.data, peer.octets, false), TM_OK);
  tm_rtcp_begin(&iterator, peer.data, peer.octets);
  CHECK_INT(tm_rtcp_next(&iterator, &packet), TM_OK);
  CHECK_INT(packet.type, TM_RTCP_SR);
  CHECK_INT(tm_rtcp_read_sender_info(&packet, &info), TM_OK);
  CHECK(info.packets > 10);
  CHECK_INT(info.octets, info.packets * 160);
  CHECK(support_peer_rtp(&peer, &rtp, 100));
  // An answer to that report, 20 ms later: the round trip is what passed without our delay.
  uint64_t ntp = info.ntp;
  tm_rtcp_report report = {.ssrc = rtp.ssrc, .fraction_lost = 64, .last_sr = tm_ntp_middle(ntp), .delay_since_sr = 0};
  tm_rtcp_content content = {.ssrc = 7, .reports = &report, .report_count = 1, .cname = "peer"};
  uint8_t out[SUPPORT_DATAGRAM];
  size_t octets = 0;
  CHECK_INT(tm_rtcp_build(&content, out, sizeof out, &octets), TM_OK);
  support_sleep(20);
  CHECK(support_peer_send(peer.rtcp, (uint16_t)(tm_stream_port(engine, id) + 1), out, octets));
  support_sleep(50);
  tm_stream_stats stats;
  CHECK_INT(tm_stream_stats_get(engine, id, &stats), TM_ENGINE_OK);
  CHECK_RANGE(stats.rtt_ms, 15, 500);
  CHECK_RANGE(stats.far_loss, 0.25, 0.25);
  CHECK_INT(tm_stream_close(engine, id), TM_ENGINE_OK);
  bool bye = false;
  while (!bye && support_peer_rtcp(&peer, 500)) {
    tm_rtcp_begin(&iterator, peer.data, peer.octets);
    while (tm_rtcp_next(&iterator, &packet) == TM_OK) bye = bye || packet.type == TM_RTCP_BYE;
  }
  CHECK(bye);
  (void)ssrc;
  stop();
}

// Nonsense and strangers' packets are counted and do no harm; sound from another address than the SDP's is taken.
static void bad_input(void)
{
  support_peer other;
  uint8_t junk[64];
  tm_stream_stats stats;
  tm_event event;
  uint32_t id = start(TM_CODEC_NAME_PCMU, 101, 8000);
  CHECK(id != 0);
  CHECK(support_peer_open(&other));
  uint16_t port = tm_stream_port(engine, id);
  memset(junk, 0xff, sizeof junk);
  for (size_t octets = 0; octets <= sizeof junk; octets++) {
    CHECK(support_peer_send(peer.rtp, port, junk, octets));
    CHECK(support_peer_send(peer.rtcp, (uint16_t)(port + 1), junk, octets));
  }
  uint8_t large[9000] = {0x80};
  CHECK(support_peer_send(peer.rtp, port, large, sizeof large));
  support_sleep(50);
  CHECK_INT(tm_stream_stats_get(engine, id, &stats), TM_ENGINE_OK);
  CHECK(stats.packets_discarded >= sizeof junk);
  CHECK_INT(stats.packets_received, 0);
  uint8_t payload[160], out[SUPPORT_DATAGRAM];
  size_t octets = 0;
  memset(payload, 0xff, sizeof payload);
  for (uint16_t i = 0; i < 10; i++) {
    tm_rtp_packet packet = {.payload_type = 0, .sequence = i, .timestamp = i * 160u, .ssrc = 9, .payload = payload, .payload_bytes = 160};
    CHECK_INT(tm_rtp_build(&packet, out, sizeof out, &octets), TM_OK);
    CHECK(support_peer_send(other.rtp, port, out, octets));
  }
  CHECK(support_event(engine, TM_EVENT_FIRST_PACKET, &event, 500));
  support_sleep(50);
  CHECK_INT(tm_stream_stats_get(engine, id, &stats), TM_ENGINE_OK);
  CHECK_INT(stats.packets_received, 10);
  CHECK_INT(stats.remote_ssrc, 9);
  tm_rtp_packet mine;
  CHECK(!support_peer_rtp(&other, &mine, 100));
  support_peer_close(&other);
  stop();
}

int main(void)
{
  tm_test_run("header fields, marker on the first packet, DSCP EF", header_fields);
  tm_test_run("pace without drift", no_drift);
  tm_test_run("telephone event at the sound's clock", events_same_clock);
  tm_test_run("telephone event at 8 kHz beside wide-band sound", events_other_clock);
  tm_test_run("sender report, round trip, far loss, BYE", rtcp_and_bye);
  tm_test_run("bad input, and sound from another address", bad_input);
  return tm_test_end();
}
