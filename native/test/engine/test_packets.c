// What a stranger sees on the wire: RTP header fields, DSCP, telephone events, RTCP, and what it may send.
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "support.h"
#include "tm_amr_payload.h"
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

static uint32_t sender_ssrc = 9;

static bool send_packet(int fd, uint16_t port, uint8_t type, uint16_t sequence, const uint8_t *payload, size_t octets)
{
  uint8_t out[SUPPORT_DATAGRAM];
  size_t size = 0;
  tm_rtp_packet packet = {.payload_type = type, .sequence = sequence, .timestamp = sequence * 320u, .ssrc = sender_ssrc,
                          .payload = payload, .payload_bytes = octets};
  return tm_rtp_build(&packet, out, sizeof out, &size) == TM_OK && support_peer_send(fd, port, out, size);
}

// Waits until so many packets were taken; the limit is for a broken engine only.
static bool received(uint32_t id, uint64_t count)
{
  tm_stream_stats stats = {0};
  for (int i = 0; i < 2000 && stats.packets_received < count; i++) {
    support_sleep(2);
    tm_stream_stats_get(engine, id, &stats);
  }
  return stats.packets_received == count;
}

// RFC 3264 6.1: the peer numbers what it wants to hear, we number what we want to hear.
static void types_by_direction(void)
{
  static const uint8_t silence[3] = {0xf7, 0xc0, 0}, key[4] = {7, 0x8a, 3, 0x20};
  tm_stream_config config = support_config(TM_CODEC_NAME_AMR_WB, 0);
  tm_rtp_packet packet;
  tm_stream_stats stats;
  tm_event event;
  bool digit_heard = false;
  engine = support_engine();
  CHECK(engine && support_peer_open(&peer));
  uint32_t id = support_open(engine, support_tone(440), support_null());
  uint16_t port = tm_stream_port(engine, id);
  config.remote_port = peer.port;
  config.receive_payload_type = 97;
  config.dtmf_payload_type = 101;
  config.dtmf_receive_payload_type = 102;
  config.dtmf_clock_rate = 16000;
  CHECK_INT(tm_stream_configure(engine, id, &config, NULL), TM_ENGINE_OK);
  CHECK(support_peer_rtp(&peer, &packet, 1000));
  CHECK_INT(packet.payload_type, 96);
  CHECK(send_packet(peer.rtp, port, 96, 1, silence, sizeof silence));
  CHECK(send_packet(peer.rtp, port, 101, 2, key, sizeof key));
  for (uint16_t i = 3; i < 6; i++) CHECK(send_packet(peer.rtp, port, 97, i, silence, sizeof silence));
  CHECK(send_packet(peer.rtp, port, 102, 6, key, sizeof key));
  CHECK(received(id, 4));
  CHECK_INT(tm_stream_stats_get(engine, id, &stats), TM_ENGINE_OK);
  CHECK_INT(stats.packets_discarded, 2);
  CHECK_INT(stats.dtmf_received, 1);
  while (tm_engine_next_event(engine, &event)) digit_heard = digit_heard || (event.kind == TM_EVENT_DTMF && event.digit == '7');
  CHECK(digit_heard);
  CHECK_INT(tm_stream_send_dtmf(engine, id, "1", 0, 0, NULL), TM_ENGINE_OK);
  for (int i = 0; i < 50 && packet.payload_type != 101; i++) CHECK(support_peer_rtp(&peer, &packet, 1000));
  CHECK_INT(packet.payload_type, 101);
  stop();
}

// mode-set=0,2,4,7; mode-change-period=2; mode-change-neighbor=1 (26.114 A.2.2), and the peer's request (RFC 4867 4.3.1).
static void modes(void)
{
  static const int neighbours[] = {0, 2, 4, 7};
  enum { MODES = 4, PACKETS = 80, HIGHEST_AFTER = 5, ASKED_AFTER = 20 };
  uint8_t request[8], highest_request[8], cmr = 0;
  size_t octets = 0, highest_octets = 0, count = 0;
  tm_frame frame, none = {.kind = TM_FRAME_NO_DATA, .type = TM_AMR_FT_NO_DATA, .ticks = 320};
  tm_stream_config config = support_config(TM_CODEC_NAME_AMR_WB, 0);
  int place = -1, highest = 0, parity = -1, found;
  engine = support_engine();
  CHECK(engine && support_peer_open(&peer));
  uint32_t id = support_open(engine, support_tone(440), support_null());
  config.remote_port = peer.port;
  config.mode_set = 1 << 0 | 1 << 2 | 1 << 4 | 1 << 7;
  CHECK_INT(tm_stream_configure(engine, id, &config, NULL), TM_ENGINE_OK);
  CHECK_INT(tm_amr_pack(&TM_AMR_WB, false, 0, &none, 1, request, sizeof request, &octets), TM_OK);
  CHECK_INT(tm_amr_pack(&TM_AMR_WB, false, 7, &none, 1, highest_request, sizeof highest_request, &highest_octets), TM_OK);
  for (int i = 0; i < PACKETS && (i < ASKED_AFTER || place > 0); i++) {
    tm_rtp_packet packet;
    CHECK(support_peer_rtp(&peer, &packet, 1000));
    if (i == HIGHEST_AFTER) CHECK(send_packet(peer.rtp, tm_stream_port(engine, id), 96, 1, highest_request, highest_octets));
    if (i == ASKED_AFTER) CHECK(send_packet(peer.rtp, tm_stream_port(engine, id), 96, 2, request, octets));
    CHECK_INT(tm_amr_unpack(&TM_AMR_WB, false, packet.payload, packet.payload_bytes, &cmr, &frame, 1, &count), TM_OK);
    for (found = 0; found < MODES && neighbours[found] != frame.type; found++) continue;
    CHECK(found < MODES);
    if (place >= 0 && found != place) {
      CHECK_INT(abs(found - place), 1);
      if (parity < 0) parity = packet.sequence % 2;
      CHECK_INT(packet.sequence % 2, parity);
    }
    place = found;
    if (found > highest) highest = found;
  }
  CHECK_INT(highest, MODES - 1);
  CHECK_INT(place, 0);
  stop();
}

// Once the peer of the SDP was heard, the kernel drops what others send: a flood costs the engine nothing.
static void flood(void)
{
  uint8_t payload[160];
  support_peer other;
  tm_stream_stats stats;
  uint32_t id = start(TM_CODEC_NAME_PCMU, -1, 0);
  uint16_t port = tm_stream_port(engine, id);
  CHECK(id != 0 && support_peer_open(&other));
  memset(payload, 0xff, sizeof payload);
  CHECK(send_packet(other.rtp, port, 0, 0, payload, sizeof payload));
  CHECK(received(id, 1));
  CHECK(send_packet(peer.rtp, port, 0, 1, payload, sizeof payload));
  CHECK(received(id, 2));
  for (uint16_t i = 2; i < 50; i++) {
    // Nobody is there for them: some of the strangers' packets bring an ICMP error back.
    for (uint16_t k = 0; k < 200; k++) (void)send_packet(other.rtp, port, 0, (uint16_t)(i * 200 + k), payload, sizeof payload);
    CHECK(send_packet(peer.rtp, port, 0, i, payload, sizeof payload));
    CHECK(received(id, i + 1u));
  }
  CHECK_INT(tm_stream_stats_get(engine, id, &stats), TM_ENGINE_OK);
  CHECK_INT(stats.packets_discarded, 0);
  CHECK_INT(stats.packets_lost, 0);
  // Another SDP: the other one is the peer now.
  tm_stream_config config = support_config(TM_CODEC_NAME_PCMU, other.port);
  CHECK_INT(tm_stream_configure(engine, id, &config, NULL), TM_ENGINE_OK);
  tm_rtp_packet mine;
  CHECK(support_peer_rtp(&other, &mine, 1000));
  CHECK(send_packet(other.rtp, port, 0, 50, payload, sizeof payload));
  CHECK(received(id, 51));
  support_peer_close(&other);
  stop();
}

// A report cut off anywhere says nothing; the whole one after them does, though more came in one beat than are looked at.
static void cut_reports(void)
{
  uint8_t out[SUPPORT_DATAGRAM];
  size_t octets = 0;
  tm_rtp_packet rtp;
  tm_stream_stats stats = {0};
  uint32_t id = start(TM_CODEC_NAME_PCMU, -1, 0);
  uint16_t port = (uint16_t)(tm_stream_port(engine, id) + 1);
  CHECK(id != 0 && support_peer_rtp(&peer, &rtp, 1000));
  tm_rtcp_report report = {.ssrc = rtp.ssrc, .fraction_lost = 64};
  tm_rtcp_content content = {.ssrc = 7, .reports = &report, .report_count = 1, .cname = "peer"};
  CHECK_INT(tm_rtcp_build(&content, out, sizeof out, &octets), TM_OK);
  for (size_t cut = 0; cut <= octets; cut++) CHECK(support_peer_send(peer.rtcp, port, out, cut));
  for (int i = 0; i < 2000 && stats.rtcp_received + stats.packets_discarded <= octets; i++) {
    support_sleep(2);
    tm_stream_stats_get(engine, id, &stats);
  }
  // Cut where the next packet of the compound begins, it is a whole one.
  CHECK_INT(stats.rtcp_received, 2);
  CHECK_INT(stats.packets_discarded, octets - 1);
  CHECK_RANGE(stats.far_loss, 0.25, 0.25);
  stop();
}

// Before the peer was heard nobody knows that the flood is none of it: it is taken in portions, and ends with the peer's first packet.
static void flood_first(void)
{
  uint8_t payload[160];
  support_peer other;
  tm_stream_stats stats = {0};
  tm_rtp_packet mine;
  uint32_t id = start(TM_CODEC_NAME_PCMU, -1, 0);
  uint16_t port = tm_stream_port(engine, id), sequence = 0;
  CHECK(id != 0 && support_peer_open(&other));
  CHECK(support_peer_rtp(&peer, &mine, 1000));
  memset(payload, 0xff, sizeof payload);
  for (uint16_t i = 0; i < 5000; i++) CHECK(send_packet(other.rtp, port, 0, i, payload, sizeof payload));
  tm_stream_stats_get(engine, id, &stats);
  CHECK(stats.packets_received < 5000);
  // Among such a crowd packets of the peer get lost too, but not all.
  while (stats.remote_ssrc != 10) {
    CHECK(sequence < 500);
    sender_ssrc = 10;
    CHECK(send_packet(peer.rtp, port, 0, sequence++, payload, sizeof payload));
    sender_ssrc = 9;
    for (uint16_t k = 0; k < 10; k++) (void)send_packet(other.rtp, port, 0, k, payload, sizeof payload);
    support_sleep(5);
    tm_stream_stats_get(engine, id, &stats);
  }
  uint64_t before = stats.packets_received;
  sender_ssrc = 10;
  for (uint16_t i = 0; i < 5; i++) CHECK(send_packet(peer.rtp, port, 0, sequence++, payload, sizeof payload));
  sender_ssrc = 9;
  for (int i = 0; i < 1000 && stats.packets_received < before + 5; i++) {
    support_sleep(2);
    tm_stream_stats_get(engine, id, &stats);
  }
  CHECK(stats.packets_received >= before + 5);
  CHECK_INT(stats.remote_ssrc, 10);
  support_peer_close(&other);
  stop();
}

int main(void)
{
  tm_test_run("header fields, marker on the first packet, DSCP EF", header_fields);
  tm_test_run("telephone event at the sound's clock", events_same_clock);
  tm_test_run("telephone event at 8 kHz beside wide-band sound", events_other_clock);
  tm_test_run("sender report, round trip, far loss, BYE", rtcp_and_bye);
  tm_test_run("payload types by direction", types_by_direction);
  tm_test_run("AMR-WB modes: set, period, neighbour, request", modes);
  tm_test_run("a flood from elsewhere is nothing to the peer", flood);
  tm_test_run("a flood before the peer was heard", flood_first);
  tm_test_run("reports cut off", cut_reports);
  tm_test_run("bad input, and sound from another address", bad_input);
  return tm_test_end();
}
