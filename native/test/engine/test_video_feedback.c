// What a video stream asks for and answers, with a peer that is played by hand: FIR, PLI, NACK, TMMBR, the first key frame.
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "tm_h264_payload.h"
#include "tm_test.h"
#include "video_support.h"

enum { FRAMES = 90, STRANGER = 0x11223344 };

typedef struct {
  tm_engine *engine;
  uint32_t stream;
  support_peer peer;
  char film[SUPPORT_PATH];
} scene;

static bool open_scene(scene *s, bool shows)
{
  tm_error error = {.status = TM_ENGINE_OK};
  support_path(s->film, "scene.264");
  s->engine = support_engine();
  if (!s->engine || !support_peer_open(&s->peer) || !film_make(s->film, FRAMES, 0, 0)) return false;
  s->stream = film_open(s->engine);
  tm_endpoint film = support_file(s->film);
  return s->stream && (!shows || tm_video_attach(s->engine, s->stream, &film, NULL, &error) == TM_ENGINE_OK);
}

static void close_scene(scene *s)
{
  tm_engine_destroy(s->engine);
  support_peer_close(&s->peer);
  unlink(s->film);
}

/** What a single packet begins with; FU-A: the type that it carries. */
static uint8_t type_of(const tm_rtp_packet *packet)
{
  uint8_t type = packet->payload[0] & 0x1f;
  return type == TM_NAL_FU_A ? packet->payload[1] & 0x1f : type;
}

// Reads packets for `ms` and counts pictures with an IDR.
static unsigned key_frames(scene *s, int ms)
{
  tm_rtp_packet packet;
  unsigned count = 0;
  uint32_t timestamp = 0;
  for (int passed = 0; passed < ms; passed += 5) {
    while (support_peer_rtp(&s->peer, &packet, 5)) {
      if (packet.payload_bytes == 0 || type_of(&packet) != TM_NAL_IDR) continue;
      if (count == 0 || packet.timestamp != timestamp) count++;
      timestamp = packet.timestamp;
    }
  }
  return count;
}

// A receiver report from the peer with one feedback message behind it.
static bool tell(scene *s, const uint8_t *feedback, size_t octets)
{
  uint8_t datagram[SUPPORT_DATAGRAM];
  size_t written = 0;
  tm_rtcp_content lead = {.ssrc = STRANGER, .cname = "peer@localhost"};
  return tm_feedback_datagram(&lead, feedback, octets, datagram, sizeof datagram, &written) == TM_OK &&
         support_peer_send(s->peer.rtcp, (uint16_t)(tm_stream_port(s->engine, s->stream) + 1), datagram, written);
}

static bool tell_fir(scene *s, uint8_t number)
{
  uint8_t fir[64];
  size_t octets = 0;
  return tm_feedback_build_fir(STRANGER, film_stats(s->engine, s->stream).ssrc, number, fir, sizeof fir, &octets) == TM_OK &&
         tell(s, fir, octets);
}

static bool tell_pli(scene *s)
{
  uint8_t pli[64];
  size_t octets = 0;
  return tm_feedback_build_pli(STRANGER, film_stats(s->engine, s->stream).ssrc, pli, sizeof pli, &octets) == TM_OK && tell(s, pli, octets);
}

static bool configure(scene *s, bool send, bool receive)
{
  tm_video_config config = film_config(s->peer.port);
  config.send = send;
  config.receive = receive;
  return tm_video_configure(s->engine, s->stream, &config, NULL) == TM_ENGINE_OK;
}

static void fir_makes_a_key_frame(void)
{
  scene s;
  CHECK(open_scene(&s, true));
  CHECK(configure(&s, true, false));
  CHECK_INT(key_frames(&s, 400), 1);
  CHECK(tell_fir(&s, 7));
  CHECK_INT(key_frames(&s, 300), 1);
  CHECK(tell_fir(&s, 7));  // the same need once more
  CHECK_INT(key_frames(&s, 1300), 0);
  CHECK(tell_fir(&s, 8));
  CHECK_INT(key_frames(&s, 300), 1);
  tm_video_stats stats = film_stats(s.engine, s.stream);
  CHECK_INT(stats.fir_received, 3);
  CHECK_INT(stats.key_frames_sent, 3);
  close_scene(&s);
}

// SPS and PPS go out before the IDR that a FIR asked for, in one packet.
static void sets_come_with_it(void)
{
  scene s;
  tm_rtp_packet packet;
  CHECK(open_scene(&s, true));
  CHECK(configure(&s, true, false));
  CHECK_INT(key_frames(&s, 300), 1);
  CHECK(tell_pli(&s));
  bool sets = false, key = false;
  for (int i = 0; i < 300 && !key && support_peer_rtp(&s.peer, &packet, 500); i++) {
    if (type_of(&packet) == TM_NAL_STAP_A) sets = (packet.payload[3] & 0x1f) == TM_NAL_SPS;
    if (type_of(&packet) == TM_NAL_SPS) sets = true;
    key = type_of(&packet) == TM_NAL_IDR;
  }
  CHECK(sets && key);
  close_scene(&s);
}

static void storms_are_calmed(void)
{
  scene s;
  CHECK(open_scene(&s, true));
  CHECK(configure(&s, true, false));
  CHECK_INT(key_frames(&s, 300), 1);
  unsigned keys = 0;
  int64_t begun = tm_now_ns();
  for (int i = 0; i < 20; i++) {
    CHECK(tell_pli(&s));
    keys += key_frames(&s, 50);
  }
  // At most one forced key frame a second (TM_KEYFRAME_FORCED_US).
  CHECK_RANGE(keys, 1, 2.0 + (double)(tm_now_ns() - begun) / (double)TM_NS_PER_S);
  close_scene(&s);
}

static void repeats_what_was_lost(void)
{
  scene s;
  tm_rtp_packet packet;
  uint8_t nack[64];
  size_t octets = 0;
  CHECK(open_scene(&s, true));
  CHECK(configure(&s, true, false));
  for (int i = 0; i < 20; i++) CHECK(support_peer_rtp(&s.peer, &packet, 500));
  uint16_t lost = (uint16_t)(packet.sequence - 5), wanted[] = {lost, (uint16_t)(lost + 2)};
  support_sleep(30);
  CHECK_INT(tm_feedback_build_nack(STRANGER, packet.ssrc, wanted, 2, nack, sizeof nack, &octets), TM_OK);
  CHECK(tell(&s, nack, octets));
  unsigned found = 0;
  for (int i = 0; i < 60 && found < 2 && support_peer_rtp(&s.peer, &packet, 500); i++)
    found += packet.sequence == wanted[0] || packet.sequence == wanted[1];
  CHECK_INT(found, 2);
  CHECK_INT(film_stats(s.engine, s.stream).retransmitted, 2);
  close_scene(&s);
}

static void obeys_a_limit(void)
{
  scene s;
  uint8_t message[64];
  size_t octets = 0;
  CHECK(open_scene(&s, true));
  CHECK(configure(&s, true, false));
  CHECK_INT(key_frames(&s, 200), 1);
  tm_bitrate_bound bound = {.ssrc = film_stats(s.engine, s.stream).ssrc, .bits_per_second = 100000, .overhead = 40};
  CHECK_INT(tm_feedback_build_bounds(TM_FEEDBACK_TMMBR, STRANGER, &bound, 1, message, sizeof message, &octets), TM_OK);
  CHECK(tell(&s, message, octets));
  bool told = false;
  while (!told && support_peer_rtcp(&s.peer, 1000)) {
    tm_rtcp_iterator iterator;
    tm_rtcp_packet packet;
    tm_feedback feedback;
    tm_rtcp_begin(&iterator, s.peer.data, s.peer.octets);
    while (tm_rtcp_next(&iterator, &packet) == TM_OK)
      if (packet.type == TM_RTCP_RTPFB && tm_feedback_read(&packet, &feedback) == TM_OK && feedback.kind == TM_FEEDBACK_TMMBN) {
        tm_bitrate_bound set;
        CHECK_INT(tm_feedback_bound_at(&feedback, 0, &set), TM_OK);
        CHECK_INT(set.bits_per_second, 100000);
        CHECK_INT(set.ssrc, STRANGER);
        told = true;
      }
  }
  CHECK(told);
  CHECK_RANGE(film_stats(s.engine, s.stream).target_bps, 50000, 100000);
  close_scene(&s);
}

// The last of a storm of requests is answered, most of it is not.
static void answers_many_together(void)
{
  enum { REQUESTS = 60 };
  scene s;
  uint8_t message[64];
  size_t octets = 0;
  long answers = 0;
  CHECK(open_scene(&s, true));
  CHECK(configure(&s, true, false));
  CHECK_INT(key_frames(&s, 200), 1);
  tm_bitrate_bound bound = {.ssrc = film_stats(s.engine, s.stream).ssrc, .overhead = 40}, told = {.ssrc = 0};
  for (uint64_t i = 1; i <= REQUESTS; i++) {
    bound.bits_per_second = 100000 + i;
    CHECK_INT(tm_feedback_build_bounds(TM_FEEDBACK_TMMBR, STRANGER, &bound, 1, message, sizeof message, &octets), TM_OK);
    CHECK(tell(&s, message, octets));
    support_sleep(2);  // a socket brings 16 in a beat
  }
  while (told.bits_per_second != bound.bits_per_second && support_peer_rtcp(&s.peer, 1000)) {
    tm_rtcp_iterator iterator;
    tm_rtcp_packet packet;
    tm_feedback feedback;
    tm_rtcp_begin(&iterator, s.peer.data, s.peer.octets);
    while (tm_rtcp_next(&iterator, &packet) == TM_OK)
      if (packet.type == TM_RTCP_RTPFB && tm_feedback_read(&packet, &feedback) == TM_OK &&
          tm_feedback_bound_at(&feedback, 0, &told) == TM_OK)
        answers++;
  }
  CHECK_INT((long)told.bits_per_second, 100000 + REQUESTS);
  CHECK_INT((long)film_stats(s.engine, s.stream).tmmbr_received, REQUESTS);
  CHECK_RANGE((double)answers, 1, REQUESTS / 2);
  close_scene(&s);
}

// RFC 5104 4.2.1.2: a limit lives no longer than who asked for it. Here it is 0: without that nothing would ever be sent again.
static void a_limit_ends_with_its_owner(void)
{
  scene s;
  uint8_t message[64];
  size_t octets = 0;
  CHECK(open_scene(&s, true));
  CHECK(configure(&s, true, false));
  CHECK_INT(key_frames(&s, 200), 1);
  tm_bitrate_bound bound = {.ssrc = film_stats(s.engine, s.stream).ssrc, .bits_per_second = 0, .overhead = 40};
  CHECK_INT(tm_feedback_build_bounds(TM_FEEDBACK_TMMBR, STRANGER, &bound, 1, message, sizeof message, &octets), TM_OK);
  CHECK(tell(&s, message, octets));
  for (int i = 0; i < 100 && film_stats(s.engine, s.stream).target_bps > 0; i++) support_sleep(10);
  CHECK_INT((long)film_stats(s.engine, s.stream).target_bps, 0);
  tm_rtcp_content bye = {.ssrc = STRANGER, .cname = "peer@localhost", .bye = true};
  CHECK_INT(tm_rtcp_build(&bye, message, sizeof message, &octets), TM_OK);
  CHECK(support_peer_send(s.peer.rtcp, (uint16_t)(tm_stream_port(s.engine, s.stream) + 1), message, octets));
  for (int i = 0; i < 100 && film_stats(s.engine, s.stream).target_bps == 0; i++) support_sleep(10);
  CHECK(film_stats(s.engine, s.stream).target_bps > 0);
  // Another peer altogether.
  CHECK_INT(tm_feedback_build_bounds(TM_FEEDBACK_TMMBR, STRANGER, &bound, 1, message, sizeof message, &octets), TM_OK);
  CHECK(tell(&s, message, octets));
  for (int i = 0; i < 100 && film_stats(s.engine, s.stream).target_bps > 0; i++) support_sleep(10);
  CHECK_INT((long)film_stats(s.engine, s.stream).target_bps, 0);
  tm_video_config elsewhere = film_config((uint16_t)(s.peer.port + 2));
  elsewhere.receive = false;
  CHECK_INT(tm_video_configure(s.engine, s.stream, &elsewhere, NULL), TM_ENGINE_OK);
  for (int i = 0; i < 100 && film_stats(s.engine, s.stream).target_bps == 0; i++) support_sleep(10);
  CHECK(film_stats(s.engine, s.stream).target_bps > 0);
  close_scene(&s);
}

// MD-2.9.1f: nobody was there when the first key frame came; it comes again with the first sign of life.
static void first_key_frame_is_not_lost(void)
{
  scene s;
  CHECK(open_scene(&s, true));
  CHECK(configure(&s, true, true));
  CHECK_INT(key_frames(&s, 500), 1);
  uint8_t keepalive[12] = {0x80, 20, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4};
  CHECK(support_peer_send(s.peer.rtp, tm_stream_port(s.engine, s.stream), keepalive, sizeof keepalive));
  CHECK_INT(key_frames(&s, 300), 1);
  keepalive[3]++;
  CHECK(support_peer_send(s.peer.rtp, tm_stream_port(s.engine, s.stream), keepalive, sizeof keepalive));
  CHECK_INT(key_frames(&s, 300), 0);
  close_scene(&s);
}

/** A sender by hand: the film in packets, of which some do not leave. */
typedef struct {
  scene *scene;
  tm_h264_payload payload;
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
    packet.ssrc = STRANGER;
    packet.sequence = p->sequence++;
    packet.timestamp = p->timestamp;
    if ((unsigned)i < skip_first || i == lose) continue;
    if (tm_rtp_build(&packet, datagram, sizeof datagram, &written) != TM_OK) return false;
    if (!support_peer_send(p->scene->peer.rtp, tm_stream_port(p->scene->engine, p->scene->stream), datagram, written)) return false;
  }
  support_sleep(5);
  return true;
}

static void start(projector *p, scene *s)
{
  tm_h264_payload_config config = {.mode = 1};
  *p = (projector){.scene = s, .sequence = 100};
  (void)tm_h264_payload_init(&p->payload, &config);
}

// Pictures of the film one by one.
typedef struct {
  uint8_t *data;
  size_t octets;
  const uint8_t *starts[FRAMES + 1];
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
  while (tm_nal_next(&scanner, &nal) == TM_OK && r->count < FRAMES) {
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

static void begins_in_the_middle(void)
{
  scene s;
  projector p;
  reel r;
  CHECK(open_scene(&s, false) && cut(s.film, &r));
  CHECK(configure(&s, false, true));
  start(&p, &s);
  support_sleep(50);
  for (unsigned i = 5; i < 10; i++) CHECK(show(&p, r.starts[i], length(&r, i), 0, -1));
  support_sleep(50);
  tm_video_stats stats = film_stats(s.engine, s.stream);
  CHECK_INT(stats.fir_sent, 1);
  CHECK_INT(stats.frames_received, 0);
  CHECK(show(&p, r.starts[0], length(&r, 0), 0, -1));
  CHECK(show(&p, r.starts[1], length(&r, 1), 0, -1));
  support_sleep(50);
  stats = film_stats(s.engine, s.stream);
  CHECK_INT(stats.fir_sent, 1);
  CHECK_INT(stats.frames_received, 2);
  // Nothing after it asks again.
  support_sleep(1200);
  CHECK_INT(film_stats(s.engine, s.stream).fir_sent, 1);
  free(r.data);
  close_scene(&s);
}

static void begins_well(void)
{
  scene s;
  projector p;
  reel r;
  CHECK(open_scene(&s, false) && cut(s.film, &r));
  CHECK(configure(&s, false, true));
  start(&p, &s);
  support_sleep(50);
  for (unsigned i = 0; i < 20; i++) CHECK(show(&p, r.starts[i], length(&r, i), 0, -1));
  support_sleep(50);
  tm_video_stats stats = film_stats(s.engine, s.stream);
  CHECK_INT(stats.fir_sent + stats.pli_sent + stats.nack_sent, 0);
  CHECK_INT(stats.frames_received, 20);
  free(r.data);
  close_scene(&s);
}

static void asks_for_what_is_missing(void)
{
  scene s;
  projector p;
  reel r;
  CHECK(open_scene(&s, false) && cut(s.film, &r));
  CHECK(configure(&s, false, true));
  start(&p, &s);
  support_sleep(50);
  for (unsigned i = 0; i < 5; i++) CHECK(show(&p, r.starts[i], length(&r, i), 0, -1));
  CHECK(show(&p, r.starts[5], length(&r, 5), 0, 0));  // its first packet is lost for good
  for (unsigned i = 6; i < 20; i++) CHECK(show(&p, r.starts[i], length(&r, i), 0, -1));
  // The NACK went early; the PLI waits for the turn after next (RFC 4585 3.5.2).
  for (int i = 0; i < 400 && film_stats(s.engine, s.stream).pli_sent == 0; i++) support_sleep(10);
  tm_video_stats stats = film_stats(s.engine, s.stream);
  CHECK_RANGE(stats.nack_sent, 1, 3);
  CHECK_INT(stats.pli_sent, 1);
  CHECK_INT(stats.fir_sent, 0);
  CHECK_INT(stats.frames_received, 5);
  CHECK(show(&p, r.starts[0], length(&r, 0), 0, -1));
  CHECK(show(&p, r.starts[1], length(&r, 1), 0, -1));
  support_sleep(100);
  CHECK_INT(film_stats(s.engine, s.stream).frames_received, 7);
  free(r.data);
  close_scene(&s);
}

// Counts RTCP datagrams of the engine for so long; `whole` those that begin with a report.
static unsigned rtcp_within(scene *s, int ms, unsigned *whole, size_t *octets)
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
  scene s;
  projector p;
  reel r;
  unsigned whole = 0;
  size_t octets = 0;
  CHECK(open_scene(&s, false) && cut(s.film, &r));
  tm_video_config config = film_config(s.peer.port);
  config.send = false;
  config.reduced_size = true;
  config.trr_interval_ms = 30000;
  CHECK_INT(tm_video_configure(s.engine, s.stream, &config, NULL), TM_ENGINE_OK);
  start(&p, &s);
  support_sleep(50);
  for (unsigned i = 0; i < 5; i++) CHECK(show(&p, r.starts[i], length(&r, i), 0, -1));
  (void)rtcp_within(&s, 1500, &whole, &octets);
  unsigned packets = 0, reports = 0;
  size_t sum = 0;
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
  // 500 octets a second, at most for the four seconds of a busy machine.
  CHECK_RANGE((double)sum, 100, 4.0 * 500);
  free(r.data);
  close_scene(&s);
}

static void nothing_that_was_not_agreed(void)
{
  scene s;
  projector p;
  reel r;
  CHECK(open_scene(&s, false) && cut(s.film, &r));
  tm_video_config config = film_config(s.peer.port);
  config.nack = config.pli = config.fir = config.tmmbr = config.avpf = config.send = false;
  CHECK_INT(tm_video_configure(s.engine, s.stream, &config, NULL), TM_ENGINE_OK);
  start(&p, &s);
  support_sleep(50);
  for (unsigned i = 5; i < 15; i++) CHECK(show(&p, r.starts[i], length(&r, i), 0, i == 8 ? 0 : -1));
  support_sleep(300);
  tm_video_stats stats = film_stats(s.engine, s.stream);
  CHECK_INT(stats.fir_sent + stats.pli_sent + stats.nack_sent, 0);
  free(r.data);
  close_scene(&s);
}

static void garbage(void)
{
  scene s;
  uint8_t datagram[200];
  uint32_t chance = 1;
  CHECK(open_scene(&s, true));
  CHECK(configure(&s, true, true));
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
  CHECK(film_stats(s.engine, s.stream).frames_sent > 0);
  close_scene(&s);
}

int main(void)
{
  tm_test_run("FIR makes a key frame, once for a number", fir_makes_a_key_frame);
  tm_test_run("parameter sets go before the IDR that PLI asked for", sets_come_with_it);
  tm_test_run("a storm of PLI is calmed", storms_are_calmed);
  tm_test_run("NACK: the packets that were lost come again", repeats_what_was_lost);
  tm_test_run("TMMBR is obeyed and answered", obeys_a_limit);
  tm_test_run("many TMMBR are answered together, the last one too", answers_many_together);
  tm_test_run("a limit ends with who asked for it", a_limit_ends_with_its_owner);
  tm_test_run("the first key frame comes again with the first sign of life", first_key_frame_is_not_lost);
  tm_test_run("a stream that begins in the middle draws one FIR", begins_in_the_middle);
  tm_test_run("a stream that begins well draws nothing", begins_well);
  tm_test_run("loss: NACK, then PLI, then pictures again", asks_for_what_is_missing);
  tm_test_run("much that is missing: feedback keeps to its share", much_is_missing);
  tm_test_run("nothing is sent that was not agreed", nothing_that_was_not_agreed);
  tm_test_run("garbage", garbage);
  return tm_test_end();
}
