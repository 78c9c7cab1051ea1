// The device side against the test-only sound card: loopback with resampling and clock skew, sharing, and every fault.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"
#include "tm_test.h"

enum { LOOK_MS = 100 };  // short: a clock that is evened out shifts a tone by up to 0.3 %

static char folder[SUPPORT_PATH];

static void write_text(const char *name, const char *text)
{
  char path[2 * SUPPORT_PATH];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "w");
  if (!file) return;
  fputs(text, file);
  fclose(file);
}

static void take_away(const char *name)
{
  char path[2 * SUPPORT_PATH];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  unlink(path);
}

// Cards: `wide` at our rate, `usual` as most hardware is, `odd` with another clock. ALSA reads the file at the first use.
static bool prepare(const char *program)
{
  char text[2048], path[2 * SUPPORT_PATH], plugins[2 * SUPPORT_PATH];
  support_path(folder, "alsa");
  if (mkdir(folder, 0700) != 0) return false;
  snprintf(text, sizeof text,
           "pcm.wide { type tandemtest cable wide rate 16000 channels 1 faults \"%s\" }\n"
           "pcm.usual { type tandemtest cable usual rate 48000 channels 2 faults \"%s\" }\n"
           "pcm.odd { type tandemtest cable odd rate 44100 channels 2 skew_ppm 1500 faults \"%s\" }\n",
           folder, folder, folder);
  write_text("asound.conf", text);
  snprintf(path, sizeof path, "%s/asound.conf", folder);
  snprintf(plugins, sizeof plugins, "%s", program);
  // The plug-in lies at the top of the build folder: PROGRAM is BUILD/test/engine/test_alsa.
  for (int i = 0; i < 3; i++) {
    char *slash = strrchr(plugins, '/');
    if (!slash) return false;
    *slash = '\0';
  }
  return setenv("ALSA_CONFIG_PATH", path, 1) == 0 && setenv("ALSA_PLUGIN_DIR", plugins, 1) == 0;
}

typedef struct {
  tm_engine *engine;
  uint32_t talker, player, recorder, listener;
  char path[SUPPORT_PATH];
} chain;

static void connect_streams(chain *c, uint32_t from, uint32_t to)
{
  tm_stream_config forth = support_config(TM_CODEC_NAME_AMR_WB, tm_stream_port(c->engine, to));
  tm_stream_config back = support_config(TM_CODEC_NAME_AMR_WB, tm_stream_port(c->engine, from));
  forth.receive = back.send = false;
  (void)tm_stream_configure(c->engine, from, &forth, NULL);
  (void)tm_stream_configure(c->engine, to, &back, NULL);
}

// tone -> RTP -> played on the card, captured from it -> RTP -> file.
static bool build(chain *c, const char *card)
{
  support_path(c->path, "card.wav");
  c->engine = support_engine();
  c->talker = support_open(c->engine, support_tone(440), support_null());
  c->player = support_open(c->engine, support_null(), support_device(card));
  c->recorder = support_open(c->engine, support_device(card), support_null());
  c->listener = support_open(c->engine, support_null(), support_file(c->path));
  if (!c->talker || !c->player || !c->recorder || !c->listener) return false;
  connect_streams(c, c->talker, c->player);
  connect_streams(c, c->recorder, c->listener);
  return true;
}

static void end(chain *c)
{
  tm_engine_destroy(c->engine);
  c->engine = NULL;
}

static void through(const char *card, int ms)
{
  chain c;
  CHECK(build(&c, card));
  support_sleep(ms);
  end(&c);
  CHECK_RANGE(support_level(c.path, 440, LOOK_MS, 100), -15, -10);
  unlink(c.path);
}

static void wide(void) { through("wide", 1500); }
static void usual(void) { through("usual", 1500); }
static void odd_and_fast(void) { through("odd", 4000); }

static void one_shot(const char *fault)
{
  chain c;
  tm_event event;
  CHECK(build(&c, "usual"));
  support_sleep(800);
  write_text(fault, "");
  support_sleep(1200);
  // Healed inside: nobody is troubled.
  CHECK(!support_event(c.engine, TM_EVENT_TROUBLE, &event, 50));
  end(&c);
  char path[2 * SUPPORT_PATH];
  snprintf(path, sizeof path, "%s/%s", folder, fault);
  CHECK(access(path, F_OK) != 0);
  CHECK_RANGE(support_level(c.path, 440, LOOK_MS, 100), -15, -10);
  unlink(c.path);
}

static void xrun(void) { one_shot("usual.xrun"); }
static void suspended(void) { one_shot("usual.suspend"); }

static void unplugged(void)
{
  chain c;
  tm_event event;
  tm_stream_stats stats;
  CHECK(build(&c, "usual"));
  support_sleep(600);
  write_text("usual.unplug", "");
  CHECK(support_event(c.engine, TM_EVENT_TROUBLE, &event, 3000));
  CHECK_INT(event.error.status, TM_ENGINE_DEVICE);
  CHECK(strstr(event.error.text, "usual") != NULL);
  CHECK(support_event(c.engine, TM_EVENT_TROUBLE, &event, 3000));
  // The call goes on: packets with silence.
  tm_stream_stats_get(c.engine, c.recorder, &stats);
  uint64_t sent = stats.packets_sent;
  support_sleep(400);
  tm_stream_stats_get(c.engine, c.recorder, &stats);
  CHECK_RANGE(stats.packets_sent - sent, 15, 25);
  CHECK_RANGE(stats.level_in_dbov, -127, -90);
  tm_error error;
  uint32_t id = 0;
  tm_stream_options options = {.address = "127.0.0.1", .capture = support_device("wide")};
  CHECK_INT(tm_stream_open(c.engine, &options, &id, &error), TM_ENGINE_OK);
  take_away("usual.unplug");
  CHECK(support_event(c.engine, TM_EVENT_RECOVERED, &event, 3000));
  CHECK(support_event(c.engine, TM_EVENT_RECOVERED, &event, 3000));
  support_sleep(1000);
  end(&c);
  CHECK_RANGE(support_level(c.path, 440, LOOK_MS, 100), -15, -10);
  unlink(c.path);
}

// Two calls play on one card and two record from it: mixed and fanned out.
static void shared(void)
{
  chain c;
  char second[SUPPORT_PATH];
  CHECK(build(&c, "wide"));
  support_path(second, "second.wav");
  uint32_t talker = support_open(c.engine, support_tone(1500), support_null());
  uint32_t player = support_open(c.engine, support_null(), support_device("wide"));
  uint32_t recorder = support_open(c.engine, support_device("wide"), support_null());
  uint32_t listener = support_open(c.engine, support_null(), support_file(second));
  CHECK(talker && player && recorder && listener);
  connect_streams(&c, talker, player);
  connect_streams(&c, recorder, listener);
  support_sleep(1800);
  end(&c);
  CHECK_RANGE(support_level(c.path, 440, LOOK_MS, 100), -15, -10);
  CHECK_RANGE(support_level(c.path, 1500, LOOK_MS, 100), -15, -10);
  CHECK_RANGE(support_level(second, 440, LOOK_MS, 100), -15, -10);
  CHECK_RANGE(support_level(second, 1500, LOOK_MS, 100), -15, -10);
  unlink(c.path);
  unlink(second);
}

int main(int count, char **arguments)
{
  if (count < 1 || !prepare(arguments[0])) {
    printf("not ok the test card's configuration\n");
    return 1;
  }
  tm_test_run("a card at our rate", wide);
  tm_test_run("a card at 48 kHz, stereo", usual);
  tm_test_run("a card at 44.1 kHz whose clock is 1500 ppm fast", odd_and_fast);
  tm_test_run("xrun healed", xrun);
  tm_test_run("suspend healed", suspended);
  tm_test_run("unplugged and plugged in again", unplugged);
  tm_test_run("one card, several calls", shared);
  take_away("asound.conf");
  rmdir(folder);
  return tm_test_end();
}
