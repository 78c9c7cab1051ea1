// The sound side on a card of the kernel, snd-aloop: run inside an emulated machine as its only user.
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "support.h"
#include "tm_test.h"

enum {
  LOOK_MS = 400,
  TONE_HZ = 440,
  // An emulated processor is slow and its clock ticks late: one gap more or less is not what is looked at here.
  FLOW_MS = 5000,
  EVENT_MS = 15000,
};

static const char PLAYS[] = "plughw:CARD=Loopback,DEV=0";
static const char RECORDS[] = "plughw:CARD=Loopback,DEV=1";
static const char WAV[] = "/tmp/heard.wav";

typedef struct {
  tm_engine *engine;
  uint32_t talker, player, recorder, listener;
} chain;

static void join_streams(chain *c, uint32_t from, uint32_t to)
{
  tm_stream_config forth = support_config(TM_CODEC_NAME_PCMA, tm_stream_port(c->engine, to));
  tm_stream_config back = support_config(TM_CODEC_NAME_PCMA, tm_stream_port(c->engine, from));
  forth.receive = back.send = false;
  (void)tm_stream_configure(c->engine, from, &forth, NULL);
  (void)tm_stream_configure(c->engine, to, &back, NULL);
}

// tone -> RTP -> played on the card; recorded from its other end -> RTP -> file.
static bool build(chain *c)
{
  c->engine = support_engine();
  c->talker = support_open(c->engine, support_tone(TONE_HZ), support_null());
  c->player = support_open(c->engine, support_null(), support_device(PLAYS));
  c->recorder = support_open(c->engine, support_device(RECORDS), support_null());
  c->listener = support_open(c->engine, support_null(), support_file(WAV));
  if (!c->talker || !c->player || !c->recorder || !c->listener) return false;
  join_streams(c, c->talker, c->player);
  join_streams(c, c->recorder, c->listener);
  return true;
}

static bool write_file(const char *path, const char *text)
{
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
  close(fd);
  return done;
}

#define DRIVER "/sys/bus/platform/drivers/snd_aloop/"

static void through(void)
{
  chain c;
  CHECK(build(&c));
  support_sleep(FLOW_MS);
  tm_engine_destroy(c.engine);
  CHECK_RANGE(support_level(WAV, TONE_HZ, LOOK_MS, 100), -18, -8);
}

// The control of the one above: nobody plays.
static void nothing_played(void)
{
  chain c;
  CHECK(build(&c));
  (void)tm_stream_close(c.engine, c.talker);
  (void)tm_stream_close(c.engine, c.player);
  support_sleep(FLOW_MS / 2);
  tm_engine_destroy(c.engine);
  CHECK_RANGE(support_level(WAV, TONE_HZ, LOOK_MS, 100), -200, -60);
}

typedef struct {
  bool seen;
} found;

static void look(void *context, const char *name, const char *description)
{
  (void)description;
  if (strstr(name, "CARD=Loopback")) ((found *)context)->seen = true;
}

static void listed(void)
{
  found capture = {false}, playback = {false};
  tm_engine_devices(true, look, &capture);
  tm_engine_devices(false, look, &playback);
  CHECK(capture.seen);
  CHECK(playback.seen);
}

// The driver lets the card go while it is in use, as a pulled USB plug does, and brings it back.
static void unplugged(void)
{
  chain c;
  tm_event event;
  tm_stream_stats stats;
  CHECK(build(&c));
  support_sleep(FLOW_MS / 2);
  CHECK(write_file(DRIVER "unbind", "snd_aloop.0"));
  CHECK(support_event(c.engine, TM_EVENT_TROUBLE, &event, EVENT_MS));
  CHECK_INT(event.error.status, TM_ENGINE_DEVICE);
  CHECK(support_event(c.engine, TM_EVENT_TROUBLE, &event, EVENT_MS));
  tm_stream_stats_get(c.engine, c.recorder, &stats);
  uint64_t sent = stats.packets_sent;
  support_sleep(1000);
  tm_stream_stats_get(c.engine, c.recorder, &stats);
  CHECK_RANGE(stats.packets_sent - sent, 20, 80);
  CHECK(write_file(DRIVER "bind", "snd_aloop.0"));
  CHECK(support_event(c.engine, TM_EVENT_RECOVERED, &event, EVENT_MS));
  CHECK(support_event(c.engine, TM_EVENT_RECOVERED, &event, EVENT_MS));
  support_sleep(FLOW_MS);
  tm_engine_destroy(c.engine);
  CHECK_RANGE(support_level(WAV, TONE_HZ, LOOK_MS, 100), -18, -8);
}

// Somebody else has the device: the call goes on and its owner is told, and again when the device is free.
static void busy(void)
{
  tm_event event = {0}, again;
  tm_engine *first = support_engine(), *second = support_engine();
  bool opened = support_open(first, support_null(), support_device(PLAYS)) != 0;
  support_sleep(200);
  opened = support_open(second, support_null(), support_device(PLAYS)) != 0 && opened;
  bool told = support_event(second, TM_EVENT_TROUBLE, &event, EVENT_MS);
  tm_engine_destroy(first);
  bool recovered = support_event(second, TM_EVENT_RECOVERED, &again, EVENT_MS);
  tm_engine_destroy(second);
  CHECK(opened);
  CHECK(told);
  CHECK_INT(event.error.status, TM_ENGINE_DEVICE);
  CHECK_INT(event.error.code < 0 ? -event.error.code : event.error.code, EBUSY);
  CHECK(recovered);
}

int main(void)
{
  tm_test_run("the card is listed by its stable name", listed);
  tm_test_run("a tone through a card of the kernel", through);
  tm_test_run("control: nobody plays, nothing is heard", nothing_played);
  tm_test_run("a device that somebody else has", busy);
  tm_test_run("pulled out and put in again in a call", unplugged);
  return tm_test_end();
}
