// Video between two streams over loopback: what was sent arrives, octet for octet, in file and API; sources and sinks change in mid-call.
#include <stdlib.h>
#include <unistd.h>

#include "tm_test.h"
#include "tm_video_fixture.h"
#include "video_support.h"

enum { FRAMES = 60 };

typedef struct {
  tm_engine *engine;
  uint32_t from, to;
  char film[SUPPORT_PATH], copy[SUPPORT_PATH];
} cinema;

// A film, a stream that shows it, and one that keeps it.
static bool open_cinema(cinema *c, size_t slice)
{
  tm_error error = {.status = TM_ENGINE_OK};
  support_path(c->film, "film.264");
  support_path(c->copy, "copy.264");
  c->engine = support_engine();
  if (!c->engine || !film_make(c->film, FRAMES, slice, 0)) return false;
  c->from = film_open(c->engine);
  c->to = film_open(c->engine);
  tm_endpoint film = support_file(c->film), copy = support_file(c->copy);
  bool fine = c->from && c->to && tm_video_attach(c->engine, c->from, &film, NULL, &error) == TM_ENGINE_OK &&
              tm_video_attach(c->engine, c->to, NULL, &copy, &error) == TM_ENGINE_OK;
  if (!fine) printf("# %s\n", error.text);
  return fine;
}

static void close_cinema(cinema *c)
{
  tm_engine_destroy(c->engine);
  unlink(c->film);
  unlink(c->copy);
}

// What arrived is the film from its first picture on.
static bool copy_is_true(const cinema *c, unsigned least)
{
  size_t film_octets, copy_octets;
  unsigned count = 0;
  uint8_t *film = film_read(c->film, &film_octets), *copy = film_read(c->copy, &copy_octets);
  bool same = film && copy && film_follows(film, film_octets, copy, copy_octets, &count);
  free(film);
  free(copy);
  if (count < least) printf("# %u NAL units, not %u\n", count, least);
  return same && count >= least;
}

static bool configure(cinema *c, tm_video_config from, tm_video_config to)
{
  tm_error error = {.status = TM_ENGINE_OK};
  bool fine = tm_video_configure(c->engine, c->to, &to, &error) == TM_ENGINE_OK &&
              tm_video_configure(c->engine, c->from, &from, &error) == TM_ENGINE_OK;
  if (!fine) printf("# %s\n", error.text);
  return fine;
}

static tm_video_config sending(const cinema *c)
{
  tm_video_config config = film_config(tm_stream_port(c->engine, c->to));
  config.receive = false;
  return config;
}

static tm_video_config receiving(const cinema *c)
{
  tm_video_config config = film_config(tm_stream_port(c->engine, c->from));
  config.send = false;
  return config;
}

static void arrives(uint8_t mode, size_t slice)
{
  cinema c;
  tm_event event;
  CHECK(open_cinema(&c, slice));
  tm_video_config out = sending(&c);
  out.packetization_mode = mode;
  CHECK(configure(&c, out, receiving(&c)));
  CHECK(support_event(c.engine, TM_EVENT_FIRST_PACKET, &event, 1000));
  CHECK(support_event(c.engine, TM_EVENT_FIRST_FRAME, &event, 1000));
  CHECK_INT(event.stream, c.to);
  CHECK_INT(event.width, FILM_WIDTH);
  CHECK_INT(event.height, FILM_HEIGHT);
  support_sleep(2500);  // further than the end of the film
  tm_video_stats from = film_stats(c.engine, c.from), to = film_stats(c.engine, c.to);
  CHECK_RANGE(from.frames_sent, 50, 90);
  CHECK_RANGE(to.frames_received, (double)from.frames_sent - 3, from.frames_sent);
  CHECK_INT(to.frames_dropped, 0);
  CHECK_INT(to.packets_lost, 0);
  CHECK_INT(to.fir_sent + to.pli_sent + to.nack_sent, 0);
  CHECK_RANGE(to.first_frame_ms, 0, 100);
  CHECK_INT(to.width, FILM_WIDTH);
  CHECK_INT(from.sent_width, FILM_WIDTH);
  tm_engine_destroy(c.engine);
  CHECK(copy_is_true(&c, FRAMES));
  c.engine = NULL;
  close_cinema(&c);
}

// A caller's far end sends with its 200, before that has arrived here: its key frame is not lost.
static void before_the_answer(void)
{
  cinema c;
  tm_event event;
  tm_error error = {.status = TM_ENGINE_OK};
  CHECK(open_cinema(&c, 0));
  tm_video_config out = sending(&c), in = receiving(&c);
  CHECK_INT(tm_video_configure(c.engine, c.from, &out, &error), TM_ENGINE_OK);
  support_sleep(300);
  CHECK_RANGE(film_stats(c.engine, c.from).frames_sent, 3, 20);
  CHECK_INT(tm_video_configure(c.engine, c.to, &in, &error), TM_ENGINE_OK);
  CHECK(support_event(c.engine, TM_EVENT_FIRST_FRAME, &event, 1000));
  support_sleep(300);
  tm_video_stats to = film_stats(c.engine, c.to);
  CHECK_INT(to.fir_sent + to.pli_sent, 0);
  CHECK_INT(to.frames_dropped, 0);
  CHECK_RANGE(to.first_frame_ms, 0, 50);
  close_cinema(&c);
}

static void mode_1(void)
{
  arrives(1, 0);
}

static void mode_0(void)
{
  arrives(0, 1100);
}

static void slices_too_large(void)
{
  cinema c;
  tm_event event;
  CHECK(open_cinema(&c, 0));
  tm_video_config out = sending(&c);
  out.packetization_mode = 0;
  CHECK(configure(&c, out, receiving(&c)));
  CHECK(support_event(c.engine, TM_EVENT_TROUBLE, &event, 1000));
  CHECK_INT(event.error.status, TM_ENGINE_CODEC);
  CHECK_INT(film_stats(c.engine, c.from).packets_sent, 0);
  close_cinema(&c);
}

// RFC 6184 8.1: 42f00b is level 1b, whose pictures are a quarter of those of level 1.1.
static void level_1b(void)
{
  cinema c;
  tm_event event;
  CHECK(open_cinema(&c, 0));
  tm_video_config out = sending(&c);
  out.profile_level_id = 0x42F00B;
  CHECK(configure(&c, out, receiving(&c)));
  CHECK(support_event(c.engine, TM_EVENT_TROUBLE, &event, 1000));
  CHECK(strstr(event.error.text, "level 1b"));
  CHECK_INT(film_stats(c.engine, c.from).packets_sent, 0);
  close_cinema(&c);
}

// 26.114 5.2.2: only baseline was agreed.
static void another_profile(void)
{
  cinema c;
  tm_event event;
  tm_error error;
  CHECK(open_cinema(&c, 0));
  tm_endpoint high = support_file(tm_fixture_path("high.h264"));
  CHECK_INT(tm_video_attach(c.engine, c.from, &high, NULL, &error), TM_ENGINE_OK);
  CHECK(configure(&c, sending(&c), receiving(&c)));
  CHECK(support_event(c.engine, TM_EVENT_TROUBLE, &event, 1000));
  CHECK(strstr(event.error.text, "profile 100"));
  CHECK_INT(film_stats(c.engine, c.from).packets_sent, 0);
  close_cinema(&c);
}

static void pictures_for_who_looks(void)
{
  static uint8_t data[1 << 19];
  cinema c;
  tm_event event;
  tm_video_frame frame;
  unsigned count = 0, keys = 0;
  uint32_t before = 0;
  CHECK(open_cinema(&c, 0));
  tm_video_config in = receiving(&c);
  in.frames = true;
  CHECK(configure(&c, sending(&c), in));
  while (count < 40) {
    CHECK(support_event(c.engine, TM_EVENT_FRAMES, &event, 1000));
    while (tm_video_next_frame(c.engine, c.to, &frame)) {
      CHECK_RANGE(frame.octets, 1, sizeof data);
      tm_video_take_frame(c.engine, c.to, &frame, data);
      if (count == 0) {
        CHECK(frame.key);
        CHECK_INT(film_count(data, frame.octets, TM_NAL_SPS), 1);
        CHECK_INT(film_count(data, frame.octets, TM_NAL_PPS), 1);
      } else {
        CHECK_RANGE(frame.timestamp - before, 2990, 3010);
      }
      CHECK_INT(film_count(data, frame.octets, TM_NAL_IDR) > 0, frame.key);
      CHECK_INT(frame.width, FILM_WIDTH);
      before = frame.timestamp;
      keys += frame.key;
      count++;
    }
  }
  CHECK_INT(keys, 1);
  close_cinema(&c);
}

// Who looks away for long gets on with a key frame, and the stream does not mind.
static void slow_viewer(void)
{
  static uint8_t data[1 << 19];
  cinema c;
  tm_video_frame frame;
  unsigned taken = 0;
  CHECK(open_cinema(&c, 0));
  CHECK(film_make(c.film, FRAMES, 0, 120));  // grain makes it large
  tm_endpoint film = support_file(c.film);
  CHECK_INT(tm_video_attach(c.engine, c.from, &film, NULL, NULL), TM_ENGINE_OK);
  tm_video_config in = receiving(&c);
  in.frames = true;
  CHECK(configure(&c, sending(&c), in));
  for (int i = 0; i < 80 && film_stats(c.engine, c.to).frames_missed == 0; i++) support_sleep(100);
  CHECK_RANGE(film_stats(c.engine, c.to).frames_missed, 1, 1000);
  while (tm_video_next_frame(c.engine, c.to, &frame)) {
    tm_video_take_frame(c.engine, c.to, &frame, data);
    taken++;
  }
  CHECK_RANGE(taken, 20, 400);
  for (int i = 0; i < 300 && !tm_video_next_frame(c.engine, c.to, &frame); i++) support_sleep(10);
  CHECK(tm_video_next_frame(c.engine, c.to, &frame));
  CHECK(frame.key);
  close_cinema(&c);
}

static void orientation(void)
{
  cinema c;
  CHECK(open_cinema(&c, 0));
  tm_video_config out = sending(&c), in = receiving(&c);
  out.cvo_id = in.cvo_id = 4;
  out.rotation = 90;
  out.mirrored = true;
  CHECK(configure(&c, out, in));
  support_sleep(500);
  tm_video_stats stats = film_stats(c.engine, c.to);
  CHECK_INT(stats.rotation, 90);
  CHECK(stats.mirrored);
  tm_engine_destroy(c.engine);
  size_t octets;
  uint8_t *copy = film_read(c.copy, &octets);
  CHECK_INT(film_count(copy, octets, TM_NAL_SEI), 1);
  free(copy);
  c.engine = NULL;
  close_cinema(&c);
}

static void hold(void)
{
  cinema c;
  CHECK(open_cinema(&c, 0));
  tm_video_config out = sending(&c), in = receiving(&c);
  CHECK(configure(&c, out, in));
  support_sleep(700);
  out.send = false;
  CHECK_INT(tm_video_configure(c.engine, c.from, &out, NULL), TM_ENGINE_OK);
  support_sleep(150);
  uint64_t sent = film_stats(c.engine, c.from).packets_sent;
  support_sleep(300);
  CHECK_INT(film_stats(c.engine, c.from).packets_sent, sent);
  CHECK_INT(film_stats(c.engine, c.to).key_frames_received, 1);
  out.send = true;
  CHECK_INT(tm_video_configure(c.engine, c.from, &out, NULL), TM_ENGINE_OK);
  support_sleep(500);
  CHECK_INT(film_stats(c.engine, c.to).key_frames_received, 2);
  CHECK_RANGE(film_stats(c.engine, c.to).frames_dropped, 0, 5);  // what hold cut off; on a busy machine pictures late
  close_cinema(&c);
}

static void ends_change(void)
{
  char other[SUPPORT_PATH];
  tm_error error = {.status = TM_ENGINE_OK};
  cinema c;
  CHECK(open_cinema(&c, 0));
  support_path(other, "other.264");
  CHECK(configure(&c, sending(&c), receiving(&c)));
  support_sleep(500);
  tm_endpoint film = support_file(c.film), copy = support_file(other), nowhere = support_file("/nowhere/at/all.264"),
              device = support_device("/dev/no-such-camera"), none = support_null();
  CHECK_INT(tm_video_attach(c.engine, c.from, &nowhere, NULL, &error), TM_ENGINE_FILE);
  CHECK_INT(tm_video_attach(c.engine, c.from, &device, NULL, &error), TM_ENGINE_DEVICE);
  CHECK_INT(tm_video_attach(c.engine, c.to, NULL, &nowhere, &error), TM_ENGINE_FILE);
  CHECK_INT(tm_video_attach(c.engine, c.from, &film, NULL, &error), TM_ENGINE_OK);
  CHECK_INT(tm_video_attach(c.engine, c.to, NULL, &copy, &error), TM_ENGINE_OK);
  support_sleep(500);
  CHECK_INT(film_stats(c.engine, c.to).key_frames_received, 2);
  CHECK_INT(tm_video_attach(c.engine, c.from, &none, &none, &error), TM_ENGINE_OK);
  support_sleep(100);
  uint64_t sent = film_stats(c.engine, c.from).packets_sent;
  support_sleep(200);
  CHECK_INT(film_stats(c.engine, c.from).packets_sent, sent);
  tm_engine_destroy(c.engine);
  CHECK(copy_is_true(&c, 10));
  unlink(other);
  c.engine = NULL;
  close_cinema(&c);
}

// SPS and PPS in the SDP only: the file begins with them all the same.
static void sets_from_sdp(void)
{
  tm_video_description description;
  tm_error error;
  char bare[SUPPORT_PATH];
  cinema c;
  CHECK(open_cinema(&c, 0));
  tm_endpoint film = support_file(c.film);
  CHECK_INT(tm_video_describe(c.engine, &film, 31, &description, &error), TM_ENGINE_OK);
  CHECK_INT(description.width, FILM_WIDTH);
  CHECK_INT(description.profile_level_id >> 16, 0x42);
  CHECK_INT(description.profile_level_id & 0xff, 31);
  CHECK(description.sets[0] != '\0');
  CHECK(description.fragments);
  // A film without its sets.
  size_t octets;
  uint8_t *data = film_read(c.film, &octets);
  support_path(bare, "bare.264");
  FILE *out = fopen(bare, "wb");
  CHECK(data && out);
  tm_nal_scanner scanner;
  tm_nal nal;
  static const uint8_t start[] = {0, 0, 0, 1};
  tm_nal_scan(&scanner, data, octets);
  while (tm_nal_next(&scanner, &nal) == TM_OK) {
    if (nal.type == TM_NAL_SPS || nal.type == TM_NAL_PPS) continue;
    fwrite(start, 1, sizeof start, out);
    fwrite(nal.data, 1, nal.bytes, out);
  }
  fclose(out);
  free(data);
  tm_endpoint without = support_file(bare);
  CHECK_INT(tm_video_attach(c.engine, c.from, &without, NULL, &error), TM_ENGINE_OK);
  tm_video_config in = receiving(&c);
  in.parameter_sets = description.sets;
  CHECK(configure(&c, sending(&c), in));
  support_sleep(500);
  CHECK_RANGE(film_stats(c.engine, c.to).frames_received, 5, 30);
  CHECK_INT(film_stats(c.engine, c.to).fir_sent, 0);
  CHECK_INT(film_stats(c.engine, c.to).width, FILM_WIDTH);
  tm_engine_destroy(c.engine);
  CHECK(copy_is_true(&c, 8));
  unlink(bare);
  c.engine = NULL;
  close_cinema(&c);
}

static void bad_arguments(void)
{
  cinema c;
  tm_error error;
  CHECK(open_cinema(&c, 0));
  tm_video_config good = sending(&c), bad = good;
  bad.packetization_mode = 2;
  CHECK_INT(tm_video_configure(c.engine, c.from, &bad, &error), TM_ENGINE_ARGUMENT);
  bad = good;
  bad.profile_level_id = 0x42E0FF;
  CHECK_INT(tm_video_configure(c.engine, c.from, &bad, &error), TM_ENGINE_ARGUMENT);
  bad = good;
  bad.rotation = 45;
  CHECK_INT(tm_video_configure(c.engine, c.from, &bad, &error), TM_ENGINE_ARGUMENT);
  bad = good;
  bad.remote_address = "here";
  CHECK_INT(tm_video_configure(c.engine, c.from, &bad, &error), TM_ENGINE_ADDRESS);
  tm_stream_config sound = support_config(TM_CODEC_NAME_PCMU, 4000);
  CHECK_INT(tm_stream_configure(c.engine, c.from, &sound, &error), TM_ENGINE_ARGUMENT);
  tm_endpoint tone = support_tone(440);
  CHECK_INT(tm_video_attach(c.engine, c.from, &tone, NULL, &error), TM_ENGINE_ARGUMENT);
  CHECK_INT(tm_video_configure(c.engine, 12345, &good, &error), TM_ENGINE_ARGUMENT);
  close_cinema(&c);
}

int main(void)
{
  tm_test_run("packetization-mode 1: the file that arrives is the file that was sent", mode_1);
  tm_test_run("pictures that came before the answer", before_the_answer);
  tm_test_run("packetization-mode 0 with slices that fit", mode_0);
  tm_test_run("slices too large for packetization-mode 0 are told of", slices_too_large);
  tm_test_run("a peer of level 1b is not sent larger pictures", level_1b);
  tm_test_run("a film of another profile than baseline is not sent", another_profile);
  tm_test_run("pictures for who looks", pictures_for_who_looks);
  tm_test_run("who looks away gets on with a key frame", slow_viewer);
  tm_test_run("orientation arrives, and stands in the file", orientation);
  tm_test_run("hold and resume begin with a key frame", hold);
  tm_test_run("ends change in mid-call", ends_change);
  tm_test_run("parameter sets from the SDP", sets_from_sdp);
  tm_test_run("bad arguments", bad_arguments);
  return tm_test_end();
}
