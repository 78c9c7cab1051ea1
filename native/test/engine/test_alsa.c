// The device side against the test-only sound card: loopback with resampling and clock skew, sharing, and every fault.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../room/scene.h"
#include "support.h"
#include "tm_test.h"
#include "tm_wav.h"

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
           "pcm.odd { type tandemtest cable odd rate 44100 channels 2 skew_ppm 1500 faults \"%s\" }\n"
           "pcm.array { type tandemtest cable array rate 48000 channels 4 format S32 }\n"
           "pcm.packed { type tandemtest cable packed rate 44100 channels 2 format S24_3LE }\n"
           "pcm.toy { type tandemtest cable toy rate 8000 channels 1 format U8 }\n"
           "pcm.room { type tandemtest cable room rate 48000 channels 2 delay_ms 70 skew_ppm 80 }\n"
           "pcm.deaf { type tandemtest cable deaf rate 48000 channels 2 }\n",
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

static void array(void) { through("array", 1500); }
static void packed(void) { through("packed", 1500); }
static void toy(void) { through("toy", 1500); }

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

// In somebody else's hands, or not plugged in, when the call begins: it begins all the same.
static void absent(const char *fault, const char *reason)
{
  chain c;
  tm_event event;
  write_text(fault, "");
  CHECK(build(&c, "usual"));
  CHECK(support_event(c.engine, TM_EVENT_TROUBLE, &event, 1000));
  CHECK_INT(event.error.status, TM_ENGINE_DEVICE);
  CHECK(strstr(event.error.text, reason) != NULL);
  CHECK(support_event(c.engine, TM_EVENT_TROUBLE, &event, 1000));
  take_away(fault);
  CHECK(support_event(c.engine, TM_EVENT_RECOVERED, &event, 3000));
  CHECK(support_event(c.engine, TM_EVENT_RECOVERED, &event, 3000));
  support_sleep(1000);
  end(&c);
  CHECK_RANGE(support_level(c.path, 440, LOOK_MS, 100), -15, -10);
  unlink(c.path);
}

static void busy(void) { absent("usual.busy", "busy"); }
static void not_there(void) { absent("usual.unplug", "No such device"); }

static void unknown(void)
{
  tm_engine *engine = support_engine();
  tm_error error = {.status = TM_ENGINE_OK};
  uint32_t id = 0;
  tm_stream_options options = {.address = "127.0.0.1", .capture = support_device("nobody_s")};
  CHECK_INT(tm_stream_open(engine, &options, &id, &error), TM_ENGINE_DEVICE);
  tm_engine_destroy(engine);
}

static void measured(void)
{
  tm_engine *engine = support_engine();
  tm_delay_measure found = {0};
  tm_error error = {.status = TM_ENGINE_OK};
  CHECK_INT(tm_engine_measure_delay(engine, "room", "room", &found, &error), TM_ENGINE_OK);
  printf("# 70 ms away: %.2f ms, confidence %.2f, echo %.1f dB\n", found.delay_ms, found.confidence, found.echo_db);
  CHECK_RANGE(found.delay_ms, 66, 74);
  CHECK_RANGE(found.confidence, 0.7, 1);
  CHECK_RANGE(found.echo_db, -2, 2);
  // What hears nothing says so.
  CHECK_INT(tm_engine_measure_delay(engine, "deaf", "room", &found, &error), TM_ENGINE_OK);
  CHECK_RANGE(found.confidence, 0, 0.1);
  CHECK_INT(tm_engine_measure_delay(engine, "nobody_s", "room", &found, &error), TM_ENGINE_DEVICE);
  CHECK_INT(tm_engine_set_delay(engine, TM_ROOM_MAX_DELAY_MS + 1), TM_ENGINE_ARGUMENT);
  CHECK_INT(tm_engine_set_delay(engine, 70), TM_ENGINE_OK);
  tm_engine_destroy(engine);
}

// The far talker's speech out of a file, played into a room that sends it back: level of what leaves again, and what the engine says of it.
static bool speech_file(const char *path)
{
  static int16_t pcm[8 * 16000];
  tm_wav_writer *writer = NULL;
  scene_speech(pcm, sizeof pcm / sizeof *pcm, -22, 11);
  if (tm_wav_create(path, 16000, &writer) != TM_OK) return false;
  tm_status status = tm_wav_write(writer, pcm, sizeof pcm / sizeof *pcm);
  return tm_wav_writer_close(writer) == TM_OK && status == TM_OK;
}

static double echo_of(bool cancels, tm_stream_stats *stats)
{
  char path[SUPPORT_PATH];
  tm_error error;
  tm_engine_options options = {.realtime = true, .room = {.echo_cancel = cancels, .delay_ms = TM_ROOM_DELAY_UNKNOWN}};
  tm_engine *engine = tm_engine_create(&options, &error);
  support_path(path, "speech.wav");
  double sum = 0.0;
  if (!engine || !speech_file(path)) return 0.0;
  uint32_t talker = support_open(engine, support_file(path), support_null());
  uint32_t device = support_open(engine, support_device("room"), support_device("room"));
  tm_stream_config forth = support_config(TM_CODEC_NAME_PCMA, tm_stream_port(engine, device));
  tm_stream_config back = support_config(TM_CODEC_NAME_PCMA, tm_stream_port(engine, talker));
  (void)tm_stream_configure(engine, talker, &forth, NULL);
  (void)tm_stream_configure(engine, device, &back, NULL);
  support_sleep(4000);
  for (int i = 0; i < 15; i++) {
    support_sleep(200);
    tm_stream_stats_get(engine, device, stats);
    sum += pow(10.0, stats->level_in_dbov / 10.0);
  }
  tm_engine_destroy(engine);
  unlink(path);
  return 10.0 * log10(sum / 15.0);
}

static void cancelled(void)
{
  tm_stream_stats with, without;
  double off = echo_of(false, &without), on = echo_of(true, &with);
  printf("# echo sent back: %.1f dBov without, %.1f dBov with; ERL %.1f dB, ERLE %.1f dB, delay %d ms\n", off, on, with.erl_db, with.erle_db,
         with.echo_delay_ms);
  CHECK_RANGE(off, -30, -15);
  CHECK_RANGE(off - on, 15, 100);
  CHECK(!without.echo_known && with.echo_known);
  CHECK_RANGE(with.erle_db, 10, 100);
  CHECK_RANGE(with.echo_delay_ms, 60, 85);
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
  tm_test_run("a card of four channels and 32 bit", array);
  tm_test_run("a card at 44.1 kHz with packed 24 bit", packed);
  tm_test_run("a card at 8 kHz with 8 bit", toy);
  tm_test_run("xrun healed", xrun);
  tm_test_run("suspend healed", suspended);
  tm_test_run("unplugged and plugged in again", unplugged);
  tm_test_run("busy when the call begins", busy);
  tm_test_run("unplugged when the call begins", not_there);
  tm_test_run("no such device", unknown);
  tm_test_run("one card, several calls", shared);
  tm_test_run("the delay of a room measured", measured);
  tm_test_run("echo cancelled from device to device", cancelled);
  take_away("asound.conf");
  rmdir(folder);
  return tm_test_end();
}
