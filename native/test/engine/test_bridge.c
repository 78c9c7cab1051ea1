// A conference in the engine: three parties with tones of their own, each hears the two others, over codecs of both rates.
#include <stdio.h>
#include <unistd.h>

#include "support.h"
#include "tm_test.h"

enum { PARTIES = 3, TALK_MS = 1600, LOOK_MS = 700 };

static const double TONES[PARTIES] = {440, 1000, 1900};
static const tm_codec_name CODECS[PARTIES] = {TM_CODEC_NAME_PCMU, TM_CODEC_NAME_AMR_WB, TM_CODEC_NAME_PCMA};

typedef struct {
  uint32_t party, seat;
  char path[SUPPORT_PATH];
} place;

static tm_endpoint seat_of(const char *bridge)
{
  return (tm_endpoint){.kind = TM_ENDPOINT_BRIDGE, .name = bridge};
}

static bool sit_down(tm_engine *engine, place *at, unsigned i, const char *bridge)
{
  char what[16];
  (void)snprintf(what, sizeof what, "party%u.wav", i);
  support_path(at->path, what);
  at->party = support_open(engine, support_tone(TONES[i]), support_file(at->path));
  at->seat = support_open(engine, seat_of(bridge), seat_of(bridge));
  if (!at->party || !at->seat) return false;
  tm_stream_config to_seat = support_config(CODECS[i], tm_stream_port(engine, at->seat));
  tm_stream_config to_party = support_config(CODECS[i], tm_stream_port(engine, at->party));
  return tm_stream_configure(engine, at->party, &to_seat, NULL) == TM_ENGINE_OK &&
         tm_stream_configure(engine, at->seat, &to_party, NULL) == TM_ENGINE_OK;
}

static void three(void)
{
  tm_engine *engine = support_engine();
  place places[PARTIES];
  CHECK(engine != NULL);
  for (unsigned i = 0; i < PARTIES; i++) CHECK(sit_down(engine, &places[i], i, "room"));
  support_sleep(TALK_MS);
  tm_engine_destroy(engine);
  for (unsigned i = 0; i < PARTIES; i++) {
    for (unsigned j = 0; j < PARTIES; j++) {
      double level = support_level(places[i].path, TONES[j], LOOK_MS, 200);
      if (i == j) CHECK_RANGE(level, -200, -40);
      else CHECK_RANGE(level, -15, -10.5);
    }
    unlink(places[i].path);
  }
}

// Who sits at another bridge hears nothing of this one; who leaves is not heard any more, and the bridge goes with its last member.
static void apart_and_gone(void)
{
  tm_engine *engine = support_engine();
  place places[PARTIES];
  tm_event event;
  CHECK(engine != NULL);
  for (unsigned i = 0; i < PARTIES; i++) CHECK(sit_down(engine, &places[i], i, i == 2 ? "other" : "room"));
  support_sleep(LOOK_MS);
  CHECK_INT(tm_stream_close(engine, places[1].seat), TM_ENGINE_OK);
  CHECK(support_event(engine, TM_EVENT_CLOSED, &event, 1000));
  // The third changes over while it talks.
  tm_endpoint room = seat_of("room");
  CHECK_INT(tm_stream_attach(engine, places[2].seat, &room, &room, NULL), TM_ENGINE_OK);
  support_sleep(TALK_MS);
  tm_engine_destroy(engine);
  CHECK_RANGE(support_level(places[0].path, TONES[1], LOOK_MS, 200), -200, -40);
  CHECK_RANGE(support_level(places[0].path, TONES[2], LOOK_MS, 200), -15, -10.5);
  CHECK_RANGE(support_level(places[2].path, TONES[0], LOOK_MS, 200), -15, -10.5);
  CHECK_RANGE(support_level(places[1].path, TONES[0], LOOK_MS, 200), -200, -40);
  for (unsigned i = 0; i < PARTIES; i++) unlink(places[i].path);
}

int main(void)
{
  tm_test_run("three parties, each hears the two others", three);
  tm_test_run("another bridge is apart, who leaves is gone, who changes over is there", apart_and_gone);
  return tm_test_end();
}
