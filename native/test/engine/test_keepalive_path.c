// Keep-alives on the wire: RFC 6263 packets from the port that receives, beside them an empty report, to every early dialog.
#include <string.h>

#include "clock.h"
#include "support.h"
#include "tm_test.h"

static tm_engine *engine;
static support_peer peer, other;
static uint32_t stream;

static bool start(void)
{
  engine = support_engine();
  stream = engine ? support_open(engine, support_tone(440), support_null()) : 0;
  return stream != 0 && support_peer_open(&peer) && support_peer_open(&other);
}

static void stop(void)
{
  tm_engine_destroy(engine);
  support_peer_close(&peer);
  support_peer_close(&other);
}

static tm_stream_config held(void)
{
  tm_stream_config config = support_config(TM_CODEC_NAME_PCMA, peer.port);
  config.send = config.receive = false;
  config.path.keepalive = (tm_keepalive_config){.enabled = true, .phase = TM_KEEPALIVE_ESTABLISHED, .payload_type = 20,
                                                .interval_ms = 100};
  return config;
}

static bool configure(const tm_stream_config *config)
{
  return tm_stream_configure(engine, stream, config, NULL) == TM_ENGINE_OK;
}

static bool is_empty_report(const support_peer *from, uint8_t type)
{
  tm_rtcp_iterator iterator;
  tm_rtcp_packet packet;
  if (tm_rtcp_check_compound(from->data, from->octets, false) != TM_OK) return false;
  tm_rtcp_begin(&iterator, from->data, from->octets);
  return tm_rtcp_next(&iterator, &packet) == TM_OK && packet.type == type && packet.count == 0;
}

static void on_hold(void)
{
  tm_rtp_packet packet = {0}, last = {0};
  tm_stream_stats stats;
  CHECK(start());
  tm_stream_config config = held();
  CHECK(configure(&config));
  for (int i = 0; i < 5; i++) {
    CHECK(support_peer_rtp(&peer, &packet, 500));
    CHECK_INT(peer.octets, 12);
    CHECK_INT(peer.data[0], 0x80);
    CHECK_INT(packet.payload_type, 20);
    CHECK(!packet.marker);
    CHECK_INT(packet.payload_bytes, 0);
    if (i > 0) {
      CHECK_INT((uint16_t)(packet.sequence - last.sequence), 1);
      CHECK_INT(packet.ssrc, last.ssrc);
      // 100 ms of an 8 kHz clock.
      CHECK_RANGE(packet.timestamp - last.timestamp, 780, 1200);
    }
    last = packet;
  }
  CHECK(support_peer_rtcp(&peer, 0) && is_empty_report(&peer, TM_RTCP_RR));
  CHECK_INT(tm_stream_stats_get(engine, stream, &stats), TM_ENGINE_OK);
  CHECK_INT(stats.ssrc, last.ssrc);
  CHECK_INT(stats.keepalives_sent, stats.packets_sent);
  // Taken up again: the media goes on where the keep-alives stopped, and needs none.
  config.send = config.receive = true;
  config.path.keepalive.interval_ms = 1000;
  CHECK(configure(&config));
  do {
    CHECK(support_peer_rtp(&peer, &packet, 500));
    CHECK_INT((uint16_t)(packet.sequence - last.sequence), 1);
    last = packet;
  } while (packet.payload_type == 20);
  for (int i = 0; i < 20; i++) {
    CHECK(support_peer_rtp(&peer, &packet, 500));
    CHECK_INT(packet.payload_type, 8);
    CHECK_INT(packet.timestamp - last.timestamp, 160);
    last = packet;
  }
  stop();
}

static void early_dialogs(void)
{
  tm_rtp_packet packet = {0};
  CHECK(start());
  tm_stream_config config = held();
  tm_place place = {.address = "127.0.0.1", .port = other.port};
  config.path.keepalive.phase = TM_KEEPALIVE_EARLY;
  config.path.keepalive.interval_ms = 60000;
  config.path.also = &place;
  config.path.also_count = 1;
  CHECK(configure(&config));
  CHECK(support_peer_rtp(&peer, &packet, 500) && packet.payload_type == 20);
  CHECK(support_peer_rtp(&other, &packet, 500) && packet.payload_type == 20);
  CHECK(support_peer_rtcp(&other, 500) && is_empty_report(&other, TM_RTCP_RR));
  // The same agreement again, and one dialog less: nobody hears a second opening.
  CHECK(configure(&config));
  config.path.also_count = 0;
  CHECK(configure(&config));
  CHECK(!support_peer_rtp(&other, &packet, 100));
  CHECK(!support_peer_rtp(&peer, &packet, 0));
  // The answer came: opened once more.
  config.path.keepalive.phase = TM_KEEPALIVE_ESTABLISHED;
  CHECK(configure(&config));
  CHECK(support_peer_rtp(&peer, &packet, 500) && packet.payload_type == 20);
  stop();
}

static bool sends(const support_peer *from, uint8_t payload_type, size_t payload_octets)
{
  static uint16_t sequence;
  uint8_t packet[12 + 160] = {0x80, payload_type, (uint8_t)(sequence >> 8), (uint8_t)sequence, [8] = 1, 2, 3, 4};
  sequence++;
  return support_peer_send(from->rtp, tm_stream_port(engine, stream), packet, 12 + payload_octets);
}

// 24.628 4.7.2.1: who really sends is heard, whatever its codec; keep-alives of another dialog are no media.
static void early_media_elsewhere(void)
{
  tm_event event;
  tm_stream_stats stats;
  CHECK(start());
  tm_stream_config config = held();
  tm_place place = {.address = "127.0.0.1", .port = other.port};
  config.receive = true;
  config.path.keepalive.phase = TM_KEEPALIVE_EARLY;
  config.path.also = &place;
  config.path.also_count = 1;
  CHECK(configure(&config));
  CHECK(sends(&other, 20, 0));
  CHECK(sends(&other, 20, 4));
  CHECK(!support_event(engine, TM_EVENT_ELSEWHERE, &event, 100));
  CHECK(sends(&other, 0, 160));
  CHECK(support_event(engine, TM_EVENT_ELSEWHERE, &event, 500));
  CHECK_INT(event.port, other.port);
  CHECK(!event.present);
  CHECK(strcmp(event.address, "127.0.0.1") == 0);
  CHECK(sends(&other, 0, 160));
  CHECK(!support_event(engine, TM_EVENT_ELSEWHERE, &event, 100));
  // Followed: its media is the first of a new remote, and the old one is the place elsewhere.
  config.remote_port = other.port;
  config.payload_type = config.receive_payload_type = 0;
  config.codec = TM_CODEC_NAME_PCMU;
  place.port = peer.port;
  CHECK(configure(&config));
  support_sleep(50);
  CHECK(sends(&other, 0, 160));
  CHECK(support_event(engine, TM_EVENT_FIRST_PACKET, &event, 500));
  // While one is heard the other is told of, and not let in.
  support_sleep(1200);
  CHECK(sends(&other, 0, 160));
  support_sleep(5);
  CHECK(sends(&peer, 8, 160));
  CHECK(support_event(engine, TM_EVENT_ELSEWHERE, &event, 500));
  CHECK(event.present);
  CHECK_INT(tm_stream_stats_get(engine, stream, &stats), TM_ENGINE_OK);
  CHECK_INT(stats.packets_received, 2);
  support_sleep(1200);
  CHECK(sends(&peer, 8, 160));
  CHECK(support_event(engine, TM_EVENT_ELSEWHERE, &event, 500));
  CHECK_INT(event.port, peer.port);
  // Who wants to hear nothing is told nothing.
  config.receive = false;
  CHECK(configure(&config));
  support_sleep(1200);
  CHECK(sends(&peer, 8, 160));
  CHECK(!support_event(engine, TM_EVENT_ELSEWHERE, &event, 100));
  stop();
}

static void off(void)
{
  tm_rtp_packet packet;
  CHECK(start());
  tm_stream_config config = held();
  config.path.keepalive.enabled = false;
  CHECK(configure(&config));
  CHECK(!support_peer_rtp(&peer, &packet, 300));
  // RTCP switched off (b=RS:0, b=RR:0): a path of RTP alone is opened.
  config = held();
  config.rtcp_receivers_bps = 0;
  CHECK(configure(&config));
  CHECK(support_peer_rtp(&peer, &packet, 500));
  CHECK(!support_peer_rtcp(&peer, 200));
  stop();
}

static void refused(void)
{
  CHECK(start());
  tm_stream_config config = held();
  tm_place places[TM_ENGINE_MAX_PLACES + 1];
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) places[i] = (tm_place){.address = "127.0.0.1", .port = 9};
  config.path.also = places;
  config.path.also_count = TM_ENGINE_MAX_PLACES + 1;
  CHECK_INT(tm_stream_configure(engine, stream, &config, NULL), TM_ENGINE_ARGUMENT);
  config.path.also_count = TM_ENGINE_MAX_PLACES;
  places[3].address = "somewhere";
  CHECK_INT(tm_stream_configure(engine, stream, &config, NULL), TM_ENGINE_ADDRESS);
  config.path.also_count = 0;
  config.path.keepalive.spacing_ms = 1;
  CHECK_INT(tm_stream_configure(engine, stream, &config, NULL), TM_ENGINE_ARGUMENT);
  config.path.keepalive.spacing_ms = 0;
  config.path.keepalive.payload_type = 128;
  CHECK_INT(tm_stream_configure(engine, stream, &config, NULL), TM_ENGINE_ARGUMENT);
  stop();
}

int main(void)
{
  tm_test_run("on hold, and taken up again", on_hold);
  tm_test_run("every early dialog is opened once", early_dialogs);
  tm_test_run("media of another early dialog is told of", early_media_elsewhere);
  tm_test_run("switched off; RTCP switched off", off);
  tm_test_run("what is refused", refused);
  return tm_test_end();
}
