// What a video stream answers to FIR, PLI, NACK and TMMBR, and the first key frame (NG.110 2.9.1).
#include "clock.h"
#include "tm_test.h"
#include "video_scene.h"

// More than come before an answer.
enum { SOME_PACKETS = 2000, SOME_REPORTS = 200 };

static bool tell_fir(video_scene *s, uint8_t number)
{
  uint8_t fir[64];
  size_t octets = 0;
  return tm_feedback_build_fir(SCENE_STRANGER, film_stats(s->engine, s->stream).ssrc, number, fir, sizeof fir, &octets) == TM_OK &&
         scene_tell(s, fir, octets);
}

static bool tell_pli(video_scene *s)
{
  uint8_t pli[64];
  size_t octets = 0;
  return tm_feedback_build_pli(SCENE_STRANGER, film_stats(s->engine, s->stream).ssrc, pli, sizeof pli, &octets) == TM_OK && scene_tell(s, pli, octets);
}

static void fir_makes_a_key_frame(void)
{
  video_scene s;
  CHECK(scene_open(&s, true));
  CHECK(scene_configure(&s, true, false));
  CHECK_INT(scene_key_frames(&s, 12), 1);
  CHECK(tell_fir(&s, 7));
  CHECK(scene_key_frame_comes(&s));
  CHECK(tell_fir(&s, 7));  // the same need once more
  CHECK_INT(scene_key_frames(&s, 39), 0);
  CHECK(tell_fir(&s, 8));
  CHECK(scene_key_frame_comes(&s));
  tm_video_stats stats = film_stats(s.engine, s.stream);
  CHECK_INT(stats.fir_received, 3);
  CHECK_INT(stats.key_frames_sent, 3);
  scene_close(&s);
}

// SPS and PPS go out before the IDR that a FIR asked for, in one packet.
static void sets_come_with_it(void)
{
  video_scene s;
  tm_rtp_packet packet;
  CHECK(scene_open(&s, true));
  CHECK(scene_configure(&s, true, false));
  CHECK_INT(scene_key_frames(&s, 9), 1);
  CHECK(tell_pli(&s));
  bool sets = false, key = false;
  for (int i = 0; i < 300 && !key && support_peer_rtp(&s.peer, &packet, SCENE_PATIENCE_MS); i++) {
    if (scene_type(&packet) == TM_NAL_STAP_A) sets = (packet.payload[3] & 0x1f) == TM_NAL_SPS;
    if (scene_type(&packet) == TM_NAL_SPS) sets = true;
    key = scene_type(&packet) == TM_NAL_IDR;
  }
  CHECK(sets && key);
  scene_close(&s);
}

static void storms_are_calmed(void)
{
  video_scene s;
  CHECK(scene_open(&s, true));
  CHECK(scene_configure(&s, true, false));
  CHECK_INT(scene_key_frames(&s, 9), 1);
  unsigned keys = 0;
  int64_t begun = tm_now_ns();
  for (int i = 0; i < 20; i++) {
    CHECK(tell_pli(&s));
    keys += scene_key_frames(&s, 2);
  }
  // At most one forced key frame a second (TM_KEYFRAME_FORCED_US).
  CHECK_RANGE(keys, 1, 2.0 + (double)(tm_now_ns() - begun) / (double)TM_NS_PER_S);
  scene_close(&s);
}

static void repeats_what_was_lost(void)
{
  video_scene s;
  tm_rtp_packet packet;
  uint8_t nack[64];
  size_t octets = 0;
  CHECK(scene_open(&s, true));
  CHECK(scene_configure(&s, true, false));
  for (int i = 0; i < 20; i++) CHECK(support_peer_rtp(&s.peer, &packet, SCENE_PATIENCE_MS));
  uint16_t lost = (uint16_t)(packet.sequence - 5), wanted[] = {lost, (uint16_t)(lost + 2)};
  support_sleep(30);  // what was sent just now is not sent again
  CHECK_INT(tm_feedback_build_nack(SCENE_STRANGER, packet.ssrc, wanted, 2, nack, sizeof nack, &octets), TM_OK);
  CHECK(scene_tell(&s, nack, octets));
  unsigned found = 0;
  for (int i = 0; i < SOME_PACKETS && found < 2 && support_peer_rtp(&s.peer, &packet, SCENE_PATIENCE_MS); i++)
    found += packet.sequence == wanted[0] || packet.sequence == wanted[1];
  CHECK_INT(found, 2);
  CHECK_INT(film_stats(s.engine, s.stream).retransmitted, 2);
  scene_close(&s);
}

static void obeys_a_limit(void)
{
  video_scene s;
  uint8_t message[64];
  size_t octets = 0;
  CHECK(scene_open(&s, true));
  CHECK(scene_configure(&s, true, false));
  CHECK_INT(scene_key_frames(&s, 6), 1);
  tm_bitrate_bound bound = {.ssrc = film_stats(s.engine, s.stream).ssrc, .bits_per_second = 100000, .overhead = 40};
  CHECK_INT(tm_feedback_build_bounds(TM_FEEDBACK_TMMBR, SCENE_STRANGER, &bound, 1, message, sizeof message, &octets), TM_OK);
  CHECK(scene_tell(&s, message, octets));
  bool told = false;
  for (int i = 0; i < SOME_REPORTS && !told && support_peer_rtcp(&s.peer, SCENE_PATIENCE_MS); i++) {
    tm_rtcp_iterator iterator;
    tm_rtcp_packet packet;
    tm_feedback feedback;
    tm_rtcp_begin(&iterator, s.peer.data, s.peer.octets);
    while (tm_rtcp_next(&iterator, &packet) == TM_OK)
      if (packet.type == TM_RTCP_RTPFB && tm_feedback_read(&packet, &feedback) == TM_OK && feedback.kind == TM_FEEDBACK_TMMBN) {
        tm_bitrate_bound set;
        CHECK_INT(tm_feedback_bound_at(&feedback, 0, &set), TM_OK);
        CHECK_INT(set.bits_per_second, 100000);
        CHECK_INT(set.ssrc, SCENE_STRANGER);
        told = true;
      }
  }
  CHECK(told);
  CHECK_RANGE(film_stats(s.engine, s.stream).target_bps, 50000, 100000);
  scene_close(&s);
}

// The last of a storm of requests is answered, most of it is not.
static void answers_many_together(void)
{
  enum { REQUESTS = 60 };
  video_scene s;
  uint8_t message[64];
  size_t octets = 0;
  long answers = 0;
  CHECK(scene_open(&s, true));
  CHECK(scene_configure(&s, true, false));
  CHECK_INT(scene_key_frames(&s, 6), 1);
  tm_bitrate_bound bound = {.ssrc = film_stats(s.engine, s.stream).ssrc, .overhead = 40}, told = {.ssrc = 0};
  for (uint64_t i = 1; i <= REQUESTS; i++) {
    bound.bits_per_second = 100000 + i;
    CHECK_INT(tm_feedback_build_bounds(TM_FEEDBACK_TMMBR, SCENE_STRANGER, &bound, 1, message, sizeof message, &octets), TM_OK);
    CHECK(scene_tell(&s, message, octets));
  }
  for (int i = 0; i < SOME_REPORTS && told.bits_per_second != bound.bits_per_second && support_peer_rtcp(&s.peer, SCENE_PATIENCE_MS); i++) {
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
  scene_close(&s);
}

static bool is_bound(const tm_video_stats *stats, uint64_t bits)
{
  return stats->target_bps == bits;
}

static bool is_free(const tm_video_stats *stats, uint64_t bits)
{
  return stats->target_bps > bits;
}

// RFC 5104 4.2.1.2: a limit lives no longer than who asked for it. Here it is 0: without that nothing would ever be sent again.
static void a_limit_ends_with_its_owner(void)
{
  video_scene s;
  uint8_t message[64];
  size_t octets = 0;
  CHECK(scene_open(&s, true));
  CHECK(scene_configure(&s, true, false));
  CHECK_INT(scene_key_frames(&s, 6), 1);
  tm_bitrate_bound bound = {.ssrc = film_stats(s.engine, s.stream).ssrc, .bits_per_second = 0, .overhead = 40};
  CHECK_INT(tm_feedback_build_bounds(TM_FEEDBACK_TMMBR, SCENE_STRANGER, &bound, 1, message, sizeof message, &octets), TM_OK);
  CHECK(scene_tell(&s, message, octets));
  CHECK(scene_until(&s, is_bound, 0));
  tm_rtcp_content bye = {.ssrc = SCENE_STRANGER, .cname = "peer@localhost", .bye = true};
  CHECK_INT(tm_rtcp_build(&bye, message, sizeof message, &octets), TM_OK);
  CHECK(scene_send_rtcp(&s, message, octets));
  CHECK(scene_until(&s, is_free, 0));
  // Another peer altogether.
  CHECK_INT(tm_feedback_build_bounds(TM_FEEDBACK_TMMBR, SCENE_STRANGER, &bound, 1, message, sizeof message, &octets), TM_OK);
  CHECK(scene_tell(&s, message, octets));
  CHECK(scene_until(&s, is_bound, 0));
  tm_video_config elsewhere = film_config((uint16_t)(s.peer.port + 2));
  elsewhere.receive = false;
  CHECK_INT(tm_video_configure(s.engine, s.stream, &elsewhere, NULL), TM_ENGINE_OK);
  CHECK(scene_until(&s, is_free, 0));
  scene_close(&s);
}

// MD-2.9.1f: nobody was there when the first key frame came; it comes again with the first sign of life.
static void first_key_frame_is_not_lost(void)
{
  video_scene s;
  CHECK(scene_open(&s, true));
  CHECK(scene_configure(&s, true, true));
  CHECK_INT(scene_key_frames(&s, 15), 1);
  uint8_t keepalive[12] = {0x80, 20, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4};
  CHECK(support_peer_send(s.peer.rtp, tm_stream_port(s.engine, s.stream), keepalive, sizeof keepalive));
  CHECK(scene_key_frame_comes(&s));
  keepalive[3]++;
  CHECK(support_peer_send(s.peer.rtp, tm_stream_port(s.engine, s.stream), keepalive, sizeof keepalive));
  CHECK_INT(scene_key_frames(&s, 9), 0);
  scene_close(&s);
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
  return tm_test_end();
}
