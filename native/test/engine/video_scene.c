// See video_scene.h.
#include "video_scene.h"

#include <unistd.h>

#include "clock.h"
#include "tm_h264_payload.h"

// Fewer than are left of the film, even when some of it went by before.
enum { SOON = SCENE_FRAMES / 2, LOOK_MS = 5 };

bool scene_open(video_scene *s, bool shows)
{
  tm_error error = {.status = TM_ENGINE_OK};
  support_path(s->film, "scene.264");
  s->engine = support_engine();
  if (!s->engine || !support_peer_open(&s->peer) || !film_make(s->film, SCENE_FRAMES, 0, 0)) return false;
  s->stream = film_open(s->engine);
  tm_endpoint film = support_file(s->film);
  return s->stream && (!shows || tm_video_attach(s->engine, s->stream, &film, NULL, &error) == TM_ENGINE_OK);
}

void scene_close(video_scene *s)
{
  tm_engine_destroy(s->engine);
  support_peer_close(&s->peer);
  unlink(s->film);
}

bool scene_configure(video_scene *s, bool send, bool receive)
{
  tm_video_config config = film_config(s->peer.port);
  config.send = send;
  config.receive = receive;
  return tm_video_configure(s->engine, s->stream, &config, NULL) == TM_ENGINE_OK;
}

bool scene_send_rtcp(video_scene *s, const uint8_t *datagram, size_t octets)
{
  return support_peer_send(s->peer.rtcp, (uint16_t)(tm_stream_port(s->engine, s->stream) + 1), datagram, octets);
}

bool scene_tell(video_scene *s, const uint8_t *feedback, size_t octets)
{
  uint8_t datagram[SUPPORT_DATAGRAM];
  size_t written = 0;
  tm_rtcp_content lead = {.ssrc = SCENE_STRANGER, .cname = "peer@localhost"};
  return tm_feedback_datagram(&lead, feedback, octets, datagram, sizeof datagram, &written) == TM_OK && scene_send_rtcp(s, datagram, written);
}

uint8_t scene_type(const tm_rtp_packet *packet)
{
  uint8_t type = packet->payload[0] & 0x1f;
  return type == TM_NAL_FU_A ? packet->payload[1] & 0x1f : type;
}

// Reads one picture to its marker. False: none came.
static bool next_picture(video_scene *s, bool *key)
{
  tm_rtp_packet packet;
  *key = false;
  while (support_peer_rtp(&s->peer, &packet, SCENE_PATIENCE_MS)) {
    if (packet.payload_bytes == 0) continue;
    *key = *key || scene_type(&packet) == TM_NAL_IDR;
    if (packet.marker) return true;
  }
  return false;
}

unsigned scene_key_frames(video_scene *s, unsigned pictures)
{
  unsigned count = 0;
  bool key = false;
  for (unsigned i = 0; i < pictures && next_picture(s, &key); i++) count += key;
  return count;
}

bool scene_key_frame_comes(video_scene *s)
{
  bool key = false;
  for (unsigned i = 0; i < SOON && next_picture(s, &key); i++)
    if (key) return true;
  return false;
}

bool scene_until(video_scene *s, bool (*fits)(const tm_video_stats *stats, uint64_t value), uint64_t value)
{
  int64_t end = tm_now_ns() + SCENE_PATIENCE_MS * TM_NS_PER_MS;
  while (tm_now_ns() < end) {
    tm_video_stats stats = film_stats(s->engine, s->stream);
    if (fits(&stats, value)) return true;
    support_sleep(LOOK_MS);
  }
  return false;
}
