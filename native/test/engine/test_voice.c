// Streams with the newer codecs, silence that is not sent, and tones, as the wire and the ear find them.
#include "engine.h"
#include "support.h"
#include "tm_amr_payload.h"
#include "tm_test.h"

static tm_engine *engine;
static support_peer peer;

static void stop(void)
{
  tm_engine_destroy(engine);
  support_peer_close(&peer);
}

// RTP clocks differ from sample rates: G.722 counts 160 a packet, Opus 960.
static void clocks(void)
{
  static const struct {
    tm_codec_name codec;
    uint32_t ticks;
  } rows[] = {{TM_CODEC_NAME_AMR, 160}, {TM_CODEC_NAME_AMR_WB, 320}, {TM_CODEC_NAME_G722, 160}, {TM_CODEC_NAME_OPUS, 960}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    tm_rtp_packet first, second;
    engine = support_engine();
    CHECK(engine && support_peer_open(&peer));
    uint32_t id = support_open(engine, support_tone(440), support_null());
    tm_stream_config config = support_config(rows[i].codec, peer.port);
    CHECK_INT(tm_stream_configure(engine, id, &config, NULL), TM_ENGINE_OK);
    CHECK(support_peer_rtp(&peer, &first, 1000));
    CHECK(first.marker);
    CHECK(support_peer_rtp(&peer, &second, 1000));
    CHECK(!second.marker);
    CHECK_INT(second.timestamp - first.timestamp, rows[i].ticks * (uint32_t)(uint16_t)(second.sequence - first.sequence));
    stop();
  }
}

// A silent source with DTX: descriptions of silence, eight frames apart, none with the marker.
static void silence(void)
{
  enum { DESCRIPTIONS = 5 };
  uint32_t last = 0;
  unsigned seen = 0;
  engine = support_engine();
  CHECK(engine && support_peer_open(&peer));
  uint32_t id = support_open(engine, support_null(), support_null());
  tm_stream_config config = support_config(TM_CODEC_NAME_AMR_WB, peer.port);
  config.dtx = true;
  CHECK_INT(tm_stream_configure(engine, id, &config, NULL), TM_ENGINE_OK);
  while (seen < DESCRIPTIONS) {
    tm_rtp_packet packet;
    tm_frame frame;
    uint8_t cmr = 0;
    size_t count = 0;
    CHECK(support_peer_rtp(&peer, &packet, 2000));
    CHECK_INT(tm_amr_unpack(&TM_AMR_WB, false, packet.payload, packet.payload_bytes, &cmr, &frame, 1, &count), TM_OK);
    if (frame.kind != TM_FRAME_SID) {
      CHECK_INT(seen, 0);
      continue;
    }
    CHECK(!packet.marker);
    if (seen >= 2) CHECK_INT(packet.timestamp - last, 8 * 320);
    last = packet.timestamp;
    seen++;
  }
  stop();
}

static double level_out(uint32_t id)
{
  tm_stream_stats stats;
  return tm_stream_stats_get(engine, id, &stats) == TM_ENGINE_OK ? stats.level_out_dbov : 0;
}

// Ringback sounds until the first packet of the far end; busy takes its place.
static void tones(void)
{
  uint8_t payload[160];
  tm_rtp_packet packet;
  double level = -127;
  engine = support_engine();
  CHECK(engine && support_peer_open(&peer));
  uint32_t id = support_open(engine, support_null(), support_null());
  tm_stream_config config = support_config(TM_CODEC_NAME_PCMU, peer.port);
  memset(payload, 0xff, sizeof payload);
  CHECK_INT(tm_stream_tone(engine, id, TM_PROGRESS_COUNT, NULL), TM_ENGINE_ARGUMENT);
  CHECK_INT(tm_stream_tone(engine, id, TM_PROGRESS_RINGBACK, NULL), TM_ENGINE_OK);
  CHECK_INT(tm_stream_configure(engine, id, &config, NULL), TM_ENGINE_OK);
  for (int i = 0; i < 100 && level < -30; i++) {
    CHECK(support_peer_rtp(&peer, &packet, 1000));
    level = level_out(id);
  }
  CHECK_RANGE(level, -30, -17);
  for (uint16_t i = 0; i < 50 && level > -100; i++) {
    uint8_t datagram[sizeof payload + 12];
    size_t octets = 0;
    tm_rtp_packet far = {.sequence = i, .timestamp = i * 160u, .ssrc = 7, .payload = payload, .payload_bytes = sizeof payload};
    CHECK_INT(tm_rtp_build(&far, datagram, sizeof datagram, &octets), TM_OK);
    CHECK(support_peer_send(peer.rtp, tm_stream_port(engine, id), datagram, octets));
    CHECK(support_peer_rtp(&peer, &packet, 1000));
    level = level_out(id);
  }
  CHECK(level <= -100);
  CHECK_INT(tm_stream_tone(engine, id, TM_PROGRESS_BUSY, NULL), TM_ENGINE_OK);
  for (int i = 0; i < 100 && level < -30; i++) {
    CHECK(support_peer_rtp(&peer, &packet, 1000));
    level = level_out(id);
  }
  CHECK_RANGE(level, -30, -17);
  stop();
}

// A recording holds the far sound only.
static void files_without_tones(void)
{
  char path[SUPPORT_PATH];
  tm_rtp_packet packet;
  tm_event event;
  support_path(path, "tone.wav");
  engine = support_engine();
  CHECK(engine && support_peer_open(&peer));
  uint32_t id = support_open(engine, support_null(), support_file(path));
  tm_stream_config config = support_config(TM_CODEC_NAME_PCMU, peer.port);
  CHECK_INT(tm_stream_tone(engine, id, TM_PROGRESS_BUSY, NULL), TM_ENGINE_OK);
  CHECK_INT(tm_stream_configure(engine, id, &config, NULL), TM_ENGINE_OK);
  for (int i = 0; i < 40; i++) CHECK(support_peer_rtp(&peer, &packet, 1000));
  CHECK_INT(tm_stream_close(engine, id), TM_ENGINE_OK);
  CHECK(support_event(engine, TM_EVENT_CLOSED, &event, 2000));
  CHECK_RANGE(support_level(path, 425, 500, 0), -150, -80);
  (void)remove(path);
  stop();
}

int main(void)
{
  tm_test_run("timestamps count the codec's RTP clock", clocks);
  tm_test_run("silence is described every eighth frame, without marker", silence);
  tm_test_run("ringback yields to the far sound, busy does not", tones);
  tm_test_run("a recording holds no tones", files_without_tones);
  return tm_test_end();
}
