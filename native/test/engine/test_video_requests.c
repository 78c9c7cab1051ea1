// What a video stream that is shown something asks for: FIR, PLI, NACK, and how much it says (NG.110 2.9.1, RFC 4585).
#include <stdlib.h>

#include "clock.h"
#include "tm_h264_payload.h"
#include "tm_test.h"
#include "video_scene.h"

// Of looks, until the first report has come.
enum { SOME_REPORTS = 200, LOOK_MS = 100 };

/** A sender by hand: the film in packets, of which some do not leave. */
typedef struct {
  video_scene *scene;
  tm_h264_payload payload;
  uint64_t sent;  // packets that left
  uint16_t sequence;
  uint32_t timestamp;
} projector;

static bool show(projector *p, const uint8_t *unit, size_t octets, unsigned skip_first, int lose)
{
  tm_rtp_packet packet;
  uint8_t datagram[SUPPORT_DATAGRAM];
  size_t written = 0;
  if (tm_h264_payload_begin(&p->payload, unit, octets, NULL, NULL) != TM_OK) return false;
  p->timestamp += 3000;
  for (int i = 0; tm_h264_payload_next(&p->payload, &packet) == TM_OK; i++) {
    packet.payload_type = FILM_PT;
    packet.ssrc = SCENE_STRANGER;
    packet.sequence = p->sequence++;
    packet.timestamp = p->timestamp;
    if ((unsigned)i < skip_first || i == lose) continue;
    if (tm_rtp_build(&packet, datagram, sizeof datagram, &written) != TM_OK) return false;
    if (!support_peer_send(p->scene->peer.rtp, tm_stream_port(p->scene->engine, p->scene->stream), datagram, written)) return false;
    p->sent++;
  }
  support_sleep(5);
  return true;
}

static bool has_come(const tm_video_stats *stats, uint64_t packets)
{
  return stats->packets_received + stats->packets_discarded >= packets;
}

/** The stream has taken all that left. */
static bool arrived(const projector *p)
{
  return scene_until(p->scene, has_come, p->sent);
}

static void start(projector *p, video_scene *s)
{
  tm_h264_payload_config config = {.mode = 1};
  *p = (projector){.scene = s, .sequence = 100};
  (void)tm_h264_payload_init(&p->payload, &config);
}

// Pictures of the film one by one.
typedef struct {
  uint8_t *data;
  size_t octets;
  const uint8_t *starts[SCENE_FRAMES + 1];
  unsigned count;
} reel;

static bool cut(const char *path, reel *r)
{
  tm_nal_scanner scanner;
  tm_nal nal;
  bool head = false;
  r->data = film_read(path, &r->octets);
  r->count = 0;
  tm_nal_scan(&scanner, r->data, r->octets);
  while (tm_nal_next(&scanner, &nal) == TM_OK && r->count < SCENE_FRAMES) {
    bool slice = nal.type == TM_NAL_SLICE || nal.type == TM_NAL_IDR;
    if (!head) r->starts[r->count++] = nal.data - 4;
    head = !slice;
  }
  r->starts[r->count] = r->data + r->octets;
  return r->data && r->count > 20;
}

static size_t length(const reel *r, unsigned index)
{
  return (size_t)(r->starts[index + 1] - r->starts[index]);
}

static bool has_asked(const tm_video_stats *stats, uint64_t times)
{
  return stats->fir_sent >= times;
}

static bool has_reported_loss(const tm_video_stats *stats, uint64_t times)
{
  return stats->pli_sent >= times;
}

static bool has_shown(const tm_video_stats *stats, uint64_t pictures)
{
  return stats->frames_received >= pictures;
}

static void begins_in_the_middle(void)
{
  video_scene s;
  projector p;
  reel r;
  CHECK(scene_open(&s, false) && cut(s.film, &r));
  CHECK(scene_configure(&s, false, true));
  start(&p, &s);
  support_sleep(50);
  for (unsigned i = 5; i < 10; i++) CHECK(show(&p, r.starts[i], length(&r, i), 0, -1));
  CHECK(arrived(&p) && scene_until(&s, has_asked, 1));
  tm_video_stats stats = film_stats(s.engine, s.stream);
  CHECK_INT(stats.fir_sent, 1);
  CHECK_INT(stats.frames_received, 0);
  CHECK(show(&p, r.starts[0], length(&r, 0), 0, -1));
  CHECK(show(&p, r.starts[1], length(&r, 1), 0, -1));
  CHECK(arrived(&p) && scene_until(&s, has_shown, 2));
  stats = film_stats(s.engine, s.stream);
  CHECK_INT(stats.fir_sent, 1);
  CHECK_INT(stats.frames_received, 2);
  // Nothing after it asks again.
  support_sleep(1200);
  CHECK_INT(film_stats(s.engine, s.stream).fir_sent, 1);
  free(r.data);
  scene_close(&s);
}

static void begins_well(void)
{
  video_scene s;
  projector p;
  reel r;
  CHECK(scene_open(&s, false) && cut(s.film, &r));
  CHECK(scene_configure(&s, false, true));
  start(&p, &s);
  support_sleep(50);
  for (unsigned i = 0; i < 20; i++) CHECK(show(&p, r.starts[i], length(&r, i), 0, -1));
  CHECK(arrived(&p) && scene_until(&s, has_shown, 20));
  tm_video_stats stats = film_stats(s.engine, s.stream);
  CHECK_INT(stats.fir_sent + stats.pli_sent + stats.nack_sent, 0);
  CHECK_INT(stats.frames_received, 20);
  free(r.data);
  scene_close(&s);
}

static void asks_for_what_is_missing(void)
{
  video_scene s;
  projector p;
  reel r;
  CHECK(scene_open(&s, false) && cut(s.film, &r));
  CHECK(scene_configure(&s, false, true));
  start(&p, &s);
  support_sleep(50);
  for (unsigned i = 0; i < 5; i++) CHECK(show(&p, r.starts[i], length(&r, i), 0, -1));
  CHECK(show(&p, r.starts[5], length(&r, 5), 0, 0));  // its first packet is lost for good
  for (unsigned i = 6; i < 20; i++) CHECK(show(&p, r.starts[i], length(&r, i), 0, -1));
  // The NACK went early; the PLI waits for the turn after next (RFC 4585 3.5.2).
  CHECK(scene_until(&s, has_reported_loss, 1));
  tm_video_stats stats = film_stats(s.engine, s.stream);
  CHECK_RANGE(stats.nack_sent, 1, 3);
  CHECK_INT(stats.pli_sent, 1);
  CHECK_INT(stats.fir_sent, 0);
  CHECK_INT(stats.frames_received, 5);
  CHECK(show(&p, r.starts[0], length(&r, 0), 0, -1));
  CHECK(show(&p, r.starts[1], length(&r, 1), 0, -1));
  CHECK(arrived(&p) && scene_until(&s, has_shown, 7));
  CHECK_INT(film_stats(s.engine, s.stream).frames_received, 7);
  free(r.data);
  scene_close(&s);
}

// Counts RTCP datagrams of the engine for so long; `whole` those that begin with a report.
static unsigned rtcp_within(video_scene *s, int ms, unsigned *whole, size_t *octets)
{
  unsigned count = 0;
  *whole = 0;
  *octets = 0;
  for (int passed = 0; passed < ms; passed += 10)
    while (support_peer_rtcp(&s->peer, 10)) {
      count++;
      *whole += s->peer.data[1] == TM_RTCP_SR || s->peer.data[1] == TM_RTCP_RR;
      *octets += s->peer.octets + 28;
      passed += 1;
    }
  return count;
}

// RFC 4585 3.5.2: every picture loses a packet for two seconds, and what is said about it keeps to the share of 4 kbit/s. trr-int of half a minute:
// after the first there is no whole report, reduced-size feedback goes on.
static void much_is_missing(void)
{
  video_scene s;
  projector p;
  reel r;
  unsigned whole = 0;
  size_t octets = 0;
  CHECK(scene_open(&s, false) && cut(s.film, &r));
  tm_video_config config = film_config(s.peer.port);
  config.send = false;
  config.reduced_size = true;
  config.trr_interval_ms = 30000;
  CHECK_INT(tm_video_configure(s.engine, s.stream, &config, NULL), TM_ENGINE_OK);
  start(&p, &s);
  support_sleep(50);
  for (unsigned i = 0; i < 5; i++) CHECK(show(&p, r.starts[i], length(&r, i), 0, -1));
  for (int i = 0; i < SOME_REPORTS && whole == 0; i++) (void)rtcp_within(&s, LOOK_MS, &whole, &octets);
  CHECK(whole > 0);
  unsigned packets = 0, reports = 0;
  size_t sum = 0;
  int64_t begun = tm_now_ns();
  for (unsigned round = 0; round < 20; round++) {
    for (unsigned i = 5; i < 10; i++) CHECK(show(&p, r.starts[i], length(&r, i), 0, 0));
    packets += rtcp_within(&s, 100, &whole, &octets);
    reports += whole;
    sum += octets;
  }
  tm_video_stats stats = film_stats(s.engine, s.stream);
  CHECK(stats.nack_sent + stats.pli_sent > 2);
  CHECK_INT((long)reports, 0);
  CHECK_RANGE(packets, 2, 60);
  // 500 octets a second, for two seconds more than it took.
  CHECK_RANGE((double)sum, 100, 500 * (2.0 + (double)(tm_now_ns() - begun) / (double)TM_NS_PER_S));
  free(r.data);
  scene_close(&s);
}

static void nothing_that_was_not_agreed(void)
{
  video_scene s;
  projector p;
  reel r;
  CHECK(scene_open(&s, false) && cut(s.film, &r));
  tm_video_config config = film_config(s.peer.port);
  config.nack = config.pli = config.fir = config.tmmbr = config.avpf = config.send = false;
  CHECK_INT(tm_video_configure(s.engine, s.stream, &config, NULL), TM_ENGINE_OK);
  start(&p, &s);
  support_sleep(50);
  for (unsigned i = 5; i < 15; i++) CHECK(show(&p, r.starts[i], length(&r, i), 0, i == 8 ? 0 : -1));
  CHECK(arrived(&p));
  support_sleep(300);
  tm_video_stats stats = film_stats(s.engine, s.stream);
  CHECK_INT(stats.fir_sent + stats.pli_sent + stats.nack_sent, 0);
  free(r.data);
  scene_close(&s);
}

static bool has_sent(const tm_video_stats *stats, uint64_t pictures)
{
  return stats->frames_sent >= pictures;
}

static void garbage(void)
{
  video_scene s;
  uint8_t datagram[200];
  uint32_t chance = 1;
  CHECK(scene_open(&s, true));
  CHECK(scene_configure(&s, true, true));
  uint16_t port = tm_stream_port(s.engine, s.stream);
  for (int i = 0; i < 3000; i++) {
    size_t octets = 12 + (size_t)i % 180;
    for (size_t k = 0; k < sizeof datagram; k++) datagram[k] = (uint8_t)((chance = chance * 1664525u + 1013904223u) >> 24);
    datagram[0] = 0x80 | (datagram[0] & 0x1f);
    if (i % 2) {
      datagram[1] = FILM_PT;
      datagram[2] = (uint8_t)(i >> 8);
      datagram[3] = (uint8_t)i;
    } else {
      datagram[1] = (uint8_t)(200 + i % 7);
      datagram[2] = 0;
      datagram[3] = (uint8_t)(octets / 4 - 1);
    }
    CHECK(support_peer_send(i % 2 ? s.peer.rtp : s.peer.rtcp, i % 2 ? port : (uint16_t)(port + 1), datagram, octets));
    if (i % 50 == 0) support_sleep(2);
  }
  CHECK(scene_until(&s, has_sent, 1));
  scene_close(&s);
}

int main(void)
{
  tm_test_run("a stream that begins in the middle draws one FIR", begins_in_the_middle);
  tm_test_run("a stream that begins well draws nothing", begins_well);
  tm_test_run("loss: NACK, then PLI, then pictures again", asks_for_what_is_missing);
  tm_test_run("much that is missing: feedback keeps to its share", much_is_missing);
  tm_test_run("nothing is sent that was not agreed", nothing_that_was_not_agreed);
  tm_test_run("garbage", garbage);
  return tm_test_end();
}
